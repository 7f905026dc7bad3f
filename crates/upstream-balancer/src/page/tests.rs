//! Members that answer, refuse, stall or flood.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};

use super::*;
use crate::config::Policy;
use crate::member::Health;

/// A member that reads a request and writes these bytes, and counts how often. It then keeps the connection open.
async fn member(answer: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1:"));
            counted.fetch_add(1, Ordering::Relaxed);
            // A client that has had enough closes.
            let _ = stream.write_all(&answer).await;
            open.push(stream);
        }
    });
    (address, asked)
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn cluster(endpoints: &[&str]) -> Arc<Cluster> {
    let config = Config {
        endpoints: endpoints.iter().map(|endpoint| endpoint.parse().unwrap()).collect(),
        tls: None,
        resolver: dns_discovery::Resolver::System,
        policy: Policy::RoundRobin,
        connections: 1,
        dial_timeout: Duration::from_secs(5),
        keepalive: None,
        max_send_bytes: 1,
        max_recv_bytes: 1,
    };
    Cluster::new(config).0
}

#[tokio::test]
async fn the_body_is_passed_on() {
    let (address, _) = member(answer("200 OK", "a 1\n")).await;
    assert_eq!(cluster(&[&address]).page("/metrics").await.unwrap(), "a 1\n");
}

#[tokio::test]
async fn another_member_is_asked_where_one_refuses_or_is_gone() {
    let (refusing, _) = member(answer("503 Service Unavailable", "no")).await;
    let (serving, _) = member(answer("200 OK", "a 1\n")).await;
    // Held, so that nobody else listens there, and not listened on.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = held.local_addr().unwrap().to_string();
    assert_eq!(cluster(&[&gone, &refusing, &serving]).page("/metrics").await.unwrap(), "a 1\n");
    let refused = cluster(&[&refusing]).page("/metrics").await.unwrap_err().to_string();
    assert_eq!(refused, format!("etcd at {refusing}: answered 503 Service Unavailable"));
}

#[tokio::test]
async fn a_member_that_is_known_to_fail_is_asked_last() {
    let (first, asked) = member(answer("200 OK", "first")).await;
    let (second, _) = member(answer("200 OK", "second")).await;
    let cluster = cluster(&[&first, &second]);
    cluster.unreachable(&cluster.roster().members()[0], "gone");
    assert_eq!(cluster.members()[0].health, Health::Unreachable);
    assert_eq!(cluster.page("/metrics").await.unwrap(), "second");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_page_without_end_is_refused() {
    let mut endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    endless.extend(format!("{:x}\r\n{}\r\n0\r\n\r\n", MAX_BYTES + 1, "x".repeat(MAX_BYTES + 1)).into_bytes());
    let (address, _) = member(endless).await;
    let cluster = cluster(&[&address]);
    let member = Arc::clone(&cluster.roster().members()[0]);
    // Without a limit of time: a busy machine may need longer for so many bytes.
    let refused = page_of(&cluster.config, &member, "/metrics").await.unwrap_err().to_string();
    assert!(refused.ends_with("length limit exceeded"), "{refused}");
}

#[tokio::test]
async fn a_member_that_says_nothing_is_left() {
    let (silent, asked) = member(Vec::new()).await;
    let (serving, _) = member(answer("200 OK", "a 1\n")).await;
    assert_eq!(cluster(&[&silent, &serving]).page("/metrics").await.unwrap(), "a 1\n");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
