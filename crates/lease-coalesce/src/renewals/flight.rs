//! One ping on its way to etcd and back, and those who wait for it.

use std::collections::VecDeque;
use std::time::Instant;

use super::sessions::{SessionId, Sessions, Waiter};

/// The ping of one lease.
#[derive(Debug)]
pub(super) struct Flight {
    /// They came before it was sent: whatever etcd answers is for them.
    waiters: Vec<Waiter>,
    /// They came after it was sent. That their lease is not there is no answer for them: it may have been granted
    /// between the answer and their coming.
    late: Vec<Waiter>,
    /// They came after the lease was revoked or granted: nothing of what was asked before is for them.
    after: Vec<Waiter>,
    /// When the first of them came.
    pub(super) asked_at: Instant,
    /// None while it waits to be sent.
    pub(super) sent_at: Option<Instant>,
    /// Whether the lease was revoked or granted since it was sent.
    outdated: bool,
}

/// The pings that wait to be sent. Those of leases that are alive go first, because etcd may block on the others.
#[derive(Debug, Default)]
pub(super) struct Queue {
    alive: VecDeque<i64>,
    others: VecDeque<i64>,
}

impl Flight {
    pub(super) fn new(waiters: Vec<Waiter>, now: Instant) -> Self {
        Self { waiters, late: Vec::new(), after: Vec::new(), asked_at: now, sent_at: None, outdated: false }
    }

    pub(super) fn join(&mut self, waiter: Waiter) {
        match (self.sent_at, self.outdated) {
            (None, _) => self.waiters.push(waiter),
            (Some(_), false) => self.late.push(waiter),
            (Some(_), true) => self.after.push(waiter),
        }
    }

    /// Whether anybody is left to whom its answer matters.
    pub(super) fn is_wanted(&self, sessions: &Sessions) -> bool {
        self.everybody().any(|waiter| sessions.is_waiting(waiter))
    }

    pub(super) fn leave(&mut self, session: SessionId) {
        for waiters in [&mut self.waiters, &mut self.late, &mut self.after] {
            waiters.retain(|waiter| !waiter.is_of(session));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.everybody().next().is_none()
    }

    pub(super) fn send(&mut self, now: Instant) {
        self.sent_at = Some(now);
    }

    /// It was sent in vain and waits again, now for everybody.
    pub(super) fn unsend(&mut self) {
        (self.sent_at, self.outdated) = (None, false);
        let (late, after) = (std::mem::take(&mut self.late), std::mem::take(&mut self.after));
        self.waiters.extend(late.into_iter().chain(after));
    }

    /// The lease is no longer what it was.
    pub(super) fn outdate(&mut self) {
        self.outdated = self.sent_at.is_some();
    }

    pub(super) fn is_outdated(&self) -> bool {
        self.outdated
    }

    /// Who is answered, and who has to be asked for again.
    pub(super) fn settle(self, is_alive: bool) -> (Vec<Waiter>, Vec<Waiter>) {
        let Self { mut waiters, mut late, mut after, .. } = self;
        match is_alive {
            true => waiters.append(&mut late),
            false => after.append(&mut late),
        }
        (waiters, after)
    }

    pub(super) fn everybody(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter().chain(&self.late).chain(&self.after)
    }
}

impl Queue {
    pub(super) fn push(&mut self, lease: i64, is_alive: bool) {
        self.of(is_alive).push_back(lease);
    }

    /// For what has waited already.
    pub(super) fn push_front(&mut self, lease: i64, is_alive: bool) {
        self.of(is_alive).push_front(lease);
    }

    pub(super) fn pop(&mut self) -> Option<i64> {
        self.alive.pop_front().or_else(|| self.others.pop_front())
    }

    /// Those who have waited longest.
    pub(super) fn heads(&self) -> impl Iterator<Item = i64> {
        self.alive.front().into_iter().chain(self.others.front()).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.alive.len() + self.others.len()
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(i64) -> bool) {
        self.alive.retain(|lease| keep(*lease));
        self.others.retain(|lease| keep(*lease));
    }

    fn of(&mut self, is_alive: bool) -> &mut VecDeque<i64> {
        match is_alive {
            true => &mut self.alive,
            false => &mut self.others,
        }
    }
}
