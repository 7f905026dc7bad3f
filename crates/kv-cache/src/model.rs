//! Reads, writes, foreign writes and lost answers in any order, and what clients may be told then.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};
use tonic::Request;

use crate::config::Config;
use crate::double::Etcd;
use crate::history::{Answered, Foreign, Operation, fault};
use crate::reach;
use crate::{CachedKv, KvCache};
use proto_gen::KeyRange;

const MAX_AGE: Duration = Duration::from_millis(1000);
const TOKENS: [&str; 2] = ["one", "other"];
const RANGES: [(&str, &str); 7] =
    [("a", ""), ("b", ""), ("c", ""), ("a", "c"), ("b", "\0"), ("\0", "\0"), ("a", "z")];

#[derive(Clone, Debug)]
enum Step {
    Read {
        range: usize,
        token: usize,
        serializable: bool,
        limit: i64,
        count_only: bool,
    },
    ReadPast {
        range: usize,
        back: i64,
    },
    Put {
        key: usize,
    },
    Delete {
        range: usize,
    },
    Txn {
        key: usize,
        range: usize,
    },
    Foreign {
        key: usize,
    },
    Compact,
    CarryOut(usize),
    Answer(usize),
    Lose(usize),
    GiveUp(usize),
    /// Everything that waits is carried out and answered.
    Settle,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (range, key) = (|| 0..RANGES.len(), || 0..3usize);
    prop_oneof![
        6 => (range(), 0..2usize, prop_oneof![4 => Just(true), 1 => Just(false)], 0..2i64, any::<bool>())
            .prop_map(|(range, token, serializable, limit, count)| Step::Read {
                range, token, serializable, limit, count_only: count && limit == 1,
            }),
        1 => (range(), 0..3i64).prop_map(|(range, back)| Step::ReadPast { range, back }),
        2 => key().prop_map(|key| Step::Put { key }),
        1 => range().prop_map(|range| Step::Delete { range }),
        1 => (key(), range()).prop_map(|(key, range)| Step::Txn { key, range }),
        2 => key().prop_map(|key| Step::Foreign { key }),
        1 => Just(Step::Compact),
        6 => (0..4usize).prop_map(Step::CarryOut),
        6 => (0..4usize).prop_map(Step::Answer),
        1 => (0..4usize).prop_map(Step::Lose),
        1 => (0..4usize).prop_map(Step::GiveUp),
        9 => Just(Step::Settle),
        1 => prop_oneof![0..20u64, 900..1100u64, 9_000..12_000u64].prop_map(Step::Wait),
    ]
}

type Client = Pin<Box<dyn Future<Output = Option<Answered>>>>;

struct World {
    etcd: Etcd,
    cache: KvCache,
    kv: CachedKv<Etcd>,
    clients: Vec<(usize, crate::moment::Moment, Client)>,
    history: Vec<Operation>,
    foreign: Vec<Foreign>,
    values: usize,
    now: usize,
}

impl World {
    fn new(lag: usize) -> Self {
        let config = Config { max_entries: 6, max_age: MAX_AGE, ..Config::default() };
        let (cache, _) = KvCache::new(config);
        let etcd = Etcd::default();
        etcd.store().lag = lag;
        let kv = CachedKv::new(etcd.clone(), cache.clone());
        let (clients, history, foreign) = (Vec::new(), Vec::new(), Vec::new());
        Self { etcd, cache, kv, clients, history, foreign, values: 0, now: 0 }
    }

    async fn take(&mut self, step: Step) {
        self.now += 1;
        tokio::time::advance(Duration::from_micros(1)).await;
        match step {
            Step::Read { range, token, serializable, limit, count_only } => {
                let request = RangeRequest { serializable, limit, count_only, ..asked(range) };
                self.read(request, TOKENS[token]);
            }
            Step::ReadPast { range, back } => {
                let revision = (self.etcd.store().revision() - back).max(1);
                self.read(RangeRequest { revision, serializable: true, ..asked(range) }, TOKENS[0]);
            }
            Step::Put { key } => {
                let request = self.fresh(key);
                let (kv, ranges) = (self.kv.clone(), reach::of_put(&request));
                self.write(
                    ranges,
                    async move { kv.put(Request::new(request)).await.ok()?.into_inner().header },
                );
            }
            Step::Delete { range } => {
                let RangeRequest { key, range_end, .. } = asked(range);
                let request = DeleteRangeRequest { key, range_end, prev_kv: false };
                let (kv, ranges) = (self.kv.clone(), reach::of_delete(&request));
                self.write(ranges, async move {
                    kv.delete_range(Request::new(request)).await.ok()?.into_inner().header
                });
            }
            Step::Txn { key, range } => self.txn(key, range),
            Step::Foreign { key } => {
                let request = self.fresh(key);
                let revision = self.etcd.store().foreign(&request);
                let written_at = self.cache.now();
                self.foreign.push(Foreign { key: request.key, revision, written_at });
            }
            Step::Compact => {
                let kv = self.kv.clone();
                let request = CompactionRequest { revision: self.etcd.store().revision(), physical: false };
                let call = async move {
                    let _ = kv.compact(Request::new(request)).await;
                    None
                };
                self.clients.push((self.now, self.cache.now(), Box::pin(call)));
            }
            Step::CarryOut(number) => self.etcd.store().carry_out(number),
            Step::Answer(number) => self.etcd.store().answer(number, false),
            Step::Lose(number) => self.etcd.store().answer(number, true),
            Step::GiveUp(number) if number < self.clients.len() => drop(self.clients.remove(number)),
            Step::GiveUp(_) => {}
            Step::Settle => self.settle().await,
            Step::Wait(milliseconds) => tokio::time::advance(Duration::from_millis(milliseconds)).await,
        }
        self.poll().await;
    }

    fn fresh(&mut self, key: usize) -> PutRequest {
        self.values += 1;
        let value = Bytes::from(self.values.to_string());
        PutRequest { key: RANGES[key].0.into(), value, ..PutRequest::default() }
    }

    /// A put in the depth, with a read in front of it.
    fn txn(&mut self, key: usize, range: usize) {
        let op = |request| RequestOp { request: Some(request) };
        let put = op(Op::RequestPut(self.fresh(key)));
        let inner = TxnRequest { success: vec![put], ..TxnRequest::default() };
        let success = vec![op(Op::RequestRange(asked(range))), op(Op::RequestTxn(inner))];
        let request = TxnRequest { success, ..TxnRequest::default() };
        let (kv, ranges) = (self.kv.clone(), vec![KeyRange::point(&RANGES[key].0.into())]);
        self.write(ranges, async move { kv.txn(Request::new(request)).await.ok()?.into_inner().header });
    }

    fn read(&mut self, request: RangeRequest, token: &str) {
        let kv = self.kv.clone();
        let mut call = Request::new(request.clone());
        call.metadata_mut().insert("token", token.parse().unwrap());
        let read = async move {
            let response = kv.range(call).await.ok()?.into_inner();
            Some(Answered::Read { request, response })
        };
        self.clients.push((self.now, self.cache.now(), Box::pin(read)));
    }

    fn write(
        &mut self,
        ranges: Vec<KeyRange>,
        call: impl Future<Output = Option<proto_gen::etcdserverpb::ResponseHeader>> + 'static,
    ) {
        let write = async move { Some(Answered::Write { ranges, revision: call.await?.revision }) };
        self.clients.push((self.now, self.cache.now(), Box::pin(write)));
    }

    /// Lets every client go as far as it can. One who has ended may have helped another along.
    async fn poll(&mut self) {
        let mut moved = true;
        while moved {
            moved = false;
            tokio::task::yield_now().await;
            for (began, asked_at, mut client) in std::mem::take(&mut self.clients) {
                match client.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    std::task::Poll::Pending => self.clients.push((began, asked_at, client)),
                    std::task::Poll::Ready(answered) => {
                        moved = true;
                        let operation =
                            answered.map(|what| Operation { began, ended: self.now, asked_at, what });
                        self.history.extend(operation);
                    }
                }
            }
        }
    }

    async fn settle(&mut self) {
        self.poll().await;
        for _ in 0..10_000 {
            if self.clients.is_empty() {
                return;
            }
            self.etcd.store().carry_out(0);
            self.etcd.store().answer(0, false);
            self.poll().await;
        }
        panic!("{} clients were never answered", self.clients.len());
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let fault = fault(&self.history, &self.foreign, &self.etcd.store().states, MAX_AGE);
        prop_assert!(fault.is_none(), "{}", fault.unwrap_or_default());
        prop_assert_eq!(self.cache.flights(), 0);
        prop_assert!(self.cache.counters().entries.get() <= 6);
        Ok(())
    }
}

fn asked(range: usize) -> RangeRequest {
    let (key, range_end) = RANGES[range];
    RangeRequest { key: key.into(), range_end: range_end.into(), ..RangeRequest::default() }
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut world = World::new(0);
        for step in steps {
            world.take(step).await;
        }
        world.take(Step::Settle).await;
        world.check()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_is_older_than_it_may_be(steps in proptest::collection::vec(step(), 1..120)) {
        run(steps)?;
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let key = || Bytes::from_static(b"a");
    let read =
        |response| Answered::Read { request: RangeRequest { serializable: true, ..asked(0) }, response };
    let etcd = Etcd::default();
    let put = |value: &'static str| PutRequest { key: key(), value: value.into(), ..PutRequest::default() };
    etcd.store().foreign(&put("1"));
    etcd.store().foreign(&put("2"));
    let states = etcd.store().states.clone();
    let at = |revision: i64| {
        let header = proto_gen::etcdserverpb::ResponseHeader { revision, ..Default::default() };
        let response = crate::double::shown(&states[revision as usize - 1], &asked(0));
        proto_gen::etcdserverpb::RangeResponse { header: Some(header), ..response }
    };
    let operation = |step, what| Operation {
        began: step,
        ended: step,
        asked_at: crate::moment::Moment(step as u64),
        what,
    };
    let write = Answered::Write { ranges: vec![KeyRange::point(&key())], revision: 3 };
    let check = |history: &[Operation], foreign: &[Foreign], max_age| {
        fault(history, foreign, &states, Duration::from_nanos(max_age))
    };
    let good = [operation(1, read(at(2))), operation(2, write.clone()), operation(3, read(at(3)))];
    assert_eq!(check(&good, &[], 0), None);
    let old = [operation(1, write), operation(2, read(at(2)))];
    assert!(check(&old, &[], 0).unwrap().contains("is older than"));
    let back = [operation(1, read(at(3))), operation(2, read(at(2)))];
    assert!(check(&back, &[], 0).unwrap().contains("is older than"));
    let untrue = proto_gen::etcdserverpb::RangeResponse { header: at(3).header, ..at(2) };
    assert!(check(&[operation(1, read(untrue))], &[], 0).unwrap().contains("not the state"));
    let foreign = [Foreign { key: key(), revision: 3, written_at: crate::moment::Moment(1) }];
    let late = [operation(9, read(at(2)))];
    assert!(check(&late, &foreign, 5).unwrap().contains("maximum age"));
    assert_eq!(check(&late, &foreign, 10), None);
}
