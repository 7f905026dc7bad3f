//! Watchers of every kind under writers, kills and changes of leader: what each was sent is compared with the full
//! history, read from etcd afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually, soon};
use proto_gen::etcdserverpb::{MoveLeaderRequest, TxnRequest, WatchCreateRequest};
use proto_gen::mvccpb::{Event, event::EventType};
use tokio::task::JoinSet;

use crate::requests::{delete, op_delete, op_put, put, watch_range};
use crate::watch::{Watching, create_watch};

const KEYS: usize = 12;
const WRITERS: u64 = 4;
/// Watchers of one wave; there is a wave before each disturbance.
const WAVE: u64 = 20;
const THE_END: &str = "the end";
/// How long nobody may hear anything while a member is away.
const LONG: Duration = Duration::from_secs(60);

fn key(number: usize) -> String {
    format!("churn/{number:02}")
}

/// What of an event matters, apart from its place in the order.
type Seen = (i64, Vec<u8>, bool, Vec<u8>);

fn seen(event: &Event) -> Seen {
    let kv = event.kv.as_ref().expect("every event has a key");
    (kv.mod_revision, kv.key.to_vec(), event.r#type == EventType::Delete as i32, kv.value.to_vec())
}

/// A range of keys, and whether it is one key, some, all, or all from one on.
#[derive(Clone, Debug)]
struct Range {
    key: String,
    end: String,
}

impl Range {
    fn any(random: &mut fastrand::Rng) -> Self {
        let (from, to) = (random.usize(..KEYS), random.usize(..KEYS));
        match random.u8(..4) {
            0 => Self { key: key(from), end: String::new() },
            1 => Self { key: key(from.min(to)), end: key(from.max(to) + 1) },
            2 => Self { key: "churn/".to_owned(), end: "churn0".to_owned() },
            _ => Self { key: key(from), end: "\0".to_owned() },
        }
    }

    fn holds(&self, key: &[u8]) -> bool {
        match self.end.as_str() {
            "" => key == self.key.as_bytes(),
            "\0" => key >= self.key.as_bytes(),
            end => key >= self.key.as_bytes() && key < end.as_bytes(),
        }
    }
}

/// Everything that one watcher was sent, from the first revision that it asked for.
struct Record {
    range: Range,
    from: i64,
    events: Vec<Seen>,
}

/// Watches a range until the end. A restless watcher comes back again and again where it had stopped.
async fn follow(client: Client, range: Range, start: i64, restless: bool, seed: u64) -> Record {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut watching, first) = enter(&client, &range, start).await;
    let mut record = Record { range, from: first, events: Vec::new() };
    let mut next = first;
    loop {
        let response = tokio::time::timeout(LONG, watching.wait_for_next()).await.expect("an event in time");
        let response = response.expect("a stream that goes on").expect("a stream that goes on");
        assert!(!response.canceled, "{response:?}");
        record.events.extend(response.events.iter().map(seen));
        if record.events.iter().any(|(.., value)| value == THE_END.as_bytes()) {
            return record;
        }
        next = record.events.last().map_or(next, |(revision, ..)| revision + 1);
        if restless && random.u8(..8) == 0 {
            (watching, _) = enter(&client.reconnected(), &record.range, next).await;
        }
    }
}

/// A new stream with one watcher, and the first revision that it is to be sent.
async fn enter(client: &Client, range: &Range, start: i64) -> (Watching, i64) {
    let request: WatchCreateRequest = watch_range(&range.key, &range.end, start);
    let (watching, created) = create_watch(client, request).await;
    assert!(created.created && !created.canceled, "{created:?}");
    let now = created.header.expect("a header").revision;
    (watching, if start == 0 { now + 1 } else { start })
}

/// Counts writes, and says when to stop.
#[derive(Default)]
struct Writing {
    stop: AtomicBool,
    written: AtomicUsize,
}

impl Writing {
    async fn more(&self, writes: usize, what: &str) {
        let target = self.written.load(Ordering::Relaxed) + writes;
        eventually(what, LONG, async || (self.written.load(Ordering::Relaxed) >= target).then_some(())).await;
    }
}

/// Writes through each of the clients in turn; a write may fail while a member is away.
async fn write(clients: Vec<Client>, writing: Arc<Writing>, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut number = 0;
    while !writing.stop.load(Ordering::Relaxed) {
        let client = clients[random.usize(..clients.len())].with_deadline(Duration::from_secs(3));
        let (one, value) = (random.usize(..KEYS), format!("{seed}.{number}"));
        number += 1;
        let written = match random.u8(..4) {
            0 => client.kv().delete_range(delete(&key(one), "")).await.is_ok(),
            1 => {
                let (second, third) = (key((one + 1) % KEYS), key((one + 2) % KEYS));
                let success = vec![op_put(&key(one), &value), op_put(&second, &value), op_delete(&third)];
                client.kv().txn(TxnRequest { success, ..Default::default() }).await.is_ok()
            }
            _ => client.kv().put(put(&key(one), &value)).await.is_ok(),
        };
        if written {
            writing.written.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One write to every key, which tells every watcher that it is over.
async fn write_the_end(client: &Client) {
    let success = (0..KEYS).map(|number| op_put(&key(number), THE_END)).collect();
    let txn = TxnRequest { success, ..Default::default() };
    eventually("the last write", SOON, async || client.kv().txn(txn.clone()).await.ok()).await;
}

async fn move_leader(cluster: &Cluster) {
    eventually("another leader", SOON, async || {
        let leader = cluster.leader().await;
        let target_id = cluster.member((leader + 1) % 3).id().await;
        let mut maintenance = cluster.member(leader).client().maintenance();
        soon("a move", maintenance.move_leader(MoveLeaderRequest { target_id })).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_watcher_is_sent_the_history_whatever_happens_to_the_members() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let writing = Arc::new(Writing::default());
    let mut clients: Vec<Client> = cluster.members().iter().map(e2e::Member::client).collect();
    clients.push(proxy.client());
    let mut writers = JoinSet::new();
    for seed in 0..WRITERS {
        writers.spawn(write(clients.clone(), Arc::clone(&writing), seed));
    }

    let mut random = fastrand::Rng::with_seed(7);
    let mut watchers = JoinSet::new();
    let shared = proxy.client();
    let mut wave = |first: u64| {
        for seed in first..first + WAVE {
            let client = if seed % 2 == 0 { shared.clone() } else { proxy.client() };
            let start = if seed % 5 == 0 { 1 } else { 0 };
            let range = Range::any(&mut random);
            watchers.spawn(async move { follow(client, range, start, seed % 3 == 0, seed).await });
        }
    };

    wave(0);
    writing.more(150, "writes before a member is killed").await;
    let leader = cluster.leader().await;
    cluster.member_mut(leader).kill();
    wave(100);
    writing.more(150, "writes without the old leader").await;
    cluster.member_mut(leader).restart();
    cluster.member(leader).ready().await;
    move_leader(&cluster).await;
    wave(200);
    writing.more(150, "writes under another leader").await;
    for index in 0..3 {
        cluster.member_mut(index).kill();
        cluster.member_mut(index).restart();
        cluster.member(index).ready().await;
        writing.more(50, "writes after a restart").await;
    }
    wave(300);
    writing.more(150, "writes in the end").await;
    writing.stop.store(true, Ordering::Relaxed);
    writers.join_all().await;
    write_the_end(&cluster.member(0).client()).await;

    let everything = Range { key: "churn/".to_owned(), end: "churn0".to_owned() };
    let history = follow(cluster.member(0).client(), everything, 1, false, 0).await.events;
    let records = watchers.join_all().await;
    assert_eq!(records.len() as u64, 4 * WAVE);
    for Record { range, from, events } in records {
        let mine = |(revision, key, ..): &&Seen| *revision >= from && range.holds(key);
        let expected: Vec<&Seen> = history.iter().filter(mine).collect();
        let got: Vec<&Seen> = events.iter().collect();
        let differ = expected.iter().zip(&got).position(|(expected, got)| expected != got);
        assert!(
            expected == got,
            "{range:?} from {from}: {} of {} events, different from the {differ:?}th on",
            got.len(),
            expected.len()
        );
    }
}
