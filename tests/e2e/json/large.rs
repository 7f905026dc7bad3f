//! Large answers, large requests and clients that do not read: the proxy's memory stays small.

use std::time::Duration;

use bytes::Bytes;
use e2e::{Client, Cluster, JsonConnection, Proxy, Shape, eventually, soon};
use http_body_util::BodyExt as _;
use proto_gen::etcdserverpb::PutRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{put, watch};
use crate::requests;

const MIB: usize = 1 << 20;
const VALUES: usize = 100;

async fn fill(client: &Client) {
    for index in 0..VALUES {
        let value = vec![b'x'; MIB].into();
        let request = PutRequest { value, ..requests::put(&format!("fill/{index:03}"), "") };
        soon("a large write", client.kv().put(request)).await.expect("a write");
    }
}

/// What gRPC needs for the same answer is the measure: the message as it is received, decoded and encoded again. The
/// JSON, a third longer than the message, adds hardly anything to that.
#[tokio::test]
async fn an_answer_of_100_megabytes_is_never_a_text_in_memory() {
    let cluster = Cluster::start(Shape::single()).await;
    fill(&cluster.member(0).client()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--worker-threads=1"]).await;
    let whole = requests::range("fill/", "fill0");
    let answer = soon("100 MB", proxy.client().kv().range(whole)).await.expect("an answer").into_inner();
    assert_eq!(answer.kvs.len(), VALUES);
    let by_grpc = proxy.peak_memory();
    let mut json = JsonConnection::connect(proxy.address()).await;
    let body = super::routes::body(r#"{"key":"<fill/>","range_end":"<fill0>"}"#);
    let answer = json.post_raw("/v3/kv/range", body).await;
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    let (mut received, mut largest, mut ending) = (0, 0, Bytes::new());
    while let Some(frame) = soon("a piece", body.frame()).await {
        let data = frame.expect("a piece").into_data().unwrap_or_default();
        (received, largest) = (received + data.len(), largest.max(data.len()));
        ending = data;
    }
    let expected = VALUES * MIB / 3 * 4;
    assert!(received > expected, "{received} bytes");
    assert!(ending.ends_with(format!("\"count\":\"{VALUES}\"}}").as_bytes()));
    let grown = proxy.peak_memory().saturating_sub(by_grpc);
    println!(
        "{} MiB of JSON: {} KiB more than gRPC's peak of {} MiB",
        received / MIB,
        grown / 1024,
        by_grpc as usize / MIB
    );
    assert!(grown < 48 * MIB as u64, "{grown} bytes more than for gRPC");
}

#[tokio::test]
async fn a_snapshot_as_json_passes_in_constant_memory() {
    let cluster = Cluster::start(Shape::single()).await;
    fill(&cluster.member(0).client()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    put(&mut json, "a", "1").await;
    let before = proxy.memory();
    // One who asks and does not read must not make the proxy hoard what etcd sends.
    let mut unread = JsonConnection::connect(proxy.address()).await;
    let unread = unread.open("/v3/maintenance/snapshot", "{}").await;
    let mut stream = json.open("/v3/maintenance/snapshot", "{}").await;
    let mut received = 0;
    while let Some(line) = stream.line().await {
        received += line["result"]["blob"].as_str().map_or(0, str::len);
    }
    assert!(received > VALUES * MIB, "{received} bytes");
    let grown = proxy.peak_memory().saturating_sub(before);
    println!("{} MiB of a snapshot in base64 made the proxy grow by {} KiB", received / MIB, grown / 1024);
    assert!(grown < 64 * MIB as u64, "grown by {grown} bytes");
    drop(unread);
}

/// Sends a head and a body without an end, and gives the answer and how much of the body was taken.
async fn flood(address: &str, head: &str) -> (String, usize) {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut answer, mut body) = stream.into_split();
    body.write_all(head.as_bytes()).await.expect("room for a head");
    let chunked = head.contains("chunked");
    let sent = tokio::spawn(async move {
        let mut sent = 0;
        let spaces = "x".repeat(1 << 16);
        let piece = if chunked { format!("10000\r\n{spaces}\r\n") } else { spaces };
        let begin = if chunked { "8\r\n{\"key\":\"\r\n" } else { "{\"key\":\"" };
        if body.write_all(begin.as_bytes()).await.is_err() {
            return 0;
        }
        while sent < 256 * MIB && body.write_all(piece.as_bytes()).await.is_ok() {
            sent += piece.len();
        }
        sent
    });
    let mut text = Vec::new();
    // The server may reset what it does not want to read.
    let _ = soon("an answer", answer.read_to_end(&mut text)).await;
    let sent = soon("the end of the flood", sent).await.expect("no panic");
    (String::from_utf8_lossy(&text).into_owned(), sent)
}

#[tokio::test]
async fn a_body_without_an_end_is_refused_and_not_kept() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    put(&mut json, "a", "1").await;
    let before = proxy.memory();
    for path in ["/v3/kv/range", "/v3/watch", "/v3/maintenance/snapshot"] {
        for length in ["Transfer-Encoding: chunked", "Content-Length: 1000000000"] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n");
            let (answer, sent) = flood(proxy.address(), &head).await;
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{path} {length}: {answer}");
            assert!(sent < 64 * MIB, "{sent} bytes were taken");
        }
    }
    // Over HTTP/2 the answer is always there.
    let mut http2 = JsonConnection::connect_http2(proxy.address()).await;
    let large = format!("{{\"key\":\"{}\"}}", "x".repeat(8 * MIB));
    for path in ["/v3/kv/put", "/v3/watch"] {
        let answer = http2.post_raw(path, large.clone()).await;
        assert_eq!(answer.status(), 413, "{path}");
    }
    let grown = proxy.peak_memory().saturating_sub(before);
    assert!(grown < 48 * MIB as u64, "grown by {grown} bytes");
}

/// What gRPC may send, JSON may too; and what etcd refuses is refused in etcd's words.
#[tokio::test]
async fn the_largest_request_of_grpc_passes_in_base64() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    put(&mut json, "a", &"x".repeat(1_500_000)).await;
    let large = super::routes::body(&format!(r#"{{"key":"<a>","value":"<{}>"}}"#, "x".repeat(1_600_000)));
    let answer = json.post("/v3/kv/put", large).await;
    assert_eq!((answer.status, &answer.json()["message"]), (400, &"etcdserver: request is too large".into()));
}

/// A watcher that does not read costs nobody anything, and gets everything once it reads.
#[tokio::test]
async fn a_slow_reader_of_a_watch_loses_nothing_and_holds_up_nobody() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--watch-history-bytes=1048576"]).await;
    let (mut slow, mut fast) =
        (JsonConnection::connect(proxy.address()).await, JsonConnection::connect(proxy.address()).await);
    let mut unread = watch(&mut slow, "k").await;
    let mut read = watch(&mut fast, "k").await;
    let before = proxy.memory();
    let writer = proxy.client();
    let count = 300;
    let reading = tokio::spawn(async move {
        let mut seen = 0;
        while seen < count {
            seen += read.result().await["events"].as_array().expect("events").len();
        }
    });
    for index in 0..count {
        let value = format!("{index:03}").repeat(64 << 10);
        writer.kv().put(requests::put("k", &value)).await.expect("a write");
    }
    soon("the fast one", reading).await.expect("everything");
    eventually("memory is given back", Duration::from_secs(60), async || {
        (proxy.memory().saturating_sub(before) < 48 * MIB as u64).then_some(())
    })
    .await;
    let mut versions = Vec::new();
    while versions.len() < count {
        for event in unread.result().await["events"].as_array().expect("events") {
            versions.push(
                event["kv"]["version"].as_str().expect("a version").parse::<usize>().expect("a number"),
            );
        }
    }
    assert_eq!(versions, (1..=count).collect::<Vec<_>>());
}
