//! A machine, an etcd that does as it is told, and clients, all in one place and without a clock.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proto_gen::etcdserverpb::{LeaseKeepAliveResponse, ResponseHeader};
use tonic::Status;

use super::{Action, Renewals, Seat, SessionId, StreamId};
use crate::caller::Caller;
use crate::config::Config;
use crate::counters::Counters;

pub(super) struct World {
    pub(super) renewals: Renewals,
    pub(super) counters: Arc<Counters>,
    pub(super) now: Instant,
    pub(super) etcd: Etcd,
    pub(super) clients: Vec<Client>,
    /// When the answer that etcd gave at a moment came.
    pub(super) delivered: HashMap<i64, Instant>,
}

/// Answers the pings of a stream one after the other, when it is told to.
#[derive(Default)]
pub(super) struct Etcd {
    /// TTL and end of each lease that is there.
    pub(super) leases: HashMap<i64, (i64, Instant)>,
    /// Leases on whose pings it blocks.
    pub(super) blocked: HashSet<i64>,
    pub(super) streams: BTreeMap<u64, Stream>,
    /// Counts what was processed; the revision of the headers.
    pub(super) moment: i64,
    pub(super) asked: Vec<i64>,
}

pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) caller: Caller,
    pub(super) asked: VecDeque<i64>,
    pub(super) answered: VecDeque<LeaseKeepAliveResponse>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: SessionId,
    pub(super) answers: VecDeque<LeaseKeepAliveResponse>,
    pub(super) end: Option<Status>,
}

pub(super) fn named(token: &'static str) -> Caller {
    Caller { token: Some(token.as_bytes().into()), ..Caller::default() }
}

impl World {
    pub(super) fn new(config: Config) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            renewals: Renewals::new(config, Arc::clone(&counters)),
            counters,
            now: Instant::now(),
            etcd: Etcd::default(),
            clients: Vec::new(),
            delivered: HashMap::new(),
        }
    }

    /// A world with these leases of 10 seconds.
    pub(super) fn with(leases: impl IntoIterator<Item = i64>) -> Self {
        let mut world = Self::new(Config::default());
        for lease in leases {
            world.etcd.leases.insert(lease, (10, world.now + Duration::from_secs(10)));
        }
        world
    }

    pub(super) fn enter(&mut self, caller: Caller) -> usize {
        let seat = Seat { shard: 0, key: self.clients.len() };
        let id = self.renewals.enter(caller, seat, self.now).expect("an open hub");
        self.clients.push(Client { id, answers: VecDeque::new(), end: None });
        self.act();
        self.clients.len() - 1
    }

    pub(super) fn ask(&mut self, client: usize, leases: &[i64]) {
        let id = self.clients[client].id;
        leases.iter().for_each(|lease| self.renewals.ask(id, *lease, self.now));
        self.act();
    }

    pub(super) fn exit(&mut self, client: usize) {
        self.renewals.exit(self.clients[client].id, self.now);
        self.act();
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.renewals.tick(self.now);
        self.act();
    }

    /// Lets time pass in small steps.
    pub(super) fn pass_slowly(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.pass(Duration::from_millis(10).min(end - self.now));
        }
    }

    pub(super) fn act(&mut self) {
        for action in self.renewals.take_actions() {
            match action {
                Action::Open { stream, caller } => {
                    let (asked, answered) = (VecDeque::new(), VecDeque::new());
                    let opened = Stream { id: stream, caller, asked, answered };
                    self.etcd.streams.insert(stream.serial, opened);
                }
                Action::Send { stream, lease } => {
                    self.etcd.asked.push(lease);
                    self.etcd.streams.get_mut(&stream.serial).expect("an open stream").asked.push_back(lease);
                }
                Action::Close { stream } => _ = self.etcd.streams.remove(&stream.serial),
            }
        }
    }

    /// etcd looks at the next ping of a stream. False if there is none, or if it blocks.
    pub(super) fn process(&mut self, stream: u64) -> bool {
        self.etcd.process(stream, self.now)
    }

    /// The oldest answer of a stream arrives.
    pub(super) fn deliver(&mut self, stream: u64) -> bool {
        let Some(found) = self.etcd.streams.get_mut(&stream) else { return false };
        let (id, Some(response)) = (found.id, found.answered.pop_front()) else { return false };
        self.delivered.insert(response.header.unwrap_or_default().revision, self.now);
        self.renewals.answer(id, response, self.now);
        self.renewals.settled(id, self.now);
        self.act();
        true
    }

    /// All that can be answered is answered.
    pub(super) fn run(&mut self) {
        while self.streams().into_iter().any(|stream| self.process(stream) | self.deliver(stream)) {}
    }

    pub(super) fn lose(&mut self, stream: u64, status: &Status) {
        let Some(found) = self.etcd.streams.remove(&stream) else { return };
        self.renewals.lost(found.id, status, self.now);
        self.act();
    }

    pub(super) fn streams(&self) -> Vec<u64> {
        self.etcd.streams.keys().copied().collect()
    }

    /// The only stream there is.
    pub(super) fn stream(&self) -> u64 {
        let streams = self.streams();
        assert_eq!(streams.len(), 1, "{streams:?}");
        streams[0]
    }

    pub(super) fn take(&mut self, client: usize) -> Vec<(i64, i64)> {
        let client = &mut self.clients[client];
        client.end = self.renewals.take(client.id, &mut client.answers);
        client.answers.drain(..).map(|answer| (answer.id, answer.ttl)).collect()
    }

    /// What etcd was asked since it was last looked at.
    pub(super) fn asked(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.etcd.asked)
    }
}

impl Etcd {
    fn process(&mut self, stream: u64, now: Instant) -> bool {
        let Some(stream) = self.streams.get_mut(&stream) else { return false };
        let Some(lease) = stream.asked.front().copied().filter(|lease| !self.blocked.contains(lease)) else {
            return false;
        };
        stream.asked.pop_front();
        self.moment += 1;
        let ttl = match self.leases.get_mut(&lease).filter(|(_, end)| *end > now) {
            Some((ttl, end)) => {
                *end = now + Duration::from_secs(*ttl as u64);
                *ttl
            }
            None => 0,
        };
        let header = Some(ResponseHeader { revision: self.moment, ..Default::default() });
        stream.answered.push_back(LeaseKeepAliveResponse { header, id: lease, ttl });
        true
    }
}
