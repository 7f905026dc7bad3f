//! The JSON API: held against etcd's own gateway, route by route, and in the way that its users speak to it.

mod bad_input;
mod connections;
mod curl;
mod dialogue;
mod drain;
mod large;
mod namespace;
mod routes;
mod sharing;
mod users;
mod websocket;

use e2e::{JsonConnection, JsonStream};

/// Writes a key.
async fn put(json: &mut JsonConnection, key: &str, value: &str) {
    let body = routes::body(&format!(r#"{{"key":"<{key}>","value":"<{value}>"}}"#));
    let answer = json.post("/v3/kv/put", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// A watch of a key, created.
async fn watch(json: &mut JsonConnection, key: &str) -> JsonStream {
    let mut stream =
        json.open("/v3/watch", routes::body(&format!(r#"{{"create_request":{{"key":"<{key}>"}}}}"#))).await;
    assert_eq!(stream.status, 200);
    assert_eq!(stream.result().await["created"], true);
    stream
}
