//! Who shares watchers on etcd, and the two ways past it.

use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually, metrics};

use crate::requests::{put, watch_range};
use crate::watch::{Watching, create_watch, events};

const WATCHERS: usize = 5;

async fn watchers_on(cluster: &Cluster) -> f64 {
    metrics::sum(cluster.member(0).address(), "etcd_debugging_mvcc_watcher_total", &[]).await
}

/// Opens equal watchers, sees that each gets an event, and returns them.
async fn equal_watchers(client: &Client) -> Vec<Watching> {
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        watchers.push(create_watch(client, watch_range("a/", "a0", 0)).await.0);
    }
    client.kv().put(put("a/1", "1")).await.unwrap();
    for watching in &mut watchers {
        assert_eq!(events(watching, 1).await.len(), 1);
    }
    watchers
}

async fn settles_at(cluster: &Cluster, expected: f64) {
    eventually(&format!("etcd has {expected} watchers"), SOON, async || {
        (watchers_on(cluster).await == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn equal_watchers_are_one_on_etcd_unless_their_client_or_the_operator_says_otherwise() {
    let cluster = Cluster::start(Shape::single()).await;
    let sharing = Proxy::start(&cluster.endpoints(), &[]).await;
    let own = Proxy::start(&cluster.endpoints(), &["--watch-coalescing=off"]).await;
    let before = watchers_on(&cluster).await;
    let shared = equal_watchers(&sharing.client()).await;
    settles_at(&cluster, before + 1.0).await;
    let past = equal_watchers(&sharing.client().with("etcd-proxy-watch", "passthrough")).await;
    settles_at(&cluster, before + 1.0 + WATCHERS as f64).await;
    let off = equal_watchers(&own.client()).await;
    settles_at(&cluster, before + 1.0 + 2.0 * WATCHERS as f64).await;
    drop((shared, past, off));
    settles_at(&cluster, before).await;
}
