//! What happens to a caller's upstream streams: losses, refusals, blockages, crowds.

use std::time::{Duration, Instant};

use tonic::Status;

use super::Desk;
use super::class::{Class, Line, Outage};
use crate::refusal::{About, about, unavailable};

/// How often streams with something to wait for are looked at.
pub(super) const LOOK: Duration = Duration::from_millis(50);

impl Class {
    /// An upstream stream has ended. Who is concerned by what it ended with hears it; all others are asked again.
    pub(super) fn lost(&mut self, line: usize, status: &Status, desk: &mut Desk, now: Instant) {
        let mut sent = self.close(line, desk);
        let needed = !self.flights.is_empty() || self.caller.has_leader;
        match about(status, self.caller.has_leader) {
            About::Leader => return self.end(status, desk, now),
            About::Caller if !sent.is_empty() => {
                for lease in sent.drain(..) {
                    self.fail(lease, status, desk);
                }
            }
            verdict @ (About::Ping | About::Cluster) if !sent.is_empty() => {
                if let Some(lease) = sent.pop_front() {
                    self.fail(lease, status, desk);
                }
                if verdict == About::Cluster {
                    self.suffer(status, desk, now);
                }
            }
            _ if needed => self.suffer(status, desk, now),
            _ => {}
        }
        if needed {
            desk.counters.reopens.increment();
        }
        self.recall(sent, desk, now);
        self.pump(desk, now);
    }

    /// Looks after what no message will tell of.
    pub(super) fn look(&mut self, desk: &mut Desk, now: Instant) {
        self.give_up(desk, now);
        self.turn_away_from_blockages(desk, now);
        self.pump(desk, now);
        self.widen(desk, now);
        self.narrow(desk, now);
        if !self.flights.is_empty() {
            desk.look_soon(now);
        } else if self.lines.len() > 1 {
            desk.look_at(now + desk.config.linger);
        }
    }

    /// The whole caller ends: there is no leader.
    fn end(&mut self, status: &Status, desk: &mut Desk, now: Instant) {
        self.close_all(desk);
        self.flights.clear();
        self.queue.retain(|_| false);
        self.outage = None;
        desk.sessions.end(Some(self.index), status);
        self.sessions = 0;
        desk.linger(self.index, &mut self.idle_since, now);
    }

    fn suffer(&mut self, status: &Status, desk: &mut Desk, now: Instant) {
        let (min, max) = (desk.config.backoff_min, desk.config.backoff_max);
        let outage = match self.outage.take() {
            None => Outage { since: now, lost: status.clone(), reopen_at: now, delay: min },
            Some(Outage { since, delay, .. }) => {
                let next = (delay * 2).min(max);
                Outage { since, lost: status.clone(), reopen_at: now + delay, delay: next }
            }
        };
        self.outage = Some(outage);
        desk.look_soon(now);
    }

    /// A client that has waited for a way to etcd as long as it can is told so.
    fn give_up(&mut self, desk: &mut Desk, now: Instant) {
        let Some(outage) = &self.outage else { return };
        let status = unavailable(&outage.lost);
        let (since, patience) = (outage.since, desk.config.patience);
        let lost = self.flights.iter().filter(|(_, flight)| flight.asked_at.max(since) + patience <= now);
        for lease in lost.map(|(lease, _)| *lease).collect::<Vec<_>>() {
            self.fail(lease, &status, desk);
        }
        self.queue.retain(|lease| self.flights.contains_key(&lease));
    }

    /// Where one ping blocks a stream, the others are asked on a new one, and it is asked again after them. The old
    /// stream is closed, so that what is behind the blockage is not answered, and no lease renewed, when nobody asks
    /// any more.
    fn turn_away_from_blockages(&mut self, desk: &mut Desk, now: Instant) {
        let blocked = |class: &Self, desk: &Desk| {
            let others_wait = class.queue.len() > 0;
            class.lines.iter().enumerate().find_map(|(index, line)| {
                let next = line.next_stall(others_wait, desk, now)?;
                Some((index, next))
            })
        };
        while let Some((index, next_stall)) = blocked(self, desk) {
            let mut sent = self.close(index, desk);
            desk.counters.rotations.increment();
            let blocking = sent.pop_front();
            self.recall(sent, desk, now);
            if let Some(lease) = blocking
                && let Some(flight) = self.flights.get_mut(&lease)
            {
                flight.unsend();
                self.queue.push(lease, false);
            }
            self.open(next_stall, desk, now);
        }
    }

    /// Where pings wait too long to be sent, one more stream is opened.
    fn widen(&mut self, desk: &mut Desk, now: Instant) {
        let crowd = desk.config.crowd;
        let waits_long =
            |lease| self.flights.get(&lease).is_some_and(|flight| flight.asked_at + crowd <= now);
        let room = !self.lines.is_empty() && self.lines.len() < desk.config.max_streams;
        if room && self.outage.is_none() && self.queue.heads().any(waits_long) {
            self.open(desk.config.stall, desk, now);
            self.pump(desk, now);
        }
    }

    /// Streams beyond the first that had nothing to do for long are closed.
    fn narrow(&mut self, desk: &mut Desk, now: Instant) {
        let linger = desk.config.linger;
        for index in (1..self.lines.len()).rev() {
            let is_idle = |line: &Line| line.sent.is_empty() && line.heard_at + linger <= now;
            if self.lines.get(index).is_some_and(is_idle) {
                self.close(index, desk);
            }
        }
    }
}

impl Line {
    /// Whether others wait for its first ping too long; then how long they may wait on the stream that is opened for
    /// them.
    ///
    /// A lease of which nothing is known may have expired: those behind it that are alive do not wait for it. Where
    /// even the first one is alive the cluster is to blame, and new streams help less and less.
    fn next_stall(&self, others_wait: bool, desk: &Desk, now: Instant) -> Option<Duration> {
        let silent = now.saturating_duration_since(self.heard_at);
        let stall = desk.config.stall;
        if silent < stall || self.sent.len() <= usize::from(!others_wait) {
            return None;
        }
        let mut are_alive = self.sent.iter().map(|lease| desk.memory.is_alive(*lease, now));
        if are_alive.next() == Some(false) && are_alive.any(|is_alive| is_alive) {
            return Some(stall);
        }
        (silent >= self.stall).then(|| (self.stall * 2).min(desk.config.max_stall))
    }
}
