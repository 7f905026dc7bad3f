//! The machine: who waits for which lease's answer, and what is asked of etcd for it. It does no I/O and has no
//! clock; what it wants done it leaves in [`Effects`].

mod class;
mod flight;
mod sessions;
mod upkeep;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use proto_gen::etcdserverpb::LeaseKeepAliveResponse;
use slab::Slab;
use tonic::Status;

use self::class::Class;
use self::sessions::Sessions;
pub(crate) use self::sessions::{Seat, SessionId};
use crate::caller::Caller;
use crate::config::Config;
use crate::counters::Counters;
use crate::memory::Memory;
use crate::refusal;

/// An upstream stream. Serial numbers are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StreamId {
    class: usize,
    serial: u64,
}

/// What the worker is to do, in this order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Open a stream that carries this caller's credential.
    Open { stream: StreamId, caller: Caller },
    /// Ping this lease on it.
    Send { stream: StreamId, lease: i64 },
    /// Nothing more is asked or heard on it.
    Close { stream: StreamId },
}

/// All callers of a hub.
#[derive(Debug)]
pub(crate) struct Renewals {
    classes: Slab<Class>,
    by_caller: HashMap<Caller, usize>,
    desk: Desk,
    closed: Option<Status>,
}

/// What all callers write to.
#[derive(Debug)]
struct Desk {
    config: Config,
    counters: Arc<Counters>,
    sessions: Sessions,
    memory: Memory,
    /// Callers that were without client streams at this time, each once; some have client streams again.
    lingering: VecDeque<(Instant, usize)>,
    actions: Vec<Action>,
    look_at: Option<Instant>,
    serial: u64,
}

impl Renewals {
    pub(crate) fn new(config: Config, counters: Arc<Counters>) -> Self {
        let memory = Memory::new(config.window, config.max_remembered);
        let sessions = Sessions::default();
        let desk = Desk {
            config,
            counters,
            sessions,
            memory,
            lingering: VecDeque::new(),
            actions: Vec::new(),
            look_at: None,
            serial: 0,
        };
        Self { classes: Slab::new(), by_caller: HashMap::new(), desk, closed: None }
    }

    /// A client stream begins.
    ///
    /// # Errors
    /// When the hub is closed.
    pub(crate) fn enter(&mut self, caller: Caller, seat: Seat, now: Instant) -> Result<SessionId, Status> {
        if let Some(status) = &self.closed {
            return Err(status.clone());
        }
        let index = match self.by_caller.get(&caller) {
            Some(index) => *index,
            None => self.admit(caller),
        };
        let id = self.desk.sessions.open(index, seat);
        self.desk.counters.sessions.increment();
        if let Some(class) = self.classes.get_mut(index) {
            class.sessions += 1;
            class.pump(&mut self.desk, now);
        }
        Ok(id)
    }

    /// The next ping of a client stream.
    pub(crate) fn ask(&mut self, id: SessionId, lease: i64, now: Instant) {
        let desk = &mut self.desk;
        let Some(class) = desk.sessions.class(id).and_then(|index| self.classes.get_mut(index)) else {
            return;
        };
        desk.counters.pings_received.increment();
        if let Some(dated) = desk.memory.recall(class.serial, lease, now) {
            desk.counters.pings_remembered.increment();
            return desk.sessions.recall(id, dated, now, desk.memory.window());
        }
        if let Some(waiter) = desk.sessions.wait(id, lease) {
            class.ask(lease, waiter, desk, now);
            // One by one, so that pings keep their order unless they have to queue.
            class.pump(desk, now);
        }
    }

    /// Takes what is answered to a client stream; and how it ends, once that is known.
    pub(crate) fn take(
        &mut self,
        id: SessionId,
        answers: &mut VecDeque<LeaseKeepAliveResponse>,
    ) -> Option<Status> {
        self.desk.sessions.take(id, answers)
    }

    /// A client stream is gone. What it asked and was not sent is not sent for it any more.
    pub(crate) fn exit(&mut self, id: SessionId, now: Instant) {
        self.desk.counters.sessions.sub(1);
        let Some((index, waited)) = self.desk.sessions.close(id) else { return };
        if let Some(class) = self.classes.get_mut(index) {
            class.leave(id, &waited, &mut self.desk, now);
            self.dismiss(now);
        }
    }

    /// etcd answers on an upstream stream.
    pub(crate) fn answer(&mut self, stream: StreamId, response: LeaseKeepAliveResponse, now: Instant) {
        let Some((class, line)) = line_of(&mut self.classes, stream) else { return };
        if !class.answer(line, response, &mut self.desk, now) {
            class.lost(line, &refusal::out_of_order(), &mut self.desk, now);
        }
        self.desk.remembered(now);
    }

    /// All that came on an upstream stream was told; what waited behind it can be sent.
    pub(crate) fn settled(&mut self, stream: StreamId, now: Instant) {
        if let Some((class, _)) = line_of(&mut self.classes, stream) {
            class.pump(&mut self.desk, now);
        }
    }

    /// An upstream stream has ended, or could not be opened.
    pub(crate) fn lost(&mut self, stream: StreamId, status: &Status, now: Instant) {
        if let Some((class, line)) = line_of(&mut self.classes, stream) {
            class.lost(line, status, &mut self.desk, now);
        }
    }

    /// A lease was revoked or granted, or may have been: nothing that was asked before is true of it.
    pub(crate) fn outdate(&mut self, lease: i64) {
        self.desk.memory.forget(lease);
        for (_, class) in &mut self.classes {
            if let Some(flight) = class.flights.get_mut(&lease) {
                flight.outdate();
            }
        }
    }

    /// A lease was granted upon a request of this time.
    pub(crate) fn granted(&mut self, lease: i64, ttl: i64, asked_at: Instant) {
        self.desk.memory.granted(lease, ttl, asked_at);
        self.desk.remembered(asked_at);
    }

    /// When [`Renewals::tick`] wants to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.desk.look_at
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.desk.look_at.is_none_or(|at| at > now) {
            return;
        }
        self.desk.look_at = None;
        self.dismiss(now);
        for (_, class) in &mut self.classes {
            class.look(&mut self.desk, now);
        }
        self.desk.memory.tidy(now);
        self.desk.remembered(now);
    }

    /// Ends every client stream, now and later, with this status.
    pub(crate) fn close(&mut self, status: Status) {
        self.desk.sessions.end(None, &status);
        for (_, class) in &mut self.classes {
            class.close_all(&mut self.desk);
            class.flights.clear();
        }
        self.closed = Some(status);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.desk.actions)
    }

    pub(crate) fn has_actions(&self) -> bool {
        !self.desk.actions.is_empty()
    }

    pub(crate) fn take_woken(&mut self) -> Vec<Seat> {
        std::mem::take(&mut self.desk.sessions.woken)
    }

    fn admit(&mut self, caller: Caller) -> usize {
        let entry = self.classes.vacant_entry();
        let index = entry.key();
        entry.insert(Class::new(self.desk.next_serial(), index, caller.clone()));
        self.by_caller.insert(caller, index);
        index
    }

    /// Forgets callers that have had no client stream for long, or that are too many.
    fn dismiss(&mut self, now: Instant) {
        while let Some((noted, index)) = self.desk.lingering.front().copied() {
            let due = noted + self.desk.config.linger;
            if due > now && self.desk.lingering.len() <= self.desk.config.max_lingering {
                return self.desk.look_at(due);
            }
            self.desk.lingering.pop_front();
            match self.classes.get_mut(index) {
                Some(class) if class.sessions > 0 => class.idle_since = None,
                Some(Class { idle_since: Some(since), .. }) if *since > noted => {
                    self.desk.lingering.push_back((*since, index));
                }
                _ => self.remove(index),
            }
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(mut class) = self.classes.try_remove(index) {
            class.close_all(&mut self.desk);
            self.by_caller.remove(&class.caller);
        }
    }
}

impl Desk {
    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A caller has no client streams any more. Each is noted once, however often it comes and goes.
    fn linger(&mut self, index: usize, idle_since: &mut Option<Instant>, now: Instant) {
        if idle_since.replace(now).is_none() {
            self.lingering.push_back((now, index));
        }
    }

    fn look_soon(&mut self, now: Instant) {
        self.look_at(now + upkeep::LOOK);
    }

    fn look_at(&mut self, at: Instant) {
        self.look_at = Some(self.look_at.map_or(at, |known| known.min(at)));
    }

    /// The memory has changed: it may be too large now, and will be too old some time.
    fn remembered(&mut self, now: Instant) {
        if self.memory.len() > self.config.max_remembered {
            self.memory.tidy(now);
        }
        if let Some(at) = self.memory.deadline() {
            self.look_at(at);
        }
        self.counters.remembered_leases.set(self.memory.len() as u64);
    }
}

fn line_of(classes: &mut Slab<Class>, stream: StreamId) -> Option<(&mut Class, usize)> {
    let class = classes.get_mut(stream.class)?;
    let line = class.lines.iter().position(|line| line.stream == stream)?;
    Some((class, line))
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
