//! Who travels with whom: a pure machine of lines in which reads wait for the next batch.
//!
//! Reads that may share stand in one line. While a call of the line is under way, those who come wait; when it returns,
//! or is late, the line is free, and all of them go as one batch when the worker takes it. A batch that is full does not
//! wait. Nobody joins what was taken.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use proto_gen::etcdserverpb::RangeRequest;
use slab::Slab;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::config::Config;
use crate::heavy::Fingerprint;
use crate::kind::Kind;

/// Lines without anybody in them that are kept for the next who comes.
const MAX_IDLE: usize = 64;

/// What reads must have in common to stand in one line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Class {
    pub(crate) caller: Caller,
    pub(crate) kind: Kind,
}

/// What a read may do that has just come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// Go at once, as it is, and say when it has returned.
    Go(Ticket),
    /// Wait in this line.
    Wait(Place),
}

/// A call under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    line: usize,
    number: u64,
}

/// Where to wait, valid until the machine is told of anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// Reads to be sent as one, at least one.
#[derive(Debug)]
pub(crate) struct Batch<W> {
    pub(crate) ticket: Ticket,
    pub(crate) caller: Caller,
    pub(crate) reads: Vec<Read<W>>,
}

/// One read, and all who wait for its answer.
#[derive(Debug)]
pub(crate) struct Read<W> {
    pub(crate) request: RangeRequest,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) first: W,
    pub(crate) others: Vec<W>,
}

/// All lines of one runtime. `W` is whoever waits.
#[derive(Debug)]
pub(crate) struct Lines<W> {
    max_reads: usize,
    in_flight: usize,
    patience: Duration,
    open: bool,
    lines: Slab<Line<W>>,
    by_class: HashMap<Class, usize>,
    /// Batches that are full.
    full: VecDeque<Batch<W>>,
    /// Lines whose readers may go, each at most once.
    free: VecDeque<usize>,
    /// Lines in which somebody waits.
    waiting: usize,
    calls: u64,
}

#[derive(Debug)]
struct Line<W> {
    class: Class,
    /// Calls that hold up those who come, by number, and when each was sent. What is late is no longer here.
    under_way: Vec<(u64, Instant)>,
    reads: Vec<Read<W>>,
    /// Whether it stands in the list of the free ones.
    is_free: bool,
}

impl<W> Lines<W> {
    /// Closed: until it is opened every read goes alone.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            max_reads: config.max_reads,
            in_flight: config.in_flight.max(1),
            patience: config.patience,
            open: false,
            lines: Slab::new(),
            by_class: HashMap::new(),
            full: VecDeque::new(),
            free: VecDeque::new(),
            waiting: 0,
            calls: 0,
        }
    }

    /// From now on there is somebody who sends what is due.
    pub(crate) fn open(&mut self) {
        self.open = true;
    }

    /// Nobody sends what is due any more: drops all who wait.
    pub(crate) fn close(&mut self) {
        self.open = false;
        self.waiting = 0;
        self.full.clear();
        self.free.clear();
        self.lines.clear();
        self.by_class.clear();
    }

    /// Whether reads may share at all.
    pub(crate) fn is_open(&self) -> bool {
        self.open && self.max_reads > 1
    }

    /// Whether anybody waits for a batch that is not due yet.
    pub(crate) fn anybody_waits(&self) -> bool {
        self.waiting > 0
    }

    /// A read has come.
    pub(crate) fn enter(&mut self, class: Class, now: Instant) -> Entrance {
        self.calls += 1;
        let number = self.calls;
        let index = self.line(class);
        let Some(line) = self.lines.get_mut(index) else {
            return Entrance::Go(Ticket { line: index, number });
        };
        line.give_up(now, self.patience);
        if line.reads.is_empty() && line.under_way.len() < self.in_flight {
            line.under_way.push((number, now));
            Entrance::Go(Ticket { line: index, number })
        } else {
            Entrance::Wait(Place(index))
        }
    }

    /// Lets a read wait where [`Self::enter`] said.
    pub(crate) fn wait(
        &mut self,
        place: Place,
        request: &RangeRequest,
        fingerprint: Fingerprint,
        waiter: W,
        now: Instant,
    ) {
        let Some(line) = self.lines.get_mut(place.0) else { return };
        let same = |read: &&mut Read<W>| read.fingerprint == fingerprint && read.request == *request;
        if let Some(read) = line.reads.iter_mut().find(same) {
            read.others.push(waiter);
            return;
        }
        if line.reads.is_empty() {
            self.waiting += 1;
        }
        line.reads.push(Read { request: request.clone(), fingerprint, first: waiter, others: Vec::new() });
        if line.reads.len() >= self.max_reads {
            let full = self.seal(place.0, now);
            self.full.extend(full);
        } else if line.under_way.len() < self.in_flight {
            self.set_free(place.0);
        }
    }

    /// A call has returned, with whatever answer, or was cancelled.
    pub(crate) fn returned(&mut self, ticket: Ticket) {
        let Some(line) = self.lines.get_mut(ticket.line) else { return };
        line.under_way.retain(|(number, _)| *number != ticket.number);
        if line.under_way.len() >= self.in_flight {
            return;
        }
        if !line.reads.is_empty() {
            self.set_free(ticket.line);
        } else if line.under_way.is_empty() && self.lines.len() > MAX_IDLE {
            let line = self.lines.remove(ticket.line);
            self.by_class.remove(&line.class);
        }
    }

    /// Lets those go whose forerunner is late.
    pub(crate) fn tick(&mut self, now: Instant) {
        let (in_flight, patience) = (self.in_flight, self.patience);
        let held_up = |(index, line): (usize, &mut Line<W>)| {
            line.give_up(now, patience);
            (!line.reads.is_empty() && line.under_way.len() < in_flight).then_some(index)
        };
        let free: Vec<usize> = self.lines.iter_mut().filter_map(held_up).collect();
        for index in free {
            self.set_free(index);
        }
    }

    /// Whether there is a batch to be taken.
    pub(crate) fn is_due(&self) -> bool {
        !self.full.is_empty() || !self.free.is_empty()
    }

    /// Takes the next batch, to be sent at once.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Batch<W>> {
        if let Some(full) = self.full.pop_front() {
            return Some(full);
        }
        while let Some(index) = self.free.pop_front() {
            let Some(line) = self.lines.get_mut(index) else { continue };
            line.is_free = false;
            // What filled up meanwhile is under way again, and holds up those behind it.
            if line.under_way.len() < self.in_flight
                && let Some(batch) = self.seal(index, now)
            {
                return Some(batch);
            }
        }
        None
    }

    /// The cluster has refused a transaction of this many reads for their number.
    pub(crate) fn refused(&mut self, reads: usize) {
        self.max_reads = self.max_reads.min(reads / 2);
    }

    fn line(&mut self, class: Class) -> usize {
        *self.by_class.entry(class).or_insert_with_key(|class| {
            self.lines.insert(Line {
                class: class.clone(),
                under_way: Vec::new(),
                reads: Vec::new(),
                is_free: false,
            })
        })
    }

    fn set_free(&mut self, index: usize) {
        let Some(line) = self.lines.get_mut(index) else { return };
        if !line.is_free {
            line.is_free = true;
            self.free.push_back(index);
        }
    }

    /// All who wait in a line, as a batch that nobody joins any more.
    fn seal(&mut self, index: usize, now: Instant) -> Option<Batch<W>> {
        let line = self.lines.get_mut(index).filter(|line| !line.reads.is_empty())?;
        self.calls += 1;
        self.waiting = self.waiting.saturating_sub(1);
        line.under_way.push((self.calls, now));
        Some(Batch {
            ticket: Ticket { line: index, number: self.calls },
            caller: line.class.caller.clone(),
            reads: std::mem::take(&mut line.reads),
        })
    }
}

impl<W> Line<W> {
    /// Forgets what is late, so that it holds nobody up.
    fn give_up(&mut self, now: Instant, patience: Duration) {
        self.under_way.retain(|(_, sent)| now.saturating_duration_since(*sent) < patience);
    }
}

impl<W> Read<W> {
    /// All who wait for it.
    pub(crate) fn waiters(&self) -> impl Iterator<Item = &W> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
