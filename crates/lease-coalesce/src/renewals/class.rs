//! One caller: the pings of all its client streams, and the upstream streams that they go over.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use proto_gen::etcdserverpb::LeaseKeepAliveResponse;
use tonic::Status;

use super::flight::{Flight, Queue};
use super::sessions::{SessionId, Stale, Waiter};
use super::{Action, Desk, StreamId};
use crate::caller::Caller;
use crate::memory::Dated;

/// Callers are told apart by their serial number; places in the table are used again.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) serial: u64,
    pub(super) index: usize,
    pub(super) caller: Caller,
    /// Client streams that may ask.
    pub(super) sessions: usize,
    /// When it last had no client stream any more, as long as that is noted.
    pub(super) idle_since: Option<Instant>,
    pub(super) flights: HashMap<i64, Flight>,
    pub(super) queue: Queue,
    pub(super) lines: Vec<Line>,
    pub(super) outage: Option<Outage>,
}

/// One upstream stream. etcd answers in the order in which it was asked.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) stream: StreamId,
    pub(super) sent: VecDeque<i64>,
    /// When it last had something to wait for and was heard, or began to wait.
    pub(super) heard_at: Instant,
    /// How long it may be silent.
    pub(super) stall: Duration,
}

/// Nothing was answered since an upstream stream was lost.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) since: Instant,
    pub(super) lost: Status,
    pub(super) reopen_at: Instant,
    pub(super) delay: Duration,
}

impl Class {
    pub(super) fn new(serial: u64, index: usize, caller: Caller) -> Self {
        Self {
            serial,
            index,
            caller,
            sessions: 0,
            idle_since: None,
            flights: HashMap::new(),
            queue: Queue::default(),
            lines: Vec::new(),
            outage: None,
        }
    }

    /// A client waits for this lease's answer.
    pub(super) fn ask(&mut self, lease: i64, waiter: Waiter, desk: &mut Desk, now: Instant) {
        match self.flights.get_mut(&lease) {
            Some(flight) => {
                desk.counters.pings_joined.increment();
                flight.join(waiter);
            }
            None => self.take_off(lease, vec![waiter], desk, now),
        }
    }

    /// Sends what can be sent. The first stream is opened for it.
    pub(super) fn pump(&mut self, desk: &mut Desk, now: Instant) {
        if self.lines.is_empty() && self.needs_a_stream() {
            let reopen_at = self.outage.as_ref().map_or(now, |outage| outage.reopen_at);
            if reopen_at > now {
                return desk.look_at(reopen_at);
            }
            self.open(desk.config.stall, desk, now);
        }
        while self.queue.len() > 0
            && let Some(line) = self.line_with_room(desk, now)
            && let Some(lease) = self.queue.pop()
        {
            self.send(line, lease, desk, now);
        }
    }

    fn send(&mut self, line: usize, lease: i64, desk: &mut Desk, now: Instant) {
        let (Some(line), Some(flight)) = (self.lines.get_mut(line), self.flights.get_mut(&lease)) else {
            return;
        };
        if flight.sent_at.is_some() {
            return;
        }
        if !flight.is_wanted(&desk.sessions) {
            self.flights.remove(&lease);
            return;
        }
        if line.sent.is_empty() {
            line.heard_at = now;
        }
        flight.send(now);
        line.sent.push_back(lease);
        desk.counters.pings_sent.increment();
        desk.actions.push(Action::Send { stream: line.stream, lease });
        desk.look_soon(now);
    }

    /// etcd answers the oldest ping of a stream. False if it answers something else.
    pub(super) fn answer(
        &mut self,
        line: usize,
        response: LeaseKeepAliveResponse,
        desk: &mut Desk,
        now: Instant,
    ) -> bool {
        let Some(line) = self.lines.get_mut(line) else { return true };
        if line.sent.front() != Some(&response.id) {
            return false;
        }
        line.sent.pop_front();
        (line.heard_at, line.stall) = (now, desk.config.stall);
        self.outage = None;
        let Some(flight) = self.flights.remove(&response.id) else { return true };
        let is_alive = response.ttl > 0;
        let dated = Dated { response, asked_at: flight.sent_at.unwrap_or(now) };
        if !flight.is_outdated() {
            match is_alive {
                true => desk.memory.answered(self.serial, dated),
                false => desk.memory.forget(response.id),
            }
        }
        let (answered, again) = flight.settle(is_alive);
        let (mut stale, window) = (Vec::new(), desk.memory.window());
        for waiter in answered {
            desk.sessions.answer(&waiter, dated, now, window, &mut stale);
        }
        if !again.is_empty() {
            self.take_off(response.id, again, desk, now);
        }
        for Stale { lease, waiter } in stale {
            self.ask(lease, waiter, desk, now);
        }
        true
    }

    /// Everything that one upstream stream was asked and has not answered waits again, before all others.
    pub(super) fn recall(&mut self, sent: VecDeque<i64>, desk: &Desk, now: Instant) {
        for lease in sent.into_iter().rev() {
            if let Some(flight) = self.flights.get_mut(&lease) {
                flight.unsend();
                self.queue.push_front(lease, desk.memory.is_alive(lease, now));
            }
        }
    }

    /// The ping of this lease ends like this for all who wait for it.
    pub(super) fn fail(&mut self, lease: i64, status: &Status, desk: &mut Desk) {
        let Some(flight) = self.flights.remove(&lease) else { return };
        flight.everybody().for_each(|waiter| desk.sessions.fail(waiter, status.clone()));
    }

    /// A client stream that waited for these leases is gone.
    pub(super) fn leave(&mut self, session: SessionId, waited: &[i64], desk: &mut Desk, now: Instant) {
        for lease in waited {
            let Some(flight) = self.flights.get_mut(lease) else { continue };
            flight.leave(session);
            if flight.is_empty() && flight.sent_at.is_none() {
                self.flights.remove(lease);
            }
        }
        // What is left in the queue of pings that nobody wants is skipped when it comes up, or here.
        if self.queue.len() > 64 + 2 * self.flights.len() {
            let flights = &self.flights;
            self.queue.retain(|lease| flights.get(&lease).is_some_and(|flight| flight.sent_at.is_none()));
        }
        self.sessions = self.sessions.saturating_sub(1);
        if self.sessions == 0 {
            desk.linger(self.index, &mut self.idle_since, now);
        }
    }

    pub(super) fn open(&mut self, stall: Duration, desk: &mut Desk, now: Instant) {
        let stream = StreamId { class: self.index, serial: desk.next_serial() };
        self.lines.push(Line { stream, sent: VecDeque::new(), heard_at: now, stall });
        desk.counters.upstream_streams.increment();
        desk.actions.push(Action::Open { stream, caller: self.caller.clone() });
    }

    /// Takes a stream out of use; what it had been asked is still to be answered.
    pub(super) fn close(&mut self, line: usize, desk: &mut Desk) -> VecDeque<i64> {
        let line = self.lines.remove(line);
        desk.counters.upstream_streams.sub(1);
        desk.actions.push(Action::Close { stream: line.stream });
        line.sent
    }

    pub(super) fn close_all(&mut self, desk: &mut Desk) {
        while !self.lines.is_empty() {
            self.close(0, desk);
        }
    }

    /// The stream to ask on: not one on which etcd blocks, if that can be helped.
    fn line_with_room(&mut self, desk: &mut Desk, now: Instant) -> Option<usize> {
        let (depth, stall) = (desk.config.depth, desk.config.stall);
        let has_room = |line: &Line| line.sent.len() < depth;
        let is_heard = |line: &Line| line.sent.is_empty() || line.heard_at + stall > now;
        let mut found = self.lines.iter().position(|line| has_room(line) && is_heard(line));
        if found.is_none() && !self.lines.iter().any(is_heard) && self.lines.len() < desk.config.max_streams {
            found = Some(self.lines.len());
            self.open(stall, desk, now);
        }
        found.or_else(|| self.lines.iter().position(has_room))
    }

    /// A caller that asked to be told of a lost leader needs one even when nothing is asked.
    fn needs_a_stream(&self) -> bool {
        self.queue.len() > 0 || (self.caller.has_leader && self.sessions > 0)
    }

    fn take_off(&mut self, lease: i64, waiters: Vec<Waiter>, desk: &Desk, now: Instant) {
        self.flights.insert(lease, Flight::new(waiters, now));
        self.queue.push(lease, desk.memory.is_alive(lease, now));
    }
}
