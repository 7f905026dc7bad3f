//! What many reads cost: etcd's calls, and the proxy's memory.

use std::time::Instant;

use e2e::{Client, Cluster, Proxy, Shape, metrics};
use proto_gen::etcdserverpb::RangeRequest;

use super::serializable;
use crate::requests::{get, put, range};

const READERS: usize = 16;
/// In bytes: far less than 32,000 reads would leave if each left anything.
const MOST_GROWTH: u64 = 4 << 20;

/// The reads of `READERS` clients, each of which asks what `request` gives for its numbers.
async fn read_all(proxy: &Proxy, numbers: std::ops::Range<usize>, request: fn(usize) -> RangeRequest) {
    let readers = (0..READERS).map(|reader| {
        let (client, mine): (Client, Vec<usize>) =
            (proxy.client(), numbers.clone().skip(reader).step_by(READERS).collect());
        tokio::spawn(async move {
            let mut kv = client.kv();
            for number in mine {
                kv.range(serializable(request(number))).await.expect("a read");
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.expect("a reader");
    }
}

async fn ranges(cluster: &Cluster) -> f64 {
    let label = "grpc_method=\"Range\"";
    metrics::sum(cluster.member(0).address(), "grpc_server_handled_total", &[label]).await
}

#[tokio::test]
async fn a_loop_of_equal_reads_costs_etcd_next_to_nothing() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--worker-threads=2"]).await;
    cluster.member(0).client().kv().put(put("k", "1")).await.expect("a write");
    for request in [|_| get("k"), |_| range("\0", "\0")] {
        let (before, started) = (ranges(&cluster).await, Instant::now());
        read_all(&proxy, 0..8000, request).await;
        let (cost, seconds) = (ranges(&cluster).await - before, started.elapsed().as_secs_f64());
        println!("8000 reads within {seconds:.1} s cost etcd {cost} calls");
        assert!(cost <= 100.0 * seconds.max(1.0), "{cost} calls within {seconds} s");
        assert!(cost >= 1.0);
    }
}

#[tokio::test]
async fn distinct_reads_leave_no_trace() {
    let cluster = Cluster::start(Shape::single()).await;
    // Two threads, because what an allocator holds back grows with them.
    let flags = ["--cache-max-entries=512", "--worker-threads=2"];
    let proxy = Proxy::start(&cluster.endpoints(), &flags).await;
    cluster.member(0).client().kv().put(put("k", &"x".repeat(900))).await.expect("a write");
    // Half of them are about one key each, half about a range with something in it.
    let request: fn(usize) -> RangeRequest = |number| match number % 2 {
        0 => get(&format!("key/{number:08}")),
        _ => range("k", &format!("key/{number:08}")),
    };
    read_all(&proxy, 0..16_000, request).await;
    let early = proxy.memory();
    read_all(&proxy, 16_000..48_000, request).await;
    let late = proxy.memory();
    println!("resident after 16,000 reads {} KiB, after 48,000 {} KiB", early / 1024, late / 1024);
    assert!(late < early + MOST_GROWTH, "{early} bytes, then {late}");
}
