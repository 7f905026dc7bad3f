//! Crowds of readers, writers past the proxy, and members that die: no read shows what was overwritten before it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually, soon};
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::{RangeResponse, TxnRequest};
use tokio::task::JoinSet;

use crate::requests::{compare, get, op_put, put};

const KEYS: usize = 4;
const READERS: usize = 48;
const CONNECTIONS: usize = 4;

/// What everybody knows of the keys: the greatest number that was acknowledged or read.
#[derive(Default)]
struct Known {
    numbers: [AtomicU64; KEYS],
    revision: AtomicU64,
    stop: AtomicBool,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Known {
    fn running(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    async fn more(&self, reads: usize, writes: usize) {
        let reads = self.reads.load(Ordering::SeqCst) + reads;
        let writes = self.writes.load(Ordering::SeqCst) + writes;
        eventually("readers and writers go on", Duration::from_secs(60), async || {
            let enough =
                self.reads.load(Ordering::SeqCst) >= reads && self.writes.load(Ordering::SeqCst) >= writes;
            enough.then_some(())
        })
        .await;
    }
}

fn key(index: usize) -> String {
    format!("number/{index}")
}

fn number(answer: &RangeResponse) -> u64 {
    let text = answer.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned());
    text.map_or(0, |text| text.parse().expect("a number"))
}

fn written(number: u64) -> String {
    format!("{number:012}")
}

/// Puts a number over a smaller one only: a write whose answer is lost may take effect long after its successors.
fn raise(key: &str, number: u64) -> TxnRequest {
    let value = TargetUnion::Value(written(number).into());
    let smaller = compare(key, CompareResult::Less, CompareTarget::Value, value);
    TxnRequest { compare: vec![smaller], success: vec![op_put(key, &written(number))], failure: Vec::new() }
}

/// One writer for each key, so that the numbers only grow.
async fn write(client: Client, index: usize, known: Arc<Known>) {
    let mut next = 1;
    while known.running() {
        let raised = soon("a write", client.kv().txn(raise(&key(index), next))).await;
        if raised.is_ok_and(|answer| answer.get_ref().succeeded) {
            known.numbers[index].fetch_max(next, Ordering::SeqCst);
            known.writes.fetch_add(1, Ordering::SeqCst);
        }
        next += 1;
    }
}

async fn read(client: Client, index: usize, known: Arc<Known>) {
    while known.running() {
        let floor = known.numbers[index].load(Ordering::SeqCst);
        let revision = known.revision.load(Ordering::SeqCst);
        let answer = soon("a read", client.kv().range(get(&key(index))))
            .await
            .expect("reads are repeated")
            .into_inner();
        let seen = number(&answer);
        let header = answer.header.expect("a header");
        let seen_revision = u64::try_from(header.revision).expect("a revision");
        assert!(seen >= floor, "{}: {seen} was read when {floor} was known", key(index));
        assert!(seen_revision >= revision, "revision {seen_revision} was told when {revision} was known");
        assert!(header.cluster_id != 0 && header.member_id != 0 && header.raft_term != 0, "{header:?}");
        known.numbers[index].fetch_max(seen, Ordering::SeqCst);
        known.revision.fetch_max(seen_revision, Ordering::SeqCst);
        known.reads.fetch_add(1, Ordering::SeqCst);
    }
}

/// Writers of member 2, readers of the proxy.
async fn start(cluster: &Cluster, proxy: &Proxy, known: &Arc<Known>) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for index in 0..KEYS {
        let client = cluster.member(2).client();
        let first = put(&key(index), &written(0));
        eventually("the first write", SOON, async || client.kv().put(first.clone()).await.ok()).await;
        clients.spawn(write(client, index, Arc::clone(known)));
    }
    let connections: Vec<Client> = (0..CONNECTIONS).map(|_| proxy.client()).collect();
    for reader in 0..READERS {
        let client = connections[reader % CONNECTIONS].clone();
        clients.spawn(read(client, reader % KEYS, Arc::clone(known)));
    }
    clients
}

async fn finish(known: &Known, clients: JoinSet<()>) {
    known.stop.store(true, Ordering::SeqCst);
    soon("the clients end", clients.join_all()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_read_shows_what_was_overwritten_before_it() {
    let cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--balancer=round-robin"]).await;
    let known = Arc::new(Known::default());
    let clients = start(&cluster, &proxy, &known).await;
    known.more(5000, 200).await;
    finish(&known, clients).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_while_members_die_and_come_back() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let known = Arc::new(Known::default());
    let clients = start(&cluster, &proxy, &known).await;
    for index in [0, 1, 0, 1] {
        known.more(1000, 20).await;
        cluster.member_mut(index).kill();
        known.more(1000, 20).await;
        cluster.member_mut(index).restart();
        cluster.member(index).ready().await;
    }
    finish(&known, clients).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_while_a_member_is_frozen() {
    let cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let known = Arc::new(Known::default());
    let clients = start(&cluster, &proxy, &known).await;
    for index in [0, 1] {
        known.more(1000, 20).await;
        cluster.member(index).freeze();
        known.more(1000, 20).await;
        cluster.member(index).thaw();
        cluster.member(index).ready().await;
    }
    finish(&known, clients).await;
}
