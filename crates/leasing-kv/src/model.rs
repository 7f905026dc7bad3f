//! Several proxies over one etcd: reads, writes, transactions and deletions in any order, with answers and events that
//! are late or lost, cuts, lost sessions and compactions, and what clients may be told then.
//!
//! etcd orders everything by revisions. So a history need not be searched for an order that explains it: a read is
//! right if what it shows was the state at some revision between its beginning and its end, and a write if it happened
//! exactly once, there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proto_gen::KeyRange;
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest};
use proto_gen::mvccpb::KeyValue;
use tokio::task::{JoinHandle, yield_now};
use tonic::Request;

use crate::double::Etcd;
use crate::store::Keys;
use crate::{Config, LeasedKv, Leasing};

const PROXIES: usize = 3;
const KEYS: [&str; 3] = ["a", "b", "c"];
const RANGES: [(&str, &str); 5] = [("a", "c"), ("b", "\0"), ("\0", "\0"), ("a", "b"), ("P", "Q")];
const TTL: u64 = 10;

#[derive(Clone, Debug)]
enum Step {
    Read {
        proxy: usize,
        key: usize,
    },
    ReadBoth {
        proxy: usize,
        key: usize,
    },
    Put {
        proxy: usize,
        key: usize,
    },
    Delete {
        proxy: usize,
        key: usize,
    },
    DeleteRange {
        proxy: usize,
        range: usize,
    },
    /// Writes one key if another is there, and a third one otherwise, or nothing.
    Txn {
        proxy: usize,
        key: usize,
        has_else: bool,
    },
    CarryOut(usize),
    Answer(usize),
    Lose(usize),
    GiveUp(usize),
    Deliver {
        proxy: usize,
        revisions: usize,
    },
    BreakWatch(usize),
    Cut(usize),
    Heal(usize),
    Compact,
    /// Everything that waits is carried out, answered and delivered, for some turns.
    Settle,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (proxy, key) = (|| 0..PROXIES, || 0..KEYS.len());
    prop_oneof![
        9 => (0..2usize, key()).prop_map(|(proxy, key)| Step::Read { proxy, key }),
        2 => (0..2usize, key()).prop_map(|(proxy, key)| Step::ReadBoth { proxy, key }),
        5 => (proxy(), key()).prop_map(|(proxy, key)| Step::Put { proxy, key }),
        1 => (proxy(), key()).prop_map(|(proxy, key)| Step::Delete { proxy, key }),
        1 => (proxy(), 0..RANGES.len()).prop_map(|(proxy, range)| Step::DeleteRange { proxy, range }),
        2 => (proxy(), key(), any::<bool>())
            .prop_map(|(proxy, key, has_else)| Step::Txn { proxy, key, has_else }),
        8 => (0..4usize).prop_map(Step::CarryOut),
        8 => (0..4usize).prop_map(Step::Answer),
        1 => (0..4usize).prop_map(Step::Lose),
        1 => (0..4usize).prop_map(Step::GiveUp),
        3 => (proxy(), 1..4usize).prop_map(|(proxy, revisions)| Step::Deliver { proxy, revisions }),
        1 => proxy().prop_map(Step::BreakWatch),
        1 => proxy().prop_map(Step::Cut),
        3 => proxy().prop_map(Step::Heal),
        1 => Just(Step::Compact),
        12 => Just(Step::Settle),
        4 => prop_oneof![3 => 0..400u64, 1 => 400..4_000u64, 1 => 8_000..12_000u64].prop_map(Step::Wait),
    ]
}

/// What a client was told.
#[derive(Clone, Debug)]
enum Told {
    /// The state of these keys, all at once, and the revision of the header.
    Read {
        keys: Vec<(Bytes, Option<KeyValue>)>,
        revision: i64,
    },
    /// This value was written to this key.
    Put {
        key: Bytes,
        value: Bytes,
        revision: i64,
        before: Option<KeyValue>,
    },
    Deleted {
        range: KeyRange,
        revision: i64,
        deleted: i64,
    },
    /// A transaction took a branch.
    Chose {
        condition: Bytes,
        succeeded: bool,
        revision: i64,
    },
}

/// The revisions of the store when it began and when it ended.
#[derive(Clone, Debug)]
struct Operation {
    began: i64,
    ended: i64,
    told: Told,
}

struct World {
    etcd: Etcd,
    proxies: Vec<LeasedKv<Etcd>>,
    leasings: Vec<Leasing>,
    workers: Vec<JoinHandle<()>>,
    clients: Vec<JoinHandle<()>>,
    history: Arc<Mutex<Vec<Operation>>>,
    values: usize,
}

fn kv(key: usize) -> Bytes {
    Bytes::from_static(KEYS[key % KEYS.len()].as_bytes())
}

fn op(request: Op) -> RequestOp {
    RequestOp { request: Some(request) }
}

impl World {
    fn new() -> Self {
        let etcd = Etcd::new();
        let config =
            Config { ttl: TTL as i64, max_keys: 2, back_off: Duration::from_millis(50), ..Config::new("P/") };
        let (mut proxies, mut leasings, mut workers) = (Vec::new(), Vec::new(), Vec::new());
        for client in 0..PROXIES {
            let side = etcd.of_client(client);
            let (leasing, worker) = Leasing::new(config.clone(), side.kv(), side.lease(), side.watch());
            proxies.push(LeasedKv::new(side, leasing.clone()));
            leasings.push(leasing);
            workers.push(tokio::spawn(worker.run()));
        }
        let (clients, history) = (Vec::new(), Arc::default());
        Self { etcd, proxies, leasings, workers, clients, history, values: 0 }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Read { proxy, key } => self.read(proxy, key),
            Step::ReadBoth { proxy, key } => self.read_both(proxy, key),
            Step::Put { proxy, key } => self.put(proxy, key),
            Step::Delete { proxy, key } => {
                self.delete(proxy, DeleteRangeRequest { key: kv(key), ..Default::default() })
            }
            Step::DeleteRange { proxy, range } => {
                let (key, range_end) = RANGES[range];
                self.delete(
                    proxy,
                    DeleteRangeRequest { key: key.into(), range_end: range_end.into(), prev_kv: false },
                );
            }
            Step::Txn { proxy, key, has_else } => self.txn(proxy, key, has_else),
            Step::CarryOut(number) => drop(self.etcd.store().carry_out(number)),
            Step::Answer(number) => drop(self.etcd.store().answer(number, false)),
            Step::Lose(number) => drop(self.etcd.store().answer(number, true)),
            Step::GiveUp(number) => {
                if let Some(client) = self.clients.get(number) {
                    client.abort();
                }
            }
            Step::Deliver { proxy, revisions } => self.etcd.store().deliver(proxy, revisions),
            Step::BreakWatch(proxy) => self.etcd.store().break_watchers(proxy),
            Step::Cut(proxy) => drop(self.etcd.store().cut.insert(proxy)),
            Step::Heal(proxy) => drop(self.etcd.store().cut.remove(&proxy)),
            Step::Compact => self.etcd.store().compact(),
            Step::Settle => self.settle(6).await,
            Step::Wait(millis) => self.wait(millis).await,
        }
        self.turn().await;
        self.clients.retain(|client| !client.is_finished());
    }

    /// Lets everybody do what he can.
    async fn turn(&self) {
        for _ in 0..24 {
            yield_now().await;
        }
    }

    async fn settle(&self, rounds: usize) {
        for _ in 0..rounds {
            {
                let mut store = self.etcd.store();
                while store.carry_out(0) {}
                while store.answer(0, false) {}
                (0..PROXIES).for_each(|proxy| store.deliver(proxy, usize::MAX));
            }
            self.turn().await;
        }
    }

    async fn wait(&self, millis: u64) {
        for _ in 0..10 {
            tokio::time::advance(Duration::from_micros(millis * 100)).await;
            self.etcd.store().expire();
            self.turn().await;
        }
    }

    fn spawn(&mut self, call: impl Future<Output = Option<Told>> + Send + 'static) {
        let (etcd, history) = (self.etcd.clone(), Arc::clone(&self.history));
        let began = etcd.store().revision();
        self.clients.push(tokio::spawn(async move {
            if let Some(told) = call.await {
                let ended = etcd.store().revision();
                history.lock().unwrap().push(Operation { began, ended, told });
            }
        }));
    }

    fn read(&mut self, proxy: usize, key: usize) {
        let (service, key) = (self.proxies[proxy].clone(), kv(key));
        self.spawn(async move {
            let request = RangeRequest { key: key.clone(), ..RangeRequest::default() };
            let answer = service.range(Request::new(request)).await.ok()?.into_inner();
            let revision = answer.header.unwrap().revision;
            Some(Told::Read { keys: vec![(key, answer.kvs.into_iter().next())], revision })
        });
    }

    fn read_both(&mut self, proxy: usize, key: usize) {
        let (service, keys) = (self.proxies[proxy].clone(), [kv(key), kv(key + 1)]);
        self.spawn(async move {
            let get = |key: &Bytes| {
                op(Op::RequestRange(RangeRequest { key: key.clone(), ..RangeRequest::default() }))
            };
            let request = TxnRequest { success: keys.iter().map(get).collect(), ..TxnRequest::default() };
            let answer = service.txn(Request::new(request)).await.ok()?.into_inner();
            let found = answer.responses.into_iter().map(|op| match op.response {
                Some(OpAnswer::ResponseRange(range)) => range.kvs.into_iter().next(),
                _ => panic!("a range"),
            });
            let revision = answer.header.unwrap().revision;
            Some(Told::Read { keys: keys.into_iter().zip(found).collect(), revision })
        });
    }

    fn fresh(&mut self, key: usize) -> PutRequest {
        self.values += 1;
        PutRequest {
            key: kv(key),
            value: self.values.to_string().into(),
            prev_kv: true,
            ..PutRequest::default()
        }
    }

    fn put(&mut self, proxy: usize, key: usize) {
        let (service, request) = (self.proxies[proxy].clone(), self.fresh(key));
        self.spawn(async move {
            let PutRequest { key, value, .. } = request.clone();
            let answer = service.put(Request::new(request)).await.ok()?.into_inner();
            let revision = answer.header.unwrap().revision;
            Some(Told::Put { key, value, revision, before: answer.prev_kv })
        });
    }

    fn delete(&mut self, proxy: usize, request: DeleteRangeRequest) {
        let service = self.proxies[proxy].clone();
        let range = KeyRange::new(&request.key, &request.range_end);
        self.spawn(async move {
            let answer = service.delete_range(Request::new(request)).await.ok()?.into_inner();
            let revision = answer.header.unwrap().revision;
            Some(Told::Deleted { range, revision, deleted: answer.deleted })
        });
    }

    fn txn(&mut self, proxy: usize, key: usize, has_else: bool) {
        let service = self.proxies[proxy].clone();
        let (then, other) = (self.fresh(key + 1), self.fresh(key + 2));
        let condition = kv(key);
        let request = TxnRequest {
            compare: vec![Compare {
                result: CompareResult::Greater.into(),
                target: CompareTarget::Version.into(),
                key: condition.clone(),
                target_union: Some(TargetUnion::Version(0)),
                ..Compare::default()
            }],
            success: vec![op(Op::RequestPut(then))],
            failure: if has_else { vec![op(Op::RequestPut(other))] } else { Vec::new() },
        };
        self.spawn(async move {
            let answer = service.txn(Request::new(request)).await.ok()?.into_inner();
            let revision = answer.header.unwrap().revision;
            Some(Told::Chose { condition, succeeded: answer.succeeded, revision })
        });
    }

    /// When everything works again, everybody is answered, and whoever writes is heard.
    async fn end(&mut self) -> Result<(), TestCaseError> {
        self.etcd.store().cut.clear();
        for round in 0..200 {
            self.settle(3).await;
            self.wait(if round % 4 == 0 { 2_000 } else { 100 }).await;
            if self.clients.iter().all(JoinHandle::is_finished) && round > 3 {
                break;
            }
        }
        prop_assert!(self.clients.iter().all(JoinHandle::is_finished), "somebody waits for ever");
        for proxy in 0..PROXIES {
            for key in 0..KEYS.len() {
                self.put(proxy, key);
                self.read((proxy + 1) % PROXIES, key);
            }
        }
        for _ in 0..200 {
            self.settle(3).await;
            self.wait(200).await;
            if self.clients.iter().all(JoinHandle::is_finished) {
                break;
            }
        }
        prop_assert!(self.clients.iter().all(JoinHandle::is_finished), "a write waits for ever");
        for leasing in &self.leasings {
            let counters = leasing.counters();
            prop_assert!(counters.keys.get() <= 2);
            prop_assert_eq!(leasing.0.holdings().waiters(), 0);
        }
        for worker in &self.workers {
            prop_assert!(!worker.is_finished());
            worker.abort();
        }
        Ok(())
    }

    fn hits(&self) -> u64 {
        self.leasings.iter().map(|leasing| leasing.counters().hits.get()).sum()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let store = self.etcd.store();
        for operation in self.history.lock().unwrap().iter() {
            if let Some(fault) = fault(operation, &store.states) {
                return Err(TestCaseError::fail(format!("{fault}: {operation:?}")));
            }
        }
        // Whether anybody was told or not: nothing is written twice.
        let mut written = std::collections::HashMap::new();
        for (revision, keys) in store.states.iter().enumerate() {
            for kv in keys
                .values()
                .filter(|kv| kv.mod_revision == revision as i64 + 1 && !kv.key.starts_with(b"P/"))
            {
                if let Some(before) = written.insert(kv.value.clone(), revision) {
                    return Err(TestCaseError::fail(format!(
                        "written at {before} and at {revision}: {kv:?}"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// What is wrong with an operation, if anything is. `states` are the keys at each revision from 1 on.
fn fault(operation: &Operation, states: &[Keys]) -> Option<&'static str> {
    let at = |revision: i64| &states[revision as usize - 1];
    let Operation { began, ended, told } = operation;
    let happened = |revision: i64| revision > *began && revision <= *ended;
    match told {
        Told::Read { keys, revision } => {
            let shows = |revision: i64| keys.iter().all(|(key, kv)| at(revision).get(key) == kv.as_ref());
            if !(*began..=*ended).any(shows) {
                return Some("no state between its beginning and its end");
            }
            (*revision > *ended || !shows(*revision)).then_some("not the state at the revision of its header")
        }
        Told::Put { key, value, revision, before } => {
            let is_there =
                at(*revision).get(key).is_some_and(|kv| kv.value == value && kv.mod_revision == *revision);
            if !happened(*revision) || !is_there {
                return Some("not written when it says");
            }
            (at(revision - 1).get(key) != before.as_ref()).then_some("not what was there before")
        }
        Told::Deleted { range, revision, deleted } => {
            let count = |revision: i64| at(revision).keys().filter(|key| range.holds(key)).count() as i64;
            if *deleted == 0 {
                return (!(*began..=*ended).any(|revision| count(revision) == 0))
                    .then_some("there was something");
            }
            let is_done = happened(*revision) && count(*revision) == 0 && count(revision - 1) == *deleted;
            (!is_done).then_some("not deleted as it says")
        }
        Told::Chose { condition, succeeded, revision } => {
            // Both the state before the write and the one that only was looked at.
            let held = |revision: i64| at(revision).contains_key(condition) == *succeeded;
            (!(held(*revision) || held(revision - 1))).then_some("not the branch for that state")
        }
    }
}

fn run(steps: Vec<Step>) -> Result<u64, TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut world = World::new();
        world.take(Step::Settle).await;
        for step in steps {
            world.take(step).await;
        }
        let ended = world.end().await;
        world.check()?;
        ended?;
        Ok(world.hits())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn histories_are_linearizable(steps in proptest::collection::vec(step(), 1..160)) {
        run(steps)?;
    }
}

#[test]
fn memory_answers_in_the_model() {
    let round = |proxy| [Step::Read { proxy, key: 0 }, Step::Settle, Step::Wait(100), Step::Settle];
    let steps: Vec<Step> = (0..20).flat_map(|n| round(n / 10)).collect();
    let hits = run(steps).unwrap();
    assert!(hits >= 6, "{hits} hits");
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let value = |value: &'static str, revision| KeyValue {
        key: "a".into(),
        value: value.into(),
        create_revision: 2,
        mod_revision: revision,
        version: revision - 1,
        lease: 0,
    };
    let state = |kv: Option<KeyValue>| kv.into_iter().map(|kv| (kv.key.clone(), kv)).collect::<Keys>();
    let states = [state(None), state(Some(value("1", 2))), state(Some(value("2", 3))), state(None)];
    let found = |began, ended, told| fault(&Operation { began, ended, told }, &states);
    let read = |kv: Option<KeyValue>, revision| Told::Read { keys: vec![("a".into(), kv)], revision };
    assert_eq!(found(1, 2, read(Some(value("1", 2)), 2)), None);
    assert!(found(3, 3, read(Some(value("1", 2)), 2)).is_some(), "too old");
    assert!(found(1, 3, read(Some(value("1", 2)), 3)).is_some(), "not at that revision");
    assert!(found(1, 1, read(Some(value("1", 2)), 2)).is_some(), "from the future");
    let put = |text: &'static str, revision, before| Told::Put {
        key: "a".into(),
        value: text.into(),
        revision,
        before,
    };
    assert_eq!(found(2, 3, put("2", 3, Some(value("1", 2)))), None);
    assert!(found(2, 3, put("2", 3, Some(value("2", 3)))).is_some(), "written twice");
    assert!(found(3, 3, put("2", 3, Some(value("1", 2)))).is_some(), "before it began");
    let deleted =
        |revision, deleted| Told::Deleted { range: KeyRange::point(&"a".into()), revision, deleted };
    assert_eq!(found(3, 4, deleted(4, 1)), None);
    assert!(found(3, 4, deleted(4, 2)).is_some());
    assert!(found(2, 3, deleted(3, 0)).is_some());
    let chose = |succeeded, revision| Told::Chose { condition: "a".into(), succeeded, revision };
    assert_eq!(found(2, 3, chose(true, 3)), None);
    assert!(found(2, 3, chose(false, 3)).is_some());
}
