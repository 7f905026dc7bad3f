//! What goes on around the messages: connections that are kept, HTTP/2, headers, web pages.

use std::time::Duration;

use e2e::{Cluster, JsonConnection, Pair, Proxy, Shape, Side, Transcript, soon};
use http::Method;
use http_body_util::BodyExt as _;

use super::{put, watch};

const RANGE: &str = r#"{"key":"YQ=="}"#;

#[tokio::test]
async fn one_connection_serves_request_after_request_whatever_they_are() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    for mut json in
        [JsonConnection::connect(proxy.address()).await, JsonConnection::connect_http2(proxy.address()).await]
    {
        for _ in 0..20 {
            put(&mut json, "a", "1").await;
            assert_eq!(json.post("/v3/kv/range", RANGE).await.json()["count"], "1");
            assert_eq!(json.post("/v3/kv/range", "nonsense").await.status, 400);
            assert_eq!(json.post("/v3/nothing", RANGE).await.status, 404);
            assert_eq!(json.post("/v3/lease/keepalive", r#"{"ID":"5"}"#).await.status, 200);
            assert_eq!(json.post("/v3/kv/range", format!("{RANGE}   more of it")).await.status, 200);
        }
    }
}

/// A server that closes what its clients want to keep makes them fail at random.
#[tokio::test]
async fn an_idle_connection_is_kept_beyond_the_time_for_first_words() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    put(&mut json, "a", "1").await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(json.post("/v3/kv/range", RANGE).await.status, 200);
}

#[tokio::test]
async fn http2_carries_many_calls_and_streams_at_once() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect_http2(proxy.address()).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(watch(&mut json, "a").await);
    }
    put(&mut json, "a", "1").await;
    for stream in &mut streams {
        assert_eq!(stream.result().await["events"][0]["kv"]["value"], "MQ==");
    }
}

#[tokio::test]
async fn web_pages_are_told_whether_they_may_read() {
    let pair = Pair::start(Shape::single().flag("--cors=https://a.example:443")).await;
    let proxy = Proxy::start(&pair.proxied.endpoints(), &["--cors=https://a.example:443"]).await;
    let mut seen = [Transcript::default(), Transcript::default()];
    for (seen, address) in seen.iter_mut().zip([pair.direct.member(0).address(), proxy.address()]) {
        pages(seen, address).await;
    }
    let [direct, proxied] = &seen;
    e2e::transcript::assert_same(direct, proxied);
    pair.compare(async |seen, side: &Side<'_>| {
        // Without the flag, the proxy lets all pages read; this member has one.
        let origin =
            if side.address == pair.proxy.address() { "https://b.example" } else { "https://a.example:443" };
        let mut json = JsonConnection::connect(&side.address).await.with("origin", origin);
        let answer = json.post("/v3/kv/range", RANGE).await;
        seen.note("may read", answer.headers.contains_key("access-control-allow-origin"));
    })
    .await;
}

async fn pages(seen: &mut Transcript, address: &str) {
    for origin in ["https://a.example:443", "https://b.example:443", "null"] {
        for method in [Method::OPTIONS, Method::POST] {
            let mut json = JsonConnection::connect(address).await.with("origin", origin);
            let answer = json.ask(method.clone(), "/v3/kv/range", RANGE).await;
            let header =
                |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let cors =
                ["origin", "methods", "headers"].map(|name| header(&format!("access-control-allow-{name}")));
            seen.note(&format!("{method} {origin}"), (answer.status, cors));
        }
    }
}

#[tokio::test]
async fn metadata_reaches_etcd_and_comes_back() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await.with("grpc-metadata-hasleader", "true");
    assert_eq!(json.post("/v3/kv/range", RANGE).await.status, 200);
    let mut late = JsonConnection::connect(proxy.address()).await.with("grpc-timeout", "200m");
    // Nobody answers this before its deadline.
    put(&mut json, "lock/0000", "").await;
    let campaign = r#"{"name":"ZQ==","lease":"5"}"#;
    json.post("/v3/lease/grant", r#"{"TTL":600,"ID":5}"#).await;
    json.post("/v3/lease/grant", r#"{"TTL":600,"ID":6}"#).await;
    assert_eq!(json.post("/v3/election/campaign", campaign).await.status, 200);
    let second = late.post("/v3/election/campaign", r#"{"name":"ZQ==","lease":"6"}"#).await;
    assert_eq!((second.status, second.json()["code"].clone()), (504, 4.into()), "{}", second.body);
    assert_eq!(second.json()["message"], "context deadline exceeded");
}

/// A watch of which nobody has the answer any more is none.
#[tokio::test]
async fn who_leaves_is_noticed() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let watchers = async || {
        e2e::metrics::sum(cluster.member(0).address(), "etcd_debugging_mvcc_watcher_total", &[]).await
    };
    let before = watchers().await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    let stream = watch(&mut json, "left").await;
    assert!(watchers().await > before);
    drop((stream, json));
    e2e::eventually("the watcher is gone", e2e::SOON, async || (watchers().await <= before).then_some(()))
        .await;
}

#[tokio::test]
async fn an_answer_says_how_long_it_is_unless_it_is_long() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    let answer = json.post("/v3/kv/range", RANGE).await;
    assert_eq!(answer.headers["content-length"], answer.body.len().to_string().as_str());
    put(&mut json, "a", &"x".repeat(300_000)).await;
    let long = json.post_raw("/v3/kv/range", RANGE).await;
    assert!(!long.headers().contains_key("content-length"));
    let body = soon("a long answer", long.into_body().collect()).await.expect("all of it").to_bytes();
    assert!(body.len() > 400_000);
}
