//! Members die and come back under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Client, Cluster, Gateway, Shape, eventually};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::cache::serializable;
use crate::requests::{get, put};

const CLIENTS: usize = 8;

#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    done: AtomicUsize,
    failed: AtomicUsize,
}

impl Tally {
    async fn more(&self, calls: usize, what: &str) {
        let target = self.done.load(Ordering::Relaxed) + calls;
        eventually(what, Duration::from_secs(60), async || {
            (self.done.load(Ordering::Relaxed) >= target).then_some(())
        })
        .await;
    }

    fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }
}

/// Each call on a connection of its own, so that each is a choice; and of the member alone, whoever leads.
async fn read(address: String, tally: Arc<Tally>) {
    while !tally.stop.load(Ordering::Relaxed) {
        let read = Client::of(&address).kv().range(serializable(get("read"))).await;
        let count = if read.is_ok() { &tally.done } else { &tally.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn clients(gateway: &Gateway, tally: &Arc<Tally>) -> JoinSet<()> {
    (0..CLIENTS).map(|_| read(gateway.address().to_owned(), Arc::clone(tally))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_dies_is_set_aside_and_comes_back() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let gateway = Gateway::start(&cluster.endpoints(), &["--retry-delay=1s"]).await;
    gateway.client().kv().put(put("read", "1")).await.expect("a write");
    let tally = Arc::new(Tally::default());
    let clients = clients(&gateway, &tally);
    tally.more(100, "reads of a healthy cluster").await;
    assert_eq!(tally.failed(), 0);
    for victim in [2, 0] {
        let address = cluster.member(victim).address().to_owned();
        let known = gateway.log().len();
        cluster.member_mut(victim).kill();
        gateway.says("deactivated endpoint", &address).await;
        tally.more(200, "reads without one member").await;
        cluster.member_mut(victim).restart();
        eventually("the member takes connections again", Duration::from_secs(60), async || {
            let log = gateway.log();
            let back = |line: &serde_json::Value| line["msg"] == "activated" && line["address"] == *address;
            log[known..].iter().any(back).then_some(())
        })
        .await;
        cluster.ready().await;
        tally.more(100, "reads with all members").await;
    }
    let failed = tally.failed();
    tally.more(200, "reads of a cluster that is whole again").await;
    assert_eq!(tally.failed(), failed, "nobody dies any more");
    tally.stop.store(true, Ordering::Relaxed);
    clients.join_all().await;
    println!(
        "{} reads, {failed} failed while members died and came back",
        tally.done.load(Ordering::Relaxed)
    );
}

/// etcd's gateway refuses everybody for a minute after the last member was back.
#[tokio::test]
async fn a_cluster_that_was_away_is_found_at_once() {
    let mut cluster = Cluster::start(Shape::single()).await;
    let gateway = Gateway::start(&cluster.endpoints(), &["--retry-delay=1h"]).await;
    gateway.client().kv().put(put("a", "1")).await.expect("a write");
    let address = cluster.member(0).address().to_owned();
    cluster.member_mut(0).kill();
    let mut refused = TcpStream::connect(gateway.address()).await.expect("the gateway is there");
    let said = tokio::io::AsyncReadExt::read(&mut refused, &mut [0; 1]).await;
    assert!(matches!(said, Ok(0) | Err(_)), "{said:?}");
    gateway.says("deactivated endpoint", &address).await;
    cluster.member_mut(0).restart();
    cluster.ready().await;
    gateway.client().kv().range(get("a")).await.expect("a read");
    gateway.says("activated", &address).await;
}
