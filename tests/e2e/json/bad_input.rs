//! What is no request: both refuse it, with the same code.

use std::cell::RefCell;

use e2e::{Cluster, JsonConnection, Pair, Proxy, SOON, Shape, Side, Transcript, eventually, http1};
use http::Method;

use super::dialogue::{Dialogue, is_second_generation};

#[tokio::test]
async fn what_etcds_gateway_refuses_is_refused_with_its_code() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(requests).await;
    pair.compare(paths_and_methods).await;
    pair.compare(headers).await;
}

async fn requests(seen: &mut Transcript, side: &Side<'_>) {
    let asked = RefCell::default();
    let mut json = Dialogue::with(seen, side, &asked).await;
    for text in [
        "{",
        "[]",
        "7",
        "\"x\"",
        "nonsense",
        "}",
        "{\"key\"}",
        "{\"key\":}",
        "{\"key\":7}",
        "{\"key\":{}}",
        "{\"key\":\"YQ==\"",
        "{\"key\":\"YQ==\",}",
        "{'key':'YQ=='}",
        "{\"key\":\"YQ==\" \"limit\":1}",
        "{\"key\":\"Y\"}",
        "{\"key\":\"Y!==\"}",
        "{\"key\":\"YQ==\",\"limit\":1.5}",
        "{\"key\":\"YQ==\",\"limit\":\"x\"}",
        "{\"key\":\"YQ==\",\"limit\":true}",
        "{\"key\":\"YQ==\",\"limit\":9223372036854775808}",
        "{\"key\":\"YQ==\",\"limit\":\"9223372036854775808\"}",
        "{\"key\":\"YQ==\",\"limit\":1e400}",
        "{\"key\":\"YQ==\",\"limit\":{}}",
        "{\"key\":\"YQ==\",\"serializable\":\"true\"}",
        "{\"key\":\"YQ==\",\"serializable\":1}",
        "{\"key\":\"YQ==\",\"sort_order\":[]}",
        "{\"key\":\"YQ==\",\"sort_order\":1.5}",
    ] {
        json.refused("/v3/kv/range", text).await;
    }
    for text in ["{\"success\":{}}", "{\"success\":[7]}", "{\"success\":[[]]}", "{\"compare\":\"x\"}"] {
        json.refused("/v3/kv/txn", text).await;
    }
    json.refused("/v3/lease/grant", "{\"TTL\":\"\"}").await;
    json.refused("/v3/lease/grant", "{\"ID\":-9223372036854775809}").await;
    json.refused("/v3/lease/revoke", "{\"ID\":18446744073709551616}").await;
    json.refused("/v3/cluster/member/add", "{\"peerURLs\":\"http://a:1\"}").await;
    json.refused("/v3/maintenance/transfer-leadership", "{\"targetID\":-1}").await;
    json.refused_by(Method::POST, "/v3/kv/range", b"{\"key\":\"\xff\xfe\"}".to_vec()).await;
    json.refused_by(Method::POST, "/v3/kv/range", b"\xff\xfe\x00\x00".to_vec()).await;
    json.refused_by(Method::POST, "/v3/kv/range", vec![0; 100]).await;
    // The connection is as good as ever.
    json.say("/v3/kv/range", "{\"key\":\"YQ==\"}").await;
}

async fn paths_and_methods(seen: &mut Transcript, side: &Side<'_>) {
    let asked = RefCell::default();
    let mut json = Dialogue::with(seen, side, &asked).await;
    for path in [
        "/v3/",
        "/v3/kv",
        "/v3/kv/",
        "/v3/kv/range/",
        "/v3/kv/rangestream",
        "/v3/KV/Range",
        "/v3beta/x",
        "/v3alpha/kv/range",
    ] {
        if path == "/v3alpha/kv/range" {
            continue;
        }
        json.refused(path, "{}").await;
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        json.refused_by(method.clone(), "/v3/kv/range", "{}").await;
        json.refused_by(method, "/v3/watch", "").await;
    }
    json.refused_by(Method::GET, "/v3/nothing", "").await;
}

async fn headers(seen: &mut Transcript, side: &Side<'_>) {
    let asked = RefCell::default();
    for (name, value) in [
        ("grpc-timeout", "5x"),
        ("grpc-timeout", "S"),
        ("grpc-timeout", "1n"),
        ("grpc-timeout", "10S"),
        ("content-type", "text/plain"),
        ("content-type", "application/grpc"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
        ("te", "trailers"),
    ] {
        let mut json = Dialogue::with(seen, side, &asked).await;
        json.connection = json.connection.with(name, value);
        json.seen.note("with", (name, value));
        json.refused("/v3/kv/range", "{\"key\":\"YQ==\"}").await;
    }
}

/// What the two generations do not agree about, or do badly: ours says clearly what is wrong, and lives on.
#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    let deep = |depth: usize| {
        let (open, close) = ("{\"success\":[{\"request_txn\":".repeat(depth), "}]}".repeat(depth));
        format!("{open}{{}}{close}")
    };
    for (path, body, words) in [
        ("/v3/watch", "nonsense".to_owned(), "expected"),
        ("/v3/watch", "{\"create_request\":{\"key\":7}}".to_owned(), "base64"),
        ("/v3/watch", "{\"create_request\":".to_owned(), "unexpected EOF"),
        (
            "/v3/watch",
            "{\"create_request\":{\"key\":\"YQ==\"}}\n{\"create_request\":7}".to_owned(),
            "expected a map",
        ),
        ("/v3/lease/keepalive", "{\"ID\":\"x\"}".to_owned(), "invalid digit"),
        ("/v3/kv/txn", deep(40_000), "recursion limit"),
        ("/v3/kv/txn", "[".repeat(100_000), "expected a map"),
        ("/v3/kv/range", format!("{{\"key\":\"YQ==\",\"x\":{}1}}", "[".repeat(1000)), ""),
        ("/v3/kv/range", format!("{{\"key\":\"YQ==\",\"limit\":{}}}", "9".repeat(100_000)), ""),
        ("/v3/kv/txn", "{\"success\":[null]}".to_owned(), ""),
        ("/v3/auth/user/get", "{\"name\":\"\\ud800\"}".to_owned(), ""),
        ("/v3/kv/txn", "{\"success\":[{\"request_put\":{},\"request_range\":{}}]}".to_owned(), "oneof"),
    ] {
        let answer = json.post(path, body.clone()).await;
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.status, 400, "{path} {shown}: {}", answer.body);
        let error = answer.json();
        assert_eq!(error["code"], 3, "{path} {shown}: {error}");
        assert_eq!(error["error"], error["message"], "{path} {shown}: {error}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(words) && message.len() < 500, "{path} {shown}: {message}");
    }
    let nested = json.post("/v3/kv/txn", deep(20)).await;
    assert!(nested.status == 400 || nested.status == 200, "{}", nested.body);
    assert_eq!(json.post("/v3/kv/range", "{\"key\":\"YQ==\"}").await.status, 200);
}

#[tokio::test]
async fn what_is_hardly_http_does_no_harm() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    for request in [
        "POST /v3/kv/range HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n{",
        "POST /v3/kv/range HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /v3/kv/range HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n{}",
        "POST /v3/watch HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET /v3/watch HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n",
    ] {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect(proxy.address()).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("room for a request");
        stream.shutdown().await.expect("a half-close");
        let mut answer = Vec::new();
        // A connection may be reset.
        let _ = e2e::soon(request, stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{request}: {answer}");
    }
    eventually("it is well", SOON, async || http1::get(proxy.address(), "/health").await).await;
    assert!(is_second_generation() || http1::get(proxy.address(), "/v3/kv/range").await.is_none());
}
