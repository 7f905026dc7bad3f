//! One client who takes too much: refused in etcd's words, counted, and nobody else's trouble.

use e2e::metrics::sum_at;
use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually};
use proto_gen::etcdserverpb::WatchCreateRequest;
use tonic::Code;

use crate::requests::{get, watch, watch_cancel, watch_key};
use crate::watch::{create_watch, open};

const TOO_MANY: &str = "etcdserver: too many requests";

async fn refused(proxy: &Proxy, what: &str) -> f64 {
    let label = format!("what=\"{what}\"");
    sum_at(proxy.address(), "/proxy/metrics", "etcd_grpc_proxy_limits_refused_total", &[&label]).await
}

/// How many of so many reads at once reach etcd, which may not know the token; the others are refused as etcd refuses.
async fn answered(client: &Client, reads: usize) -> usize {
    let mut answered = 0;
    for _ in 0..reads {
        match client.kv().range(get("a")).await {
            Err(status) if status.message() == TOO_MANY => assert_eq!(status.code(), Code::ResourceExhausted),
            _ => answered += 1,
        }
    }
    answered
}

#[tokio::test]
async fn calls_beyond_the_rate_are_refused() {
    let cluster = Cluster::start(Shape::single()).await;
    // One in a second, so that a slow machine adds few.
    let proxy = Proxy::start(&cluster.endpoints(), &["--client-qps=1", "--client-burst=5"]).await;
    let answered = answered(&proxy.client(), 40).await;
    assert!((5..30).contains(&answered), "{answered}");
    assert_eq!(refused(&proxy, "call").await, (40 - answered) as f64);
    let labels = ["grpc_method=\"Range\"", "grpc_code=\"ResourceExhausted\""];
    let handled = sum_at(proxy.address(), "/proxy/metrics", "grpc_server_handled_total", &labels).await;
    assert_eq!(handled, (40 - answered) as f64);
    let mut codes = Vec::new();
    for _ in 0..40 {
        let body = "{\"key\":\"YQ==\"}";
        let request =
            format!("POST /v3/kv/range HTTP/1.0\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let answer = e2e::http1::exchange(proxy.address(), request.as_bytes()).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        codes.push(answer.split(' ').nth(1).expect("a code").to_owned());
        assert!(codes.last().is_some_and(|code| code == "200") || answer.contains(TOO_MANY), "{answer}");
    }
    assert!(codes.iter().filter(|code| *code == "429").count() > 10, "{codes:?}");
    // Neither pages nor the proxy's own checks are calls of a client.
    assert_eq!(e2e::http1::page(proxy.address(), "GET", "/readyz").await.expect("a page").status, 200);
}

#[tokio::test]
async fn a_credential_is_a_client_of_its_own() {
    let cluster = Cluster::start(Shape::single()).await;
    let flags = ["--client-qps=1", "--client-burst=5", "--client-key=credential"];
    let proxy = Proxy::start(&cluster.endpoints(), &flags).await;
    let nobody = proxy.client();
    assert!(answered(&nobody, 40).await < 30);
    let somebody = nobody.with("token", "somebody");
    assert!(answered(&somebody, 5).await == 5);
    assert!(answered(&proxy.client().with("token", "somebody"), 40).await < 30);
}

#[tokio::test]
async fn watchers_beyond_the_quota_are_refused_and_the_others_go_on() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--max-watches-per-client=3"]).await;
    let client = proxy.client();
    let (mut first, _) = create_watch(&client, watch_key("a", 0)).await;
    // A wish for the member's own answers is no way around.
    let passing = client.with("etcd-proxy-watch", "passthrough");
    let mut second = open(&passing);
    for _ in 0..2 {
        second.send(watch(watch_key("a", 0))).await;
        assert!(!second.next().await.canceled);
    }
    for stream in [&mut first, &mut second] {
        stream.send(watch(WatchCreateRequest { watch_id: 9, ..watch_key("a", 0) })).await;
        let answer = stream.next().await;
        assert!(answer.created && answer.canceled && answer.watch_id == -1, "{answer:?}");
        assert_eq!(answer.cancel_reason, TOO_MANY);
    }
    assert_eq!(refused(&proxy, "watcher").await, 2.0);
    second.send(watch_cancel(0)).await;
    assert!(second.next().await.canceled);
    first.send(watch(watch_key("b", 0))).await;
    assert!(!first.next().await.canceled);
    drop((first, second));
    let free = async || {
        let (watching, created) = create_watch(&client, watch_key("c", 0)).await;
        drop(watching);
        (!created.canceled).then_some(())
    };
    eventually("the places of streams that have ended are free", SOON, free).await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let cluster = Cluster::start(Shape::single()).await;
    let pages = format!("127.0.0.1:{}", e2e::ports::free_port());
    let flags = ["--max-connections=2", &format!("--metrics-addr=http://{pages}")];
    let proxy = Proxy::start(&cluster.endpoints(), &flags).await;
    let clients = [proxy.client(), proxy.client()];
    for client in &clients {
        client.kv().range(get("a")).await.expect("a get");
    }
    let third = proxy.client().kv().range(get("a")).await.expect_err("no room");
    // The code is the client library's own word for a connection that was closed.
    assert!(matches!(third.code(), Code::Unavailable | Code::Cancelled | Code::Unknown), "{third:?}");
    let refused =
        sum_at(&pages, "/proxy/metrics", "etcd_grpc_proxy_limits_refused_total", &["what=\"connection\""])
            .await;
    assert!(refused >= 1.0);
    drop(clients);
    let served = async || proxy.client().kv().range(get("a")).await.ok();
    eventually("there is room again", SOON, served).await;
}
