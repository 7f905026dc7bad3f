//! SIGTERM ends JSON streams with a reason, and lets calls finish.

use e2e::{Cluster, JsonConnection, Proxy, Shape, WebSocket, soon};
use serde_json::{Value, json};

use super::watch;

async fn end(mut line: impl AsyncFnMut() -> Option<Value>) -> Value {
    let mut last = Value::Null;
    while let Some(line) = line().await {
        last = line;
    }
    last["error"].take()
}

#[tokio::test]
async fn a_drain_ends_json_streams_with_a_reason_and_lets_calls_finish() {
    let cluster = Cluster::start(Shape::single()).await;
    let mut proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(JsonConnection::connect(proxy.address()).await);
    }
    let [calls, http1, observer, waiting] = &mut connections[..] else { unreachable!("four") };
    for id in [1, 2] {
        calls.post("/v3/lease/grant", json!({ "TTL": 600, "ID": id }).to_string()).await;
    }
    let locked = calls.post("/v3/lock/lock", r#"{"name":"bA==","lease":1}"#).await.json();
    calls.post("/v3/election/campaign", r#"{"name":"ZQ==","lease":1}"#).await;
    let mut streams = vec![watch(http1, "a").await];
    let mut observing = observer.open("/v3/election/observe", r#"{"name":"ZQ=="}"#).await;
    observing.result().await;
    streams.push(observing);
    let mut http2 = JsonConnection::connect_http2(proxy.address()).await;
    streams.push(watch(&mut http2, "a").await);
    let mut talking = WebSocket::open(proxy.address(), "/v3/watch", &[]).await.expect("a WebSocket");
    talking.send(r#"{"create_request":{"key":"YQ=="}}"#).await;
    assert_eq!(talking.result().await["created"], true);
    let mut idle = WebSocket::open(proxy.address(), "/v3/lease/keepalive", &[]).await.expect("a WebSocket");
    let mut waiting = waiting.open("/v3/watch", r#"{"create_request":{"key":"Yg=="}}"#).await;
    waiting.result().await;
    streams.push(waiting);

    proxy.terminate();
    for stream in &mut streams {
        let error = end(async || stream.line().await).await;
        assert_eq!((&error["code"], &error["http_code"]), (&14.into(), &503.into()), "{error}");
        assert_eq!(error["message"], "etcdserver: server stopped");
    }
    let error = end(async || talking.next().await).await;
    assert_eq!(error["code"], 14, "{error}");
    // A WebSocket on which nothing was said is closed too.
    end(async || idle.next().await).await;
    drop((locked, connections, http2, talking, idle));
    assert_eq!(soon("the end", proxy.end()).await.code(), Some(0));
}
