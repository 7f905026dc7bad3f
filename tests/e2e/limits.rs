//! One client who takes too much: refused in etcd's words, counted, and nobody else's trouble.

use e2e::certificates::Wish;
use e2e::metrics::{becomes, sum_at};
use e2e::{Authority, Client, Cluster, Files, JsonConnection, Proxy, SOON, Shape, eventually, tls};
use proto_gen::etcdserverpb::WatchCreateRequest;
use tonic::Code;

use crate::requests::{get, watch, watch_cancel, watch_key};
use crate::tls::{serving, started};
use crate::watch::{create_watch, open};

const TOO_MANY: &str = "etcdserver: too many requests";

/// A read of a key in JSON.
const READ: &str = "{\"key\":\"YQ==\"}";

async fn counts_refused(proxy: &Proxy, what: &str, count: usize) {
    let label = format!("what=\"{what}\"");
    let name = "etcd_grpc_proxy_limits_refused_total";
    becomes(proxy.address(), "/proxy/metrics", name, &[&label], count as f64).await;
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
    counts_refused(&proxy, "call", 40 - answered).await;
    let labels = ["grpc_method=\"Range\"", "grpc_code=\"ResourceExhausted\""];
    let refused = (40 - answered) as f64;
    becomes(proxy.address(), "/proxy/metrics", "grpc_server_handled_total", &labels, refused).await;
    // Neither pages nor the proxy's own checks are calls of a client.
    assert_eq!(e2e::http1::page(proxy.address(), "GET", "/readyz").await.expect("a page").status, 200);
}

/// etcd has an answer of the same code: when it has no room left.
#[tokio::test]
async fn a_json_call_beyond_the_rate_is_refused_as_etcds_gateway_refuses() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--client-qps=1", "--client-burst=5"]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    let mut refusals = Vec::new();
    for _ in 0..40 {
        let answer = json.post("/v3/kv/range", READ).await;
        if answer.status != 200 {
            refusals.push(answer);
        }
    }
    assert!((10..=35).contains(&refusals.len()), "{} refusals", refusals.len());
    // A stream is a call as well, over a connection of its own too.
    let mut other = JsonConnection::connect_http2(proxy.address()).await;
    let calls = async || {
        // One that ends by itself when it is let in.
        let stream = other.post("/v3/lease/keepalive", r#"{"ID":"5"}"#);
        Some(stream.await).filter(|answer| answer.status == 429)
    };
    refusals.push(eventually("a stream is refused", SOON, calls).await);
    counts_refused(&proxy, "call", refusals.len()).await;

    let mut etcd = JsonConnection::connect(cluster.member(0).address()).await;
    let raised = etcd.post("/v3/maintenance/alarm", r#"{"action":"ACTIVATE","alarm":"NOSPACE"}"#).await;
    assert_eq!(raised.status, 200, "{}", raised.body);
    let expected = etcd.post("/v3/kv/put", r#"{"key":"YQ==","value":"YQ=="}"#).await;
    let text = "etcdserver: mvcc: database space exceeded";
    assert!(expected.body.contains(text), "{}", expected.body);
    for refusal in refusals {
        assert_eq!(refusal.status, expected.status, "{}", refusal.body);
        assert_eq!(refusal.headers["content-type"], expected.headers["content-type"]);
        let (refusal, mut expected) = (refusal.json(), expected.json());
        // A field that says that there is nothing more to say.
        expected.as_object_mut().expect("an object").remove("details");
        for (name, value) in expected.as_object().expect("an object") {
            let value = if value == text { TOO_MANY.into() } else { value.clone() };
            assert_eq!(refusal[name], value, "{name} of {refusal}");
        }
    }
}

#[tokio::test]
async fn a_credential_is_a_client_of_its_own() {
    let cluster = Cluster::start(Shape::single()).await;
    let flags = ["--client-qps=1", "--client-burst=30", "--client-key=credential"];
    let proxy = Proxy::start(&cluster.endpoints(), &flags).await;
    let nobody = proxy.client();
    assert!(answered(&nobody, 90).await < 90);
    let somebody = nobody.with("token", "somebody");
    assert_eq!(answered(&somebody, 30).await, 30);
    // By another connection it is the same client, whose burst is used up.
    assert!(answered(&proxy.client().with("token", "somebody"), 30).await < 30);
}

/// How many of so many reads at once, each over a TLS connection of its own, reach etcd.
async fn answered_over_tls(proxy: &Proxy, authority: &Authority, own: &Files, reads: usize) -> usize {
    let mut answered = 0;
    for _ in 0..reads {
        let answer = tls::post(proxy.address(), authority.file(), Some(own), "/v3/kv/range", READ).await;
        let answer = answer.expect("an answer");
        match answer.starts_with("HTTP/1.1 429 ") {
            true => assert!(answer.contains(TOO_MANY), "{answer}"),
            false => {
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                answered += 1;
            }
        }
    }
    answered
}

#[tokio::test]
async fn a_certificate_is_a_client_of_its_own() {
    let authority = Authority::new("limits");
    let cluster = Cluster::start(Shape::single()).await;
    let limits = ["--client-qps=1", "--client-burst=30", "--client-key=certificate"].map(str::to_owned);
    let flags = [serving(&authority.server("server"), &authority), limits.to_vec()].concat();
    let proxy = started(&cluster.endpoints(), &flags).await;
    let client = |file: &str, name, serial| {
        authority.client(file, &Wish { common_name: Some(name), serial, ..Wish::default() })
    };
    let (one, other) = (client("one", "one", 1), client("other", "other", 2));
    let by_one = answered_over_tls(&proxy, &authority, &one, 60).await;
    assert!((30..60).contains(&by_one), "{by_one}");
    // The address is the same.
    assert_eq!(answered_over_tls(&proxy, &authority, &other, 30).await, 30);
    // A new certificate for the same name is no new client.
    let renewed = client("renewed", "one", 3);
    let by_renewed = answered_over_tls(&proxy, &authority, &renewed, 30).await;
    assert!(by_renewed < 30, "{by_renewed}");
    // gRPC has the same account.
    let etcdctl = crate::tls::etcdctl(proxy.address(), &authority, Some(&one)).flag("--command-timeout=2s");
    let refused = async || {
        // At once, so that what comes to the account is gone whenever etcdctl asks.
        let (_, ended) =
            tokio::join!(answered_over_tls(&proxy, &authority, &one, 30), etcdctl.run(&["get", "a"]));
        (ended.code != 0 && ended.stderr.contains(TOO_MANY)).then_some(())
    };
    eventually("gRPC is refused as well", SOON, refused).await;
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
    counts_refused(&proxy, "watcher", 2).await;
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
    let name = "etcd_grpc_proxy_limits_refused_total";
    let refused = async || {
        let refused = sum_at(&pages, "/proxy/metrics", name, &["what=\"connection\""]).await;
        (refused >= 1.0).then_some(())
    };
    eventually("it is counted", SOON, refused).await;
    drop(clients);
    let served = async || proxy.client().kv().range(get("a")).await.ok();
    eventually("there is room again", SOON, served).await;
}
