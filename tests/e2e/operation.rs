//! What an operator sees: logs, health, memory.

use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually, soon};
use proto_gen::etcdserverpb::{PutRequest, SnapshotRequest};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::requests::put;

const MIB: u64 = 1 << 20;
/// Large against every buffer that a relay needs.
const SNAPSHOT: u64 = 160 * MIB;
/// What a relay may need on top of what it had.
const GROWTH: u64 = 64 * MIB;

#[tokio::test]
async fn every_line_of_the_log_is_json_in_zaps_shape() {
    let cluster = Cluster::start(Shape::single()).await;
    let mut proxy = Proxy::start(&cluster.endpoints(), &["--debug"]).await;
    proxy.client().kv().put(put("a", "1")).await.expect("a write");
    proxy.terminate();
    proxy.end().await;
    let lines = proxy.log();
    assert!(!lines.is_empty());
    for line in &lines {
        for field in ["level", "ts", "caller", "msg"] {
            assert!(line.get(field).is_some_and(serde_json::Value::is_string), "no {field} in {line}");
        }
    }
}

#[tokio::test]
async fn the_health_service_says_serving() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut health = proxy.client().health();
    eventually("it serves", SOON, async || {
        let request = HealthCheckRequest { service: String::new() };
        let health = health.check(request).await.expect("an answer").into_inner();
        (health.status() == ServingStatus::Serving).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_passes_in_constant_memory() {
    let cluster = Cluster::start(Shape::single()).await;
    fill(&cluster.member(0).client()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    proxy.client().kv().put(put("a", "1")).await.expect("a connection");
    let before = proxy.memory();
    // One who asks and does not read must not make the proxy hoard what etcd sends.
    let unread = proxy.client().maintenance().snapshot(SnapshotRequest {}).await.expect("a snapshot");
    let received = download(&proxy.client()).await;
    assert!(received > SNAPSHOT, "{received} bytes");
    let grown = proxy.peak_memory().saturating_sub(before);
    println!("{} MiB of snapshot made the proxy grow by {} KiB", received / MIB, grown / 1024);
    assert!(grown < GROWTH, "grown by {grown} bytes over {received} bytes of snapshot");
    drop(unread);
}

async fn fill(client: &Client) {
    for index in 0..SNAPSHOT / MIB + 8 {
        let request = PutRequest { value: vec![b'x'; 1 << 20].into(), ..put(&format!("fill/{index}"), "") };
        soon("a large write", client.kv().put(request)).await.expect("a write");
    }
}

async fn download(client: &Client) -> u64 {
    let mut stream =
        client.maintenance().snapshot(SnapshotRequest {}).await.expect("a snapshot").into_inner();
    let mut received = 0;
    while let Some(chunk) = soon("a chunk", stream.message()).await.expect("a chunk") {
        received += chunk.blob.len() as u64;
    }
    received
}
