//! Which watchers share which upstream watcher: a pure state machine, without tasks, locks or a clock of its own.
//!
//! A *class* is one caller: its sessions, and one *main* upstream stream for all its live groups. For each range a
//! class has at most one *live* group. A watcher that needs a past which the live group no longer holds reads from a
//! *catch-up* group on an upstream stream of its own, which is read only as fast as its fastest reader asks, and
//! hops to the live group as soon as that covers its next revision.
//!
//! Before a watcher joins, etcd is asked: a watcher is created upstream with the joiner's own credential. Its
//! `created` answer carries the permission and the present revision. The first one stays as the live group's watcher;
//! later ones are cancelled at once, one for all joiners that wait. So a joiner never waits for anything but etcd's
//! answer to its own question, and revision 0 means what it means to etcd.

mod entrance;
mod progress;
mod reading;
mod upstream;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use proto_gen::etcdserverpb::{ResponseHeader, WatchCreateRequest, WatchRequest};
use slab::Slab;
use tonic::Status;

pub(crate) use self::entrance::{Outcome, Placed};
pub(crate) use self::reading::{Cursor, Pulled};
pub(crate) use self::upstream::Answer;
use self::upstream::Upstream;
use crate::config::Config;
use crate::counters::Counters;
use crate::key::{Caller, GroupKey};
use crate::log::Log;
use crate::survey::WatchedRange;

/// A client stream, as the machine addresses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionRef {
    pub(crate) shard: u32,
    pub(crate) key: u32,
}

/// One opening of one upstream stream; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StreamId(pub(crate) u64);

/// What the shell is to do upstream, in this order.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a stream for this caller and, if `eager`, read it as fast as it comes.
    Open {
        stream: StreamId,
        caller: Arc<Caller>,
        eager: bool,
    },
    Send {
        stream: StreamId,
        request: WatchRequest,
    },
    /// Read until the next answer.
    Read {
        stream: StreamId,
    },
    Close {
        stream: StreamId,
    },
}

/// What the machine wants done outside; taken by the shell after each call.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) actions: Vec<Action>,
    /// Groups whose members have something to read.
    pub(crate) rung: Vec<usize>,
    /// Sessions that have something to do beside reading.
    pub(crate) woken: Vec<SessionRef>,
}

/// Why a group's upstream watcher ended, in etcd's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct End {
    pub(crate) header: ResponseHeader,
    pub(crate) compact_revision: i64,
    pub(crate) reason: String,
}

/// The whole of it.
#[derive(Debug)]
pub(crate) struct Groups {
    config: Config,
    counters: Arc<Counters>,
    classes: Slab<Class>,
    class_of: HashMap<Arc<Caller>, usize>,
    groups: Slab<Group>,
    streams: HashMap<StreamId, Upstream>,
    tickets: Slab<entrance::Ticket>,
    history: History,
    lingering: VecDeque<(Instant, usize, u64)>,
    catch_ups: Vec<usize>,
    /// Grows with everything whose order matters: streams, groups, questions, answers.
    clock: u64,
    deadline: Option<Instant>,
    closed: Option<Status>,
    pub(crate) effects: Effects,
}

/// All batches of all logs, oldest first, as (group, its serial, position); some may be gone already.
#[derive(Debug, Default)]
struct History {
    queue: VecDeque<(usize, u64, u64)>,
    bytes: usize,
    batches: usize,
}

#[derive(Debug)]
struct Class {
    caller: Arc<Caller>,
    sessions: HashSet<SessionRef>,
    main: Option<StreamId>,
    keys: HashMap<Arc<GroupKey>, Entrance>,
    unusual: Vec<usize>,
    groups: usize,
    latest: ResponseHeader,
    failure: Option<Status>,
}

/// Those who want to watch one range.
#[derive(Debug, Default)]
struct Entrance {
    live: Option<usize>,
    catching_up: Vec<usize>,
    /// Tickets that wait for the answer which is on its way; `None` if none is.
    asking: Option<Vec<usize>>,
    /// Tickets that came after the question was sent: the answer may be older than they are.
    waiting: Vec<usize>,
}

#[derive(Debug)]
struct Group {
    class: usize,
    key: Arc<GroupKey>,
    serial: u64,
    catch_up: bool,
    log: Log,
    bytes: usize,
    stream: StreamId,
    watch_id: Option<i64>,
    /// The clock when upstream said `created`: only later progress answers speak of this watcher.
    created_at: u64,
    members: usize,
    ended: Option<Arc<End>>,
    /// A read is on its way (catch-up groups only).
    reading: bool,
    /// When a reader last came by.
    touched: Instant,
}

impl Groups {
    pub(crate) fn new(config: Config, counters: Arc<Counters>) -> Self {
        Self {
            config,
            counters,
            classes: Slab::new(),
            class_of: HashMap::new(),
            groups: Slab::new(),
            streams: HashMap::new(),
            tickets: Slab::new(),
            history: History::default(),
            lingering: VecDeque::new(),
            catch_ups: Vec::new(),
            clock: 0,
            deadline: None,
            closed: None,
            effects: Effects::default(),
        }
    }

    /// A client stream of this caller begins; the answer names its class.
    pub(crate) fn enter(&mut self, caller: Caller, session: SessionRef) -> Result<usize, Status> {
        if let Some(status) = &self.closed {
            return Err(status.clone());
        }
        let class = match self.class_of.get(&caller) {
            Some(class) => *class,
            None => self.new_class(caller),
        };
        if let Some(class) = self.classes.get_mut(class) {
            class.sessions.insert(session);
            self.counters.sessions.increment();
        }
        Ok(class)
    }

    /// A client stream ends; it has left its groups and given back its tickets.
    pub(crate) fn exit(&mut self, class: usize, session: SessionRef) {
        if self.classes.get_mut(class).is_some_and(|class| class.sessions.remove(&session)) {
            self.counters.sessions.sub(1);
        }
        self.settle_class(class);
    }

    /// Why every stream of this class must end, if it must.
    pub(crate) fn failure(&self, class: usize) -> Option<&Status> {
        self.classes.get(class).and_then(|class| class.failure.as_ref())
    }

    /// The newest header that etcd has sent to this class.
    pub(crate) fn latest_header(&self, class: usize) -> ResponseHeader {
        self.classes.get(class).map(|class| class.latest).unwrap_or_default()
    }

    /// Ends every session with this status, now and for ever.
    pub(crate) fn close(&mut self, status: Status) {
        self.disperse(&status);
        self.closed = Some(status);
    }

    /// Ends the sessions that are here with this status; those who come again are served.
    pub(crate) fn disperse(&mut self, status: &Status) {
        let classes: Vec<_> = self.classes.iter().map(|(index, _)| index).collect();
        for class in classes {
            self.fail_class(class, status.clone());
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// When [`Groups::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        self.end_lingering(now);
        let streams: Vec<_> = self.streams.keys().copied().collect();
        for stream in streams {
            self.tick_stream(stream, now);
        }
    }

    fn tick_stream(&mut self, stream: StreamId, now: Instant) {
        match self.streams.get(&stream).map(|upstream| upstream.retry_at) {
            Some(Some(due)) if due <= now => self.reopen(stream, now),
            Some(Some(due)) => self.wake_me_at(due),
            Some(None) => self.ask_progress(stream, now),
            None => {}
        }
    }

    fn wake_me_at(&mut self, at: Instant) {
        self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
    }

    fn next_clock(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn new_class(&mut self, caller: Caller) -> usize {
        let caller = Arc::new(caller);
        let class = self.classes.insert(Class {
            caller: caller.clone(),
            sessions: HashSet::new(),
            main: None,
            keys: HashMap::new(),
            unusual: Vec::new(),
            groups: 0,
            latest: ResponseHeader::default(),
            failure: None,
        });
        self.class_of.insert(caller, class);
        class
    }

    /// Forgets a class that nobody uses any more, and its streams with it.
    fn settle_class(&mut self, index: usize) {
        let Some(class) = self.classes.get(index) else { return };
        if !class.sessions.is_empty() || class.groups > 0 {
            return;
        }
        let class = self.classes.remove(index);
        if class.failure.is_none() {
            self.class_of.remove(&class.caller);
        }
        let tickets = class.keys.into_values().flat_map(|entrance| {
            entrance.asking.into_iter().flatten().chain(entrance.waiting).collect::<Vec<_>>()
        });
        for ticket in tickets.chain(class.unusual) {
            self.tickets.try_remove(ticket);
        }
        if let Some(main) = class.main {
            self.drop_stream(main);
        }
    }

    /// etcd's final word to a caller: all its streams end with it, and nobody else's.
    fn fail_class(&mut self, index: usize, status: Status) {
        let Some(class) = self.classes.get_mut(index) else { return };
        // A class that has failed already may have a successor of the same name.
        if class.failure.replace(status).is_none() {
            self.class_of.remove(&class.caller);
        }
        self.effects.woken.extend(class.sessions.iter().copied());
        class.main = None;
        let of_class: Vec<_> =
            self.streams.iter().filter(|(_, up)| up.class == index).map(|(id, _)| *id).collect();
        for stream in of_class {
            self.drop_stream(stream);
        }
        let groups: Vec<_> =
            self.groups.iter().filter(|(_, group)| group.class == index).map(|(g, _)| g).collect();
        for group in groups {
            self.end_group(group, End::default());
        }
        self.refuse_everyone(index);
        self.settle_class(index);
    }

    /// A watcher more than its client may have.
    pub(crate) fn count_refused(&self) {
        self.counters.refused_watchers.increment();
    }

    /// How many places there are for groups, taken or not.
    pub(crate) fn places(&self) -> usize {
        self.groups.capacity()
    }

    /// The group at a place, as people see it.
    pub(crate) fn sight(&self, place: usize) -> Option<WatchedRange> {
        let group = self.groups.get(place).filter(|group| group.ended.is_none())?;
        Some(WatchedRange {
            key: group.key.key.clone(),
            range_end: group.key.range_end.clone(),
            watchers: group.members,
            history_bytes: group.bytes,
            is_catching_up: group.catch_up,
        })
    }

    fn live_of(&self, class: usize, key: &GroupKey) -> Option<usize> {
        self.classes.get(class)?.keys.get(key)?.live
    }

    /// The group's upstream watcher has ended: nobody joins it any more; its members read to the end, then hear why.
    fn end_group(&mut self, index: usize, end: End) {
        let Some(group) = self.groups.get_mut(index) else { return };
        if group.ended.is_some() {
            return;
        }
        group.ended = Some(Arc::new(end));
        let (stream, watch_id, catch_up) = (group.stream, group.watch_id.take(), group.catch_up);
        let (class, key, abandoned) = (group.class, group.key.clone(), group.members == 0);
        if watch_id.is_some() {
            self.counters.upstream_watchers.sub(1);
        }
        if let (Some(id), Some(upstream)) = (watch_id, self.streams.get_mut(&stream)) {
            upstream.by_id.remove(&id);
        }
        if catch_up {
            self.catch_ups.retain(|other| *other != index);
            self.drop_stream(stream);
        }
        self.detach(class, &key, index);
        self.effects.rung.push(index);
        if abandoned {
            self.free_group(index);
        }
    }

    /// Takes a group out of its range's entrance.
    fn detach(&mut self, class: usize, key: &Arc<GroupKey>, index: usize) {
        let Some(class) = self.classes.get_mut(class) else { return };
        let Some(entrance) = class.keys.get_mut(key) else { return };
        entrance.live = entrance.live.filter(|live| *live != index);
        entrance.catching_up.retain(|other| *other != index);
        if entrance.is_idle() {
            class.keys.remove(key);
        }
    }

    fn free_group(&mut self, index: usize) {
        let Some(group) = self.groups.try_remove(index) else { return };
        self.history.bytes = self.history.bytes.saturating_sub(group.bytes);
        self.history.batches -= (group.log.end() - group.log.first_seq()) as usize;
        self.counters.history_bytes.set(self.history.bytes as u64);
        if let Some(class) = self.classes.get_mut(group.class) {
            class.groups -= 1;
        }
        self.settle_class(group.class);
    }

    /// Ends a group that nobody reads and that etcd still serves.
    fn retire(&mut self, index: usize) {
        let Some(group) = self.groups.get(index) else { return };
        if let (false, Some(id)) = (group.catch_up, group.watch_id) {
            let stream = group.stream;
            self.send_cancel(stream, id);
        }
        self.end_group(index, End::default());
    }

    fn start_lingering(&mut self, index: usize, now: Instant) {
        let Some(group) = self.groups.get(index) else { return };
        let until = now + self.config.linger;
        self.lingering.push_back((until, index, group.serial));
        self.wake_me_at(until);
        while self.lingering.len() > self.config.max_lingering {
            self.end_oldest_lingering();
        }
    }

    fn end_lingering(&mut self, now: Instant) {
        while self.lingering.front().is_some_and(|(until, _, _)| *until <= now) {
            self.end_oldest_lingering();
        }
        if let Some((until, _, _)) = self.lingering.front() {
            self.wake_me_at(*until);
        }
    }

    fn end_oldest_lingering(&mut self) {
        let Some((_, index, serial)) = self.lingering.pop_front() else { return };
        let idle = self.groups.get(index).is_some_and(|group| group.serial == serial && group.members == 0);
        // A group that was joined and left again has a later entry of its own.
        if idle && !self.lingering.iter().any(|(_, other, again)| *other == index && *again == serial) {
            self.retire(index);
        }
    }
}

impl Entrance {
    fn is_idle(&self) -> bool {
        self.live.is_none() && self.catching_up.is_empty() && self.asking.is_none() && self.waiting.is_empty()
    }
}

/// How every upstream watcher is asked for: in fragments, so that one answer's size has a bound, with progress
/// notifications, for those who may want them, and without filters, because its members may have different ones.
fn create_request(key: &GroupKey, watch_id: i64, start_revision: i64) -> WatchCreateRequest {
    WatchCreateRequest {
        key: key.key.clone(),
        range_end: key.range_end.clone(),
        start_revision,
        progress_notify: true,
        prev_kv: key.prev_kv,
        watch_id,
        fragment: true,
        filters: Vec::new(),
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;
