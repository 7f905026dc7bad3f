//! The machine, a model etcd and some clients, run by hand in tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Buf;
use prost::Message;
use proto_gen::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
    watch_request::RequestUnion,
};
use tonic::Status;

use super::{Action, Groups, SessionRef, StreamId};
use crate::assemble::Assembler;
use crate::batch::Frames;
use crate::config::Config;
use crate::counters::Counters;
use crate::double::Etcd;
use crate::key::Caller;
use crate::session::{Say, Seat, Session};

pub(crate) struct World {
    pub(crate) etcd: Etcd,
    pub(crate) groups: Groups,
    pub(crate) counters: Arc<Counters>,
    pub(crate) now: Instant,
    pub(crate) clients: BTreeMap<u32, Client>,
    assemblers: HashMap<StreamId, Assembler>,
    /// Streams that the machine wants read, and how often.
    reads: HashMap<StreamId, usize>,
    eager: BTreeSet<StreamId>,
    listeners: Vec<(usize, u32, usize)>,
    pub(crate) down: bool,
    /// Which of a stream's two queues etcd looks at first.
    pub(crate) control_first: bool,
    next_client: u32,
}

pub(crate) struct Client {
    pub(crate) session: Session,
    /// What it was sent, oldest first.
    pub(crate) got: Vec<WatchResponse>,
    /// It does not read at present.
    pub(crate) stalled: bool,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            etcd: Etcd::new(),
            groups: Groups::new(config, counters.clone()),
            counters,
            now: Instant::now(),
            clients: BTreeMap::new(),
            assemblers: HashMap::new(),
            reads: HashMap::new(),
            eager: BTreeSet::new(),
            listeners: Vec::new(),
            down: false,
            control_first: true,
            next_client: 0,
        }
    }

    pub(crate) fn client(&mut self) -> u32 {
        self.client_of(Caller::default())
    }

    pub(crate) fn client_of(&mut self, caller: Caller) -> u32 {
        let key = self.next_client;
        self.next_client += 1;
        let me = SessionRef { shard: 0, key };
        let class = self.groups.enter(caller, me).unwrap();
        let session = Session::new(me, class, 200, None);
        self.clients.insert(key, Client { session, got: Vec::new(), stalled: false });
        key
    }

    pub(crate) fn gone(&mut self, client: u32) {
        let mut client_ = self.clients.remove(&client).unwrap();
        client_.session.end(&mut self.groups, self.now);
        self.listeners.retain(|(_, session, _)| *session != client);
    }

    pub(crate) fn ask(&mut self, client: u32, union: RequestUnion) {
        let request = WatchRequest { request_union: Some(union) };
        self.clients.get_mut(&client).unwrap().session.request(request, &mut self.groups, self.now);
    }

    pub(crate) fn watch(&mut self, client: u32, key: &str, start_revision: i64) {
        let key = key.as_bytes().to_vec().into();
        self.create(client, WatchCreateRequest { key, start_revision, ..Default::default() });
    }

    pub(crate) fn create(&mut self, client: u32, create: WatchCreateRequest) {
        self.ask(client, RequestUnion::CreateRequest(create));
    }

    pub(crate) fn cancel(&mut self, client: u32, watch_id: i64) {
        self.ask(client, RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
    }

    pub(crate) fn progress(&mut self, client: u32) {
        self.ask(client, RequestUnion::ProgressRequest(WatchProgressRequest {}));
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.groups.tick(self.now);
        self.run();
    }

    /// Runs until nothing more happens at this moment.
    pub(crate) fn run(&mut self) {
        let mut rounds = 0;
        while self.act() | self.deliver(usize::MAX) | self.ring() | self.turns() {
            rounds += 1;
            assert!(rounds < 10_000, "this never comes to rest");
        }
    }

    /// Everything that etcd could send, and every second that may matter.
    pub(crate) fn settle(&mut self) {
        for _ in 0..12 {
            self.etcd.sync(7);
            self.pass(Duration::from_millis(400));
        }
    }

    /// Each stream breaks.
    pub(crate) fn break_streams(&mut self, status: &Status) {
        for id in std::mem::take(&mut self.etcd.streams).into_keys() {
            self.groups.lost(StreamId(id), status, self.now);
        }
        self.run();
    }

    /// The machine's wishes reach etcd.
    pub(crate) fn act(&mut self) -> bool {
        let actions = std::mem::take(&mut self.groups.effects.actions);
        let any = !actions.is_empty();
        for action in actions {
            match action {
                Action::Open { stream, .. } if self.down => {
                    self.groups.lost(stream, &Status::unavailable("refused"), self.now);
                }
                Action::Open { stream, caller, eager } => {
                    let token = caller.token.as_ref().map(|token| String::from_utf8(token.to_vec()).unwrap());
                    self.etcd.open(stream.0, token);
                    if eager {
                        self.eager.insert(stream);
                    }
                }
                Action::Send { stream, request } => self.etcd.request(stream.0, request),
                Action::Read { stream } => *self.reads.entry(stream).or_default() = 1,
                Action::Close { stream } => _ = self.etcd.streams.remove(&stream.0),
            }
        }
        any
    }

    /// Up to `limit` responses reach the machine.
    pub(crate) fn deliver(&mut self, limit: usize) -> bool {
        let mut any = false;
        for id in self.etcd.streams.keys().copied().collect::<Vec<_>>() {
            for _ in 0..limit {
                let stream = StreamId(id);
                let wanted =
                    self.eager.contains(&stream) || self.reads.get(&stream).is_some_and(|reads| *reads > 0);
                let Some(found) = self.etcd.streams.get_mut(&id).filter(|_| wanted) else { break };
                let Some(response) = found.pop(self.control_first) else { break };
                self.reads.insert(stream, 0);
                let answer = self.assemblers.entry(stream).or_default().take(response);
                self.groups.answer(stream, answer, self.now);
                any = true;
                if !self.eager.contains(&stream) {
                    break;
                }
            }
        }
        any
    }

    /// The machine's bells reach the sessions.
    pub(crate) fn ring(&mut self) -> bool {
        let rung = std::mem::take(&mut self.groups.effects.rung);
        let woken = std::mem::take(&mut self.groups.effects.woken);
        for group in &rung {
            for (_, client, watcher) in self.listeners.iter().filter(|(listened, ..)| listened == group) {
                self.clients.get_mut(client).unwrap().session.ring(*watcher);
            }
        }
        !rung.is_empty() || !woken.is_empty()
    }

    /// Each client that reads has a turn.
    pub(crate) fn turns(&mut self) -> bool {
        let mut any = false;
        for key in self.clients.keys().copied().collect::<Vec<_>>() {
            any |= self.turn(key);
        }
        any
    }

    pub(crate) fn turn(&mut self, key: u32) -> bool {
        let client = self.clients.get_mut(&key).unwrap();
        if client.stalled {
            return false;
        }
        let mut say = Vec::new();
        client.session.turn(&mut self.groups, self.now, &mut say);
        for moved in client.session.take_moves() {
            if moved.from.is_some() {
                self.listeners.retain(|(_, session, watcher)| (*session, *watcher) != (key, moved.watcher));
            }
            if let Some(group) = moved.to {
                self.listeners.push((group, key, moved.watcher));
                client.session.seated(moved.watcher, Seat { group: group as u32, place: 0 });
            }
        }
        let any = !say.is_empty() || client.session.has_more() || !self.groups.effects.actions.is_empty();
        client.got.extend(render(say));
        any
    }

    pub(crate) fn got(&self, client: u32) -> &[WatchResponse] {
        &self.clients[&client].got
    }

    /// The revisions of the events that a watcher was sent.
    pub(crate) fn revisions(&self, client: u32, watch_id: i64) -> Vec<i64> {
        let of_watcher = self.got(client).iter().filter(|response| response.watch_id == watch_id);
        of_watcher.flat_map(|response| response.events.iter().map(crate::double::revision)).collect()
    }
}

/// What a client decodes from what a session says.
fn render(say: Vec<Say>) -> Vec<WatchResponse> {
    let mut frames = Frames::default();
    for say in say {
        match say {
            Say::Message(message) => frames.message(&message, Default::default()),
            Say::Batch { batch, watch_id, wish } => _ = batch.write(watch_id, wish, &mut frames),
        }
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = frames.pop() {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(frames.bytes(), 0);
    let mut rest = bytes.as_slice();
    let mut messages = Vec::new();
    while rest.has_remaining() {
        assert_eq!(rest.get_u8(), 0);
        let len = rest.get_u32() as usize;
        messages.push(WatchResponse::decode(&rest[..len]).unwrap());
        rest.advance(len);
    }
    messages
}
