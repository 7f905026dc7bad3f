//! Members die, freeze and come back under load; what is lost is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use e2e::{Client, Cluster, Proxy, Shape, eventually, soon};
use proto_gen::etcdserverpb::{CompactionRequest, RangeRequest};
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::requests::{create, get, put, range, watch, watch_range};

/// No call may take longer than this while a member is frozen: 8 seconds until it is found out, on a machine that
/// has time.
const HANG: Duration = Duration::from_secs(15);
const READERS: usize = 16;
const WRITERS: usize = 8;

/// Counts of what the clients of a running load have seen.
#[derive(Default)]
pub(crate) struct Tally {
    stop: AtomicBool,
    done: AtomicUsize,
}

impl Tally {
    pub(crate) fn running(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Waits until the clients have done that much more.
    pub(crate) async fn more(&self, calls: usize, what: &str) {
        let target = self.done.load(Ordering::Relaxed) + calls;
        eventually(what, Duration::from_secs(60), async || {
            (self.done.load(Ordering::Relaxed) >= target).then_some(())
        })
        .await;
    }
}

/// Reads until it is told to stop; gives the failures and the longest call.
async fn read(client: Client, tally: Arc<Tally>) -> (Vec<Status>, Duration) {
    let (mut failures, mut longest) = (Vec::new(), Duration::ZERO);
    while tally.running() {
        let started = Instant::now();
        match soon("a read", client.kv().range(get("read"))).await {
            Ok(_) => _ = tally.done.fetch_add(1, Ordering::Relaxed),
            Err(status) => failures.push(status),
        }
        longest = longest.max(started.elapsed());
    }
    (failures, longest)
}

/// What each has seen fail, and its longest call.
pub(crate) type Readers = JoinSet<(Vec<Status>, Duration)>;

/// Readers on connections of their own.
pub(crate) fn readers(proxy: &Proxy, tally: &Arc<Tally>) -> Readers {
    (0..READERS).map(|_| read(proxy.client(), Arc::clone(tally))).collect()
}

pub(crate) async fn stop(tally: &Tally, readers: Readers) -> (Vec<Status>, Duration) {
    tally.stop.store(true, Ordering::Relaxed);
    let results = readers.join_all().await;
    let longest = results.iter().map(|(_, longest)| *longest).max().unwrap_or_default();
    (results.into_iter().flat_map(|(failures, _)| failures).collect(), longest)
}

async fn three_members_and_a_proxy() -> (Cluster, Proxy) {
    let cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    proxy.client().kv().put(put("read", "1")).await.expect("a write");
    (cluster, proxy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_killed_fails_no_read() {
    let (mut cluster, proxy) = three_members_and_a_proxy().await;
    let tally = Arc::new(Tally::default());
    let readers = readers(&proxy, &tally);
    for index in 0..3 {
        tally.more(200, "reads before the kill").await;
        cluster.member_mut(index).kill();
        tally.more(200, "reads after the kill").await;
        cluster.member_mut(index).restart();
        cluster.member(index).ready().await;
    }
    let (failures, _) = stop(&tally, readers).await;
    assert!(failures.is_empty(), "{} reads failed, among them {:?}", failures.len(), failures[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_frozen_holds_nobody_up_for_long() {
    let (cluster, proxy) = three_members_and_a_proxy().await;
    let tally = Arc::new(Tally::default());
    let readers = readers(&proxy, &tally);
    for index in 0..3 {
        tally.more(200, "reads before the freeze").await;
        cluster.member(index).freeze();
        tally.more(200, "reads while a member is frozen").await;
        write_within(&proxy, HANG).await;
        cluster.member(index).thaw();
        cluster.member(index).ready().await;
    }
    let (failures, longest) = stop(&tally, readers).await;
    assert!(failures.is_empty(), "{} reads failed, among them {:?}", failures.len(), failures[0]);
    assert!(longest < HANG, "a read took {longest:?}");
}

/// A write that was under way may fail; the next ones must not.
async fn write_within(proxy: &Proxy, limit: Duration) {
    let client = proxy.client();
    let written = eventually("a write", limit, async || client.kv().put(put("write", "1")).await.ok());
    assert!(tokio::time::timeout(limit, written).await.is_ok(), "no write got through within {limit:?}");
}

#[tokio::test]
async fn without_any_member_calls_end_and_later_work_again() {
    let (mut cluster, proxy) = three_members_and_a_proxy().await;
    let client = proxy.client();
    cluster.members_mut().iter_mut().for_each(e2e::Member::kill);
    let hasty = client.with_deadline(Duration::from_secs(3));
    for _ in 0..3 {
        gone(soon("a read with a deadline", hasty.kv().range(get("read"))).await.map(drop));
        gone(soon("a write with a deadline", hasty.kv().put(put("gone", "1"))).await.map(drop));
    }
    let patient = tokio::time::timeout(Duration::from_secs(60), client.kv().put(put("gone", "1"))).await;
    gone(patient.expect("a write without a deadline ends").map(drop));
    let watching = crate::watch::open(&client);
    watching.send(watch(watch_range("x", "", 0))).await;
    cluster.members_mut().iter_mut().for_each(e2e::Member::restart);
    cluster.ready().await;
    eventually("reads work again", e2e::SOON, async || hasty.kv().range(get("read")).await.ok()).await;
    eventually("writes work again", e2e::SOON, async || hasty.kv().put(put("back", "1")).await.ok()).await;
}

fn gone(result: Result<(), Status>) {
    let status = result.expect_err("nobody is there to answer");
    assert!(
        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_proxy_that_is_there_before_etcd_works_when_etcd_comes() {
    let _slot = e2e::cluster::slot().await;
    let mut cluster = Cluster::prepare(&Shape::three());
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let client = proxy.client();
    gone(client.with_deadline(Duration::from_secs(2)).kv().put(put("early", "1")).await.map(drop));
    cluster.members_mut().iter_mut().for_each(e2e::Member::restart);
    cluster.ready().await;
    eventually("a write works", e2e::SOON, async || client.kv().put(put("late", "1")).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_and_nothing_was_written_twice() {
    let (mut cluster, proxy) = three_members_and_a_proxy().await;
    let tally = Arc::new(Tally::default());
    let writers: JoinSet<_> =
        (0..WRITERS).map(|writer| write(proxy.client(), writer, Arc::clone(&tally))).collect();
    for index in [0, 1, 2, 0, 1, 2] {
        tally.more(100, "writes before the kill").await;
        cluster.member_mut(index).kill();
        tally.more(100, "writes after the kill").await;
        cluster.member_mut(index).restart();
        cluster.member(index).ready().await;
    }
    tally.stop.store(true, Ordering::Relaxed);
    let (acknowledged, failed): (Vec<_>, Vec<_>) = writers.join_all().await.into_iter().unzip();
    let acknowledged: Vec<String> = acknowledged.into_iter().flatten().collect();
    let failed: usize = failed.into_iter().sum();
    println!("{} writes acknowledged, {failed} failed while members were restarted", acknowledged.len());
    let member = cluster.member(0).client();
    let there =
        eventually("a read", e2e::SOON, async || member.kv().range(range("load/", "load0")).await.ok());
    let there = there.await.into_inner().kvs;
    let twice: Vec<_> = there.iter().filter(|kv| kv.version != 1).collect();
    assert!(twice.is_empty(), "written more than once: {twice:?}");
    let there: std::collections::HashSet<Vec<u8>> = there.into_iter().map(|kv| kv.key.to_vec()).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|key| !there.contains(key.as_bytes())).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

/// Every key is written once, by turns with a plain put and as a transaction that must find it missing.
async fn write(client: Client, writer: usize, tally: Arc<Tally>) -> (Vec<String>, usize) {
    let (mut acknowledged, mut failed) = (Vec::new(), 0);
    for number in 0.. {
        if !tally.running() {
            break;
        }
        let key = format!("load/{writer}/{number}");
        match soon("a write", write_once(&client, &key, number % 2 == 0)).await {
            Ok(()) => acknowledged.push(key),
            Err(_) => failed += 1,
        }
        tally.done.fetch_add(1, Ordering::Relaxed);
    }
    (acknowledged, failed)
}

async fn write_once(client: &Client, key: &str, plain: bool) -> Result<(), Status> {
    if plain {
        return client.kv().put(put(key, "1")).await.map(drop);
    }
    let answer = client.kv().txn(create(key, "1")).await?.into_inner();
    assert!(answer.succeeded, "{key} was there before it was written: the proxy has sent it twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_across_restarts_has_no_gap_and_repeats_nothing() {
    let (mut cluster, proxy) = three_members_and_a_proxy().await;
    let tally = Arc::new(Tally::default());
    let writer = tokio::spawn(write(proxy.client(), 0, Arc::clone(&tally)));
    let first = watched_from(&proxy.client()).await;
    let watcher = tokio::spawn(follow(proxy.client(), first));
    for index in 0..3 {
        tally.more(50, "writes before the kill").await;
        cluster.member_mut(index).kill();
        tally.more(50, "writes after the kill").await;
        cluster.member_mut(index).restart();
        cluster.member(index).ready().await;
    }
    tally.stop.store(true, Ordering::Relaxed);
    writer.await.expect("a writer");
    eventually("a last write", e2e::SOON, async || proxy.client().kv().put(put("load/end", "1")).await.ok())
        .await;
    let seen = tokio::time::timeout(Duration::from_secs(60), watcher).await;
    let seen = seen.expect("the last event").expect("a watcher");
    let expected: Vec<i64> = (first..first + i64::try_from(seen.len()).expect("few")).collect();
    // Of the writes that were counted some may have failed.
    assert!(seen.len() > 200, "only {} revisions", seen.len());
    assert_eq!(seen, expected);
}

async fn watched_from(client: &Client) -> i64 {
    client.kv().range(get("read")).await.expect("a read").into_inner().header.expect("a header").revision + 1
}

/// Follows every change from `first` on until `load/end`, with a new stream where the last one ended.
async fn follow(client: Client, first: i64) -> Vec<i64> {
    let mut seen: Vec<i64> = Vec::new();
    loop {
        let next = seen.last().map_or(first, |last| last + 1);
        let mut watching = crate::watch::open(&client);
        watching.send(watch(watch_range("load/", "load0", next))).await;
        while let Ok(Some(response)) = watching.wait_for_next().await {
            for event in response.events.iter().filter_map(|event| event.kv.as_ref()) {
                seen.push(event.mod_revision);
                if event.key == "load/end" {
                    return seen;
                }
            }
            if response.canceled {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_read_of_the_past_is_not_answered_by_a_member_that_is_behind() {
    let (cluster, proxy) = three_members_and_a_proxy().await;
    let client = proxy.client();
    for index in 0..3 {
        let put = client.kv().put(put("behind", "1")).await.expect("a write").into_inner();
        let revision = put.header.expect("a header").revision;
        cluster.member(index).freeze();
        let read = soon("a read", client.kv().range(RangeRequest { revision, ..get("behind") })).await;
        cluster.member(index).thaw();
        assert_eq!(read.expect("a read of what was written").into_inner().count, 1);
        cluster.ready().await;
    }
    let compact = CompactionRequest { revision: 3, physical: false };
    client.kv().compact(compact).await.expect("a compaction");
}
