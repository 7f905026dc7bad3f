//! What reaches etcd of many readers, and of one.

use std::time::Duration;

use e2e::{Client, Cluster, Proxy, Shape, eventually, metrics, soon};
use proto_gen::etcdserverpb::RangeRequest;
use tokio::task::JoinSet;

use crate::requests::{get, put};

const READERS: usize = 200;

/// Transactions that the cluster's first member was sent.
pub(super) async fn transactions(cluster: &Cluster) -> f64 {
    started(cluster, "Txn").await
}

async fn started(cluster: &Cluster, method: &str) -> f64 {
    let label = format!("grpc_method=\"{method}\"");
    metrics::sum(cluster.member(0).address(), "grpc_server_started_total", &[&label]).await
}

async fn refused(cluster: &Cluster) -> f64 {
    let labels = ["grpc_method=\"Txn\"", "grpc_code=\"InvalidArgument\""];
    metrics::sum(cluster.member(0).address(), "grpc_server_handled_total", &labels).await
}

/// A cluster with `READERS` keys, and the proxy in front of it.
async fn readable(shape: Shape, flags: &[&str]) -> (Cluster, Proxy) {
    let cluster = Cluster::start(shape).await;
    let proxy = Proxy::start(&cluster.endpoints(), flags).await;
    let mut kv = proxy.client().kv();
    for index in 0..READERS {
        kv.put(put(&key(index), &key(index))).await.expect("a write");
    }
    (cluster, proxy)
}

fn key(index: usize) -> String {
    format!("key/{index:03}")
}

/// Reads all of these at once; each must be answered with its own key.
async fn read_at_once(client: &Client, keys: impl Iterator<Item = String>) {
    let mut readers = JoinSet::new();
    for key in keys {
        let mut kv = client.kv();
        readers.spawn(async move {
            let answer = soon("a read", kv.range(get(&key))).await.expect("an answer").into_inner();
            assert_eq!((answer.count, &answer.kvs[0].value[..]), (1, key.as_bytes()));
        });
    }
    readers.join_all().await;
}

#[tokio::test]
async fn readers_of_many_keys_share_transactions() {
    let (cluster, proxy) = readable(Shape::single(), &[]).await;
    let client = proxy.client();
    eventually("reads share", Duration::from_secs(60), async || {
        let before = started(&cluster, "Range").await + transactions(&cluster).await;
        read_at_once(&client, (0..READERS).map(key)).await;
        let calls = started(&cluster, "Range").await + transactions(&cluster).await - before;
        (calls <= READERS as f64 / 4.0 && transactions(&cluster).await > 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn readers_of_one_key_share_a_read() {
    let (cluster, proxy) = readable(Shape::single(), &[]).await;
    let client = proxy.client();
    eventually("reads share", Duration::from_secs(60), async || {
        let before = started(&cluster, "Range").await;
        read_at_once(&client, std::iter::repeat_n(key(7), READERS)).await;
        (started(&cluster, "Range").await - before <= READERS as f64 / 4.0).then_some(())
    })
    .await;
    assert_eq!(transactions(&cluster).await, 0.0, "one key needs no transaction");
}

#[tokio::test]
async fn one_reader_alone_sends_ranges() {
    let (cluster, proxy) = readable(Shape::single(), &[]).await;
    let mut kv = proxy.client().kv();
    let before = started(&cluster, "Range").await;
    for index in 0..50 {
        kv.range(get(&key(index))).await.expect("an answer");
    }
    assert_eq!(started(&cluster, "Range").await - before, 50.0);
    assert_eq!(transactions(&cluster).await, 0.0);
}

#[tokio::test]
async fn switched_off_every_read_is_its_own() {
    let (cluster, proxy) = readable(Shape::single(), &["--read-coalescing=off"]).await;
    let before = started(&cluster, "Range").await;
    read_at_once(&proxy.client(), (0..READERS).map(key)).await;
    read_at_once(&proxy.client(), std::iter::repeat_n(key(7), READERS)).await;
    assert_eq!(started(&cluster, "Range").await - before, 2.0 * READERS as f64);
    assert_eq!(transactions(&cluster).await, 0.0);
}

#[tokio::test]
async fn a_cluster_that_takes_few_operations_is_found_out() {
    let (cluster, proxy) = readable(Shape::single().flag("--max-txn-ops=5"), &["--worker-threads=1"]).await;
    let client = proxy.client();
    eventually("batches that the cluster takes", Duration::from_secs(60), async || {
        let (before, rejected) = (transactions(&cluster).await, refused(&cluster).await);
        read_at_once(&client, (0..READERS).map(key)).await;
        let taken = transactions(&cluster).await > before && refused(&cluster).await == rejected;
        taken.then_some(())
    })
    .await;
    let rejected = refused(&cluster).await;
    assert!((1.0..=64.0).contains(&rejected), "{rejected} batches were too large");
}

/// The large answer is on its way while small ones are asked for.
#[tokio::test]
async fn a_range_that_takes_long_holds_up_no_point_read() {
    let (cluster, proxy) = readable(Shape::single(), &["--worker-threads=1"]).await;
    let client = proxy.client();
    let mut kv = cluster.member(0).client().kv();
    for index in 0..64 {
        let value = vec![b'x'; 1 << 20];
        let large =
            proto_gen::etcdserverpb::PutRequest { value: value.into(), ..put(&format!("large/{index}"), "") };
        kv.put(large).await.expect("a write");
    }
    let all = RangeRequest { limit: 64, ..crate::requests::range("large/", "large0") };
    let mut large = client.kv();
    let large = tokio::spawn(async move { large.range(all).await });
    read_at_once(&client, (0..READERS).map(key)).await;
    let answer = soon("the large range", large).await.expect("no panic").expect("an answer").into_inner();
    assert_eq!((answer.kvs.len(), answer.count), (64, 64));
}
