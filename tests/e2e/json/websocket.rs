//! Streams over WebSockets: Watch, LeaseKeepAlive, Observe, tokens, large messages.

use e2e::environment::etcd_version;
use e2e::{Cluster, JsonConnection, Pair, Proxy, Shape, Side, Transcript, WebSocket};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::put;
use super::routes::{b64, body};

#[tokio::test]
async fn streams_over_websockets_answer_as_etcds_do() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(conversations).await;
}

fn without_header(mut message: Value) -> Value {
    if let Some(header) = message["result"]["header"].as_object_mut() {
        header.retain(|name, _| name == "revision");
    }
    message
}

async fn conversations(seen: &mut Transcript, side: &Side<'_>) {
    let mut json = JsonConnection::connect(&side.address).await;
    let mut watch = WebSocket::open(&side.address, "/v3/watch", &[]).await.expect("a WebSocket");
    let mut listen = async |seen: &mut Transcript, what: &str, say: Option<String>| {
        if let Some(say) = say {
            watch.send(say).await;
        }
        seen.note(what, watch.next().await.map(without_header));
    };
    listen(seen, "created", Some(body(r#"{"create_request":{"key":"<a>"}}"#))).await;
    put(&mut json, "a", "1").await;
    listen(seen, "event", None).await;
    listen(seen, "another", Some(body(r#"{"create_request":{"key":"<b>","watch_id":"7"}}"#))).await;
    put(&mut json, "b", "1").await;
    listen(seen, "its event", None).await;
    listen(seen, "cancelled", Some(r#"{"cancel_request":{"watch_id":"7"}}"#.to_owned())).await;
    listen(seen, "progress", Some(r#"{"progress_request":{}}"#.to_owned())).await;

    json.post("/v3/lease/grant", r#"{"TTL":600,"ID":5}"#).await;
    let mut alive = WebSocket::open(&side.address, "/v3/lease/keepalive", &[]).await.expect("a WebSocket");
    for id in [5, 99] {
        alive.send(json!({ "ID": id }).to_string()).await;
        seen.note("alive", alive.next().await.map(without_header));
    }
}

/// The newer generation of etcd's gateway reads on behind the one request of these, and so never answers.
#[tokio::test]
async fn routes_that_take_one_request_answer_the_first() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    put(&mut json, "a", "1").await;
    json.post("/v3/lease/grant", r#"{"TTL":600,"ID":5}"#).await;
    let campaign = json.post("/v3/election/campaign", body(r#"{"name":"<e>","lease":5,"value":"<me>"}"#));
    let leader = campaign.await.json()["leader"].clone();
    let mut observe =
        WebSocket::open(proxy.address(), "/v3/election/observe", &[]).await.expect("a WebSocket");
    observe.send(body(r#"{"name":"<e>"}"#)).await;
    assert_eq!(observe.result().await["kv"]["value"], b64("me"));
    let proclaimed = json!({ "leader": leader, "value": b64("still me") }).to_string();
    assert_eq!(json.post("/v3/election/proclaim", proclaimed).await.status, 200);
    assert_eq!(observe.result().await["kv"]["value"], b64("still me"));
    let mut unary = WebSocket::open(proxy.address(), "/v3/kv/range", &[]).await.expect("a WebSocket");
    unary.send(body(r#"{"key":"<a>"}"#)).await;
    assert_eq!(unary.next().await.expect("an answer")["kvs"][0]["value"], b64("1"));
    assert_eq!(unary.farewell().await.map(|farewell| farewell.code), Some(CloseCode::Normal));
}

#[tokio::test]
async fn a_websockets_token_is_the_word_behind_bearer() {
    let cluster = Cluster::start(Shape::single().flag("--bcrypt-cost=4")).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    for (path, text) in [
        ("/v3/auth/user/add", r#"{"name":"root","password":"root"}"#),
        ("/v3/auth/role/add", r#"{"name":"root"}"#),
        ("/v3/auth/user/grant", r#"{"user":"root","role":"root"}"#),
        ("/v3/auth/enable", "{}"),
    ] {
        assert_eq!(json.post(path, text).await.status, 200, "{path}");
    }
    let token = json.post("/v3/auth/authenticate", r#"{"name":"root","password":"root"}"#).await.json();
    let token = token["token"].as_str().expect("a token").to_owned();
    let create = body(r#"{"create_request":{"key":"<a>"}}"#);
    let watched = async |headers: &[(&'static str, &str)]| {
        let mut socket = WebSocket::open(proxy.address(), "/v3/watch", headers).await.expect("a WebSocket");
        socket.send(create.clone()).await;
        let protocol = socket.handshake.headers().get("sec-websocket-protocol").cloned();
        (socket.result().await, protocol)
    };
    for headers in [
        [("sec-websocket-protocol", format!("Bearer, {token}"))],
        [("authorization", token.clone())],
        [("grpc-metadata-token", token.clone())],
    ] {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (created, protocol) = watched(&headers).await;
        assert_eq!(created["canceled"], Value::Null, "{headers:?}: {created}");
        assert_eq!(protocol.is_some(), headers[0].0 == "sec-websocket-protocol");
    }
    let (refused, _) = watched(&[("sec-websocket-protocol", "Bearer, wrong.1")]).await;
    assert_eq!(refused["canceled"], true, "{refused}");
    let (refused, _) = watched(&[]).await;
    // etcd before 3.5 takes whoever has no token for a user without a name.
    assert_eq!(refused["canceled"], true, "{:?}: {refused}", etcd_version());
}

#[tokio::test]
async fn messages_of_8_megabytes_pass() {
    let cluster = Cluster::start(Shape::single().flag("--max-request-bytes=12000000")).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--max-send-bytes=12000000"]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    let mut watch = WebSocket::open(proxy.address(), "/v3/watch", &[]).await.expect("a WebSocket");
    watch.send(body(r#"{"create_request":{"key":"<large>"}}"#)).await;
    watch.result().await;
    let value = "x".repeat(8 << 20);
    put(&mut json, "large", &value).await;
    assert_eq!(watch.result().await["events"][0]["kv"]["value"], b64(&value));
    let mut unary = WebSocket::open(proxy.address(), "/v3/kv/put", &[]).await.expect("a WebSocket");
    unary.send(json!({ "key": b64("other"), "value": b64(&value) }).to_string()).await;
    assert!(unary.next().await.expect("an answer")["header"].is_object());
    let read = json.post("/v3/kv/range", body(r#"{"key":"<other>"}"#)).await.json();
    assert_eq!(read["kvs"][0]["value"], b64(&value));
}

#[tokio::test]
async fn what_is_said_amiss_is_told_so() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let open = async |path: &str| WebSocket::open(proxy.address(), path, &[]).await;
    // Nonsense first is an error; nonsense later ends the stream with one.
    let mut socket = open("/v3/watch").await.expect("a WebSocket");
    socket.send("nonsense").await;
    let answer = socket.next().await.expect("an answer");
    assert_eq!(answer["code"], 3, "{answer}");
    let mut socket = open("/v3/watch").await.expect("a WebSocket");
    socket.send(body(r#"{"create_request":{"key":"<a>"}}"#)).await;
    socket.result().await;
    socket.send(r#"{"create_request":7}"#).await;
    let answer = socket.next().await.expect("an answer");
    let error = &answer["error"];
    assert_eq!(
        (&error["code"], &error["grpc_code"], &error["http_code"]),
        (&3.into(), &3.into(), &400.into())
    );
    assert_eq!(socket.farewell().await.map(|farewell| farewell.code), Some(CloseCode::Normal));
    // Larger than any message may be.
    let mut socket = open("/v3/watch").await.expect("a WebSocket");
    socket.send_raw(Message::Binary(vec![b' '; (8 << 20) + 1].into())).await;
    let farewell = socket.farewell().await.map(|farewell| farewell.code);
    // Where it was still sending, the client may hear of a reset connection instead.
    assert!(matches!(farewell, Some(CloseCode::Size) | None), "{farewell:?}");
    // Pings are answered, and messages need not be texts.
    let mut socket = open("/v3/watch").await.expect("a WebSocket");
    socket.send_raw(Message::Ping("here".into())).await;
    assert_eq!(socket.next_raw().await, Some(Message::Pong("here".into())));
    socket.send_raw(Message::Binary(body(r#"{"create_request":{"key":"<a>"}}"#).into())).await;
    socket.result().await;
    assert!(open("/v3/nothing").await.is_err());
    assert!(open("/health").await.is_err());
}
