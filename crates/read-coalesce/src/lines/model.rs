//! A model: readers, writers, a store and a network that does as it likes. Every read must see what was acknowledged
//! before it came, and nothing older than what any read before it saw; nobody is forgotten, nobody is answered twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proto_gen::etcdserverpb::RangeRequest;
use tokio::time::Instant;

use super::{Batch, Class, Entrance, Lines, Ticket};
use crate::caller::Caller;
use crate::config::Config;
use crate::heavy::Heavy;
use crate::kind::Kind;

const CALLERS: usize = 2;
const KEYS: usize = 3;
const MAX_READS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    /// A reader comes.
    Read { caller: usize, key: usize },
    /// A write takes effect on the store.
    Apply { key: usize },
    /// All writes that took effect are acknowledged.
    Acknowledge,
    /// The worker sends the next batch.
    Send,
    /// The store answers one of the calls under way; the answer has yet to travel.
    Answer { which: usize },
    /// The answer to a call arrives.
    Arrive { which: usize },
    /// A call that was not answered fails, and its readers are let go.
    Fail { which: usize },
    /// Time passes.
    Wait { milliseconds: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..CALLERS, 0..KEYS).prop_map(|(caller, key)| Step::Read { caller, key }),
        3 => (0..KEYS).prop_map(|key| Step::Apply { key }),
        2 => Just(Step::Acknowledge),
        4 => Just(Step::Send),
        4 => (0..8_usize).prop_map(|which| Step::Answer { which }),
        4 => (0..8_usize).prop_map(|which| Step::Arrive { which }),
        1 => (0..8_usize).prop_map(|which| Step::Fail { which }),
        1 => (0..8_u64).prop_map(|milliseconds| Step::Wait { milliseconds }),
    ];
    prop::collection::vec(step, 1..120)
}

/// What a linearizable register must show: versions only grow.
#[derive(Clone, Debug, Default)]
struct Register {
    stored: u64,
    /// The newest version that some writer, or some reader, was told of.
    known: u64,
}

#[derive(Debug)]
struct Reader {
    key: usize,
    /// What was known when it came.
    floor: u64,
}

#[derive(Debug)]
struct Call {
    ticket: Ticket,
    readers: Vec<usize>,
    /// The store's versions when it answered.
    answer: Option<Vec<u64>>,
}

struct World {
    lines: Lines<usize>,
    heavy: Heavy,
    now: Instant,
    registers: Vec<Register>,
    readers: Vec<Reader>,
    open: BTreeSet<usize>,
    calls: Vec<Call>,
    caller_of: BTreeMap<usize, usize>,
}

impl World {
    fn new() -> Self {
        let config = Config { max_reads: MAX_READS, in_flight: 1, patience: Duration::from_millis(5) };
        let mut lines = Lines::new(&config);
        lines.open();
        Self {
            lines,
            heavy: Heavy::new(),
            now: Instant::now(),
            registers: vec![Register::default(); KEYS],
            readers: Vec::new(),
            open: BTreeSet::new(),
            calls: Vec::new(),
            caller_of: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Read { caller, key } => self.read(caller, key),
            Step::Apply { key } => self.registers[key].stored += 1,
            Step::Acknowledge => {
                self.registers.iter_mut().for_each(|register| register.known = register.stored);
            }
            Step::Send => {
                if let Some(batch) = self.lines.take(self.now) {
                    self.send(batch);
                }
            }
            Step::Answer { which } => self.answer(which),
            Step::Arrive { which } => self.arrive(which),
            Step::Fail { which } => self.fail(which),
            Step::Wait { milliseconds } => {
                self.now += Duration::from_millis(milliseconds);
                self.lines.tick(self.now);
            }
        }
    }

    fn read(&mut self, caller: usize, key: usize) {
        let reader = self.readers.len();
        self.readers.push(Reader { key, floor: self.registers[key].known });
        self.open.insert(reader);
        self.caller_of.insert(reader, caller);
        let headers = http::HeaderMap::from_iter([(http::HeaderName::from_static("token"), caller.into())]);
        let class = Class { caller: Caller::of(&headers), kind: Kind::Point };
        match self.lines.enter(class, self.now) {
            Entrance::Go(ticket) => self.calls.push(Call { ticket, readers: vec![reader], answer: None }),
            Entrance::Wait(place) => {
                let request = RangeRequest { key: vec![key as u8].into(), ..RangeRequest::default() };
                self.lines.wait(place, &request, self.heavy.fingerprint(&request), reader, self.now);
            }
        }
    }

    fn send(&mut self, batch: Batch<usize>) {
        assert!((1..=MAX_READS).contains(&batch.reads.len()), "{} reads in a batch", batch.reads.len());
        let keys: BTreeSet<_> = batch.reads.iter().map(|read| read.request.key.clone()).collect();
        assert_eq!(keys.len(), batch.reads.len(), "equal reads in one batch");
        let readers: Vec<usize> = batch.reads.iter().flat_map(|read| read.waiters().copied()).collect();
        let callers: BTreeSet<_> = readers.iter().map(|reader| self.caller_of[reader]).collect();
        assert_eq!(callers.len(), 1, "two callers in one batch");
        for read in &batch.reads {
            let asked = usize::from(read.request.key[0]);
            assert!(read.waiters().all(|reader| self.readers[*reader].key == asked), "another key's answer");
        }
        self.calls.push(Call { ticket: batch.ticket, readers, answer: None });
    }

    fn answer(&mut self, which: usize) {
        let versions = self.registers.iter().map(|register| register.stored).collect();
        let count = self.calls.len();
        if let Some(call) = self.calls.get_mut(which % count.max(1)).filter(|call| call.answer.is_none()) {
            call.answer = Some(versions);
        }
    }

    fn arrive(&mut self, which: usize) {
        let index = which % self.calls.len().max(1);
        if self.calls.get(index).is_none_or(|call| call.answer.is_none()) {
            return;
        }
        let Call { ticket, readers, answer } = self.calls.remove(index);
        self.lines.returned(ticket);
        let versions = answer.unwrap_or_default();
        for reader in readers {
            assert!(self.open.remove(&reader), "reader {reader} is answered twice");
            let Reader { key, floor } = self.readers[reader];
            assert!(versions[key] >= floor, "reader {reader} goes back from {floor} to {}", versions[key]);
            self.registers[key].known = self.registers[key].known.max(versions[key]);
        }
    }

    /// As when a member dies: the readers of a batch ask for themselves, which the lines do not see any more.
    fn fail(&mut self, which: usize) {
        let index = which % self.calls.len().max(1);
        if self.calls.get(index).is_some_and(|call| call.answer.is_none()) {
            let call = self.calls.remove(index);
            self.lines.returned(call.ticket);
            call.readers.iter().for_each(|reader| assert!(self.open.remove(reader), "let go twice"));
        }
    }

    /// With a network that delivers, everybody gets an answer.
    fn settle(&mut self) {
        for _ in 0..=self.readers.len() {
            while let Some(batch) = self.lines.take(self.now) {
                self.send(batch);
            }
            while !self.calls.is_empty() {
                self.answer(0);
                self.arrive(0);
            }
        }
        assert!(self.open.is_empty(), "forgotten: {:?}", self.open);
        assert!(!self.lines.anybody_waits());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_read_goes_back_and_nobody_is_forgotten(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.settle();
    }
}

/// The model itself is at stake: it must see what is wrong with a batch that is joined when it was answered already.
#[test]
#[should_panic(expected = "goes back from 1 to 0")]
fn the_model_finds_a_reader_that_joins_what_was_sent() {
    let mut world = World::new();
    world.step(&Step::Read { caller: 0, key: 0 });
    world.step(&Step::Answer { which: 0 });
    world.step(&Step::Apply { key: 0 });
    world.step(&Step::Acknowledge);
    world.readers.push(Reader { key: 0, floor: world.registers[0].known });
    world.open.insert(1);
    world.calls[0].readers.push(1);
    world.step(&Step::Arrive { which: 0 });
}
