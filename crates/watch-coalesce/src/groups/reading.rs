//! How a watcher reads: a cursor that pulls, falls behind, and hops back.

use std::sync::Arc;
use std::time::Instant;

use super::{Action, End, Groups};
use crate::batch::Batch;

/// A watcher's place in a group's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) group: usize,
    pub(super) seq: u64,
    /// The lowest revision that this watcher has not been given.
    pub(crate) next: i64,
}

/// What a cursor found.
#[derive(Debug)]
pub(crate) enum Pulled {
    /// A batch, and whether another pull might find more.
    Batch(Arc<Batch>, bool),
    /// Nothing yet; the group's members are rung when there is.
    Empty,
    /// Nothing ever again.
    Ended(Arc<End>),
}

impl Groups {
    /// The next batch for a cursor. The cursor may change its group meanwhile; who listens to the group's ring then
    /// has to listen to the other's, and pull again.
    pub(crate) fn pull(&mut self, cursor: &mut Cursor, now: Instant) -> Pulled {
        self.hop(cursor, now);
        self.fall(cursor, now);
        let Some(group) = self.groups.get_mut(cursor.group) else { return Pulled::Empty };
        group.touched = now;
        if let Some(batch) = group.log.get(cursor.seq) {
            cursor.seq += 1;
            let more = group.catch_up || group.ended.is_some() || cursor.seq < group.log.end();
            return Pulled::Batch(batch.clone(), more);
        }
        if let Some(end) = &group.ended {
            return Pulled::Ended(end.clone());
        }
        cursor.next = cursor.next.max(group.log.next());
        if group.catch_up {
            self.want_more(cursor.group, now);
        }
        Pulled::Empty
    }

    /// The watcher has sent the batch that it pulled.
    pub(crate) fn passed(cursor: &mut Cursor, batch: &Batch) {
        cursor.next = cursor.next.max(batch.last() + 1);
    }

    /// A watcher leaves its group.
    pub(crate) fn leave(&mut self, cursor: &Cursor, now: Instant) {
        self.counters.client_watchers.sub(1);
        self.vacate(cursor, now);
    }

    /// Appends a batch to a group's log and makes room for it.
    pub(super) fn append(&mut self, index: usize, batch: Arc<Batch>) {
        let Some(group) = self.groups.get_mut(index) else { return };
        group.reading = false;
        self.effects.rung.push(index);
        let Some(batch) = group.log.append(batch) else { return };
        self.counters.responses_saved.add((group.members as u64).saturating_sub(1));
        let cost = batch.cost();
        group.bytes += cost;
        self.history.queue.push_back((index, group.serial, group.log.end() - 1));
        self.history.bytes += cost;
        self.history.batches += 1;
        self.counters.events_received.add(batch.len() as u64);
        self.evict(index);
    }

    fn evict(&mut self, index: usize) {
        // What is read once more for a few must not push out what is kept for all.
        while self.groups.get(index).is_some_and(|group| {
            group.catch_up
                && group.bytes > self.config.catch_up_bytes
                && group.log.first_seq() + 1 < group.log.end()
        }) {
            self.evict_from(index);
        }
        while self.history.bytes > self.config.history_bytes && self.history.batches > 1 {
            let Some((index, serial, seq)) = self.history.queue.pop_front() else { break };
            self.evict_if_there(index, serial, seq);
        }
        if self.history.queue.len() > 1024 + 2 * self.history.batches {
            let groups = &self.groups;
            let alive = |(index, serial, seq): &(usize, u64, u64)| {
                groups
                    .get(*index)
                    .is_some_and(|group| group.serial == *serial && group.log.first_seq() <= *seq)
            };
            self.history.queue.retain(alive);
        }
        self.counters.history_bytes.set(self.history.bytes as u64);
    }

    fn evict_if_there(&mut self, index: usize, serial: u64, seq: u64) {
        let is_there = |group: &super::Group| {
            group.serial == serial && group.log.first_seq() == seq && seq < group.log.end()
        };
        if self.groups.get(index).is_some_and(is_there) {
            self.evict_from(index);
        }
    }

    fn evict_from(&mut self, index: usize) {
        let Some(group) = self.groups.get_mut(index) else { return };
        let Some(batch) = group.log.evict() else { return };
        group.bytes -= batch.cost();
        self.history.bytes -= batch.cost();
        self.history.batches -= 1;
    }

    /// From a catch-up group to the live one, as soon as that covers what comes next.
    fn hop(&mut self, cursor: &mut Cursor, now: Instant) {
        let Some(group) = self.groups.get(cursor.group).filter(|group| group.catch_up) else { return };
        let next = match group.log.get(cursor.seq) {
            None if cursor.seq >= group.log.end() => cursor.next.max(group.log.next()),
            _ => cursor.next,
        };
        let Some(live) = self.live_of(group.class, &group.key) else { return };
        let Some(target) = self.groups.get_mut(live).filter(|live| live.log.first_revision() <= next) else {
            return;
        };
        target.members += 1;
        let seq = target.log.position_of(next);
        self.vacate(cursor, now);
        *cursor = Cursor { group: live, seq, next };
    }

    /// Out of the window: what comes next is no longer in memory, so it is read from etcd once more.
    fn fall(&mut self, cursor: &mut Cursor, now: Instant) {
        let Some(group) = self.groups.get(cursor.group) else { return };
        if cursor.seq >= group.log.first_seq() {
            return;
        }
        // What was evicted lay before this watcher's start.
        if group.log.first_revision() <= cursor.next {
            cursor.seq = group.log.position_of(cursor.next);
            return;
        }
        // The compaction or refusal that ended this group will meet the watcher again, from etcd itself.
        let (class, key) = (group.class, group.key.clone());
        self.counters.falls.increment();
        let seat = self.seat(class, &key, cursor.next, now);
        self.vacate(cursor, now);
        *cursor = seat;
    }

    fn vacate(&mut self, cursor: &Cursor, now: Instant) {
        let Some(group) = self.groups.get_mut(cursor.group) else { return };
        group.members = group.members.saturating_sub(1);
        let (empty, ended, catch_up) = (group.members == 0, group.ended.is_some(), group.catch_up);
        if catch_up {
            self.counters.lagging_watchers.sub(1);
        }
        match (empty, ended, catch_up) {
            (false, ..) => {}
            (true, true, _) => self.free_group(cursor.group),
            (true, false, true) => self.retire(cursor.group),
            (true, false, false) => self.start_lingering(cursor.group, now),
        }
    }

    /// A reader has read everything: only now is etcd's stream read on, and asked whether it has come to an end.
    fn want_more(&mut self, index: usize, now: Instant) {
        let Some(group) = self.groups.get_mut(index) else { return };
        let (stream, class, key) = (group.stream, group.class, group.key.clone());
        if !group.reading {
            group.reading = true;
            self.effects.actions.push(Action::Read { stream });
        }
        // Without a live group there is nowhere to hop to, so it matters to nobody.
        if self.live_of(class, &key).is_none() {
            return;
        }
        if let Some(upstream) = self.streams.get_mut(&stream) {
            upstream.progress.wanted = true;
        }
        self.ask_progress(stream, now);
    }

    /// Gives up a catch-up group. Its log is emptied, so its readers fall out of it when they next read.
    pub(super) fn abandon(&mut self, index: usize) {
        while self.groups.get(index).is_some_and(|group| group.log.first_seq() < group.log.end()) {
            self.evict_from(index);
        }
        let Some(group) = self.groups.get_mut(index) else { return };
        group.log.forget();
        group.serial = 0;
        self.end_group(index, End::default());
    }
}
