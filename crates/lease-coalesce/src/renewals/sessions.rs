//! The client streams: which answers each of them waits for, in which order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proto_gen::etcdserverpb::LeaseKeepAliveResponse;
use slab::Slab;
use tonic::Status;

use crate::memory::Dated;

/// Where a client stream is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) shard: usize,
    pub(crate) key: usize,
}

/// A client stream. The serial number tells it from a later one in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionId {
    index: usize,
    serial: u64,
}

/// One ping of one client stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    session: SessionId,
    place: u64,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Slab<Session>,
    serial: u64,
    /// Who has something to take, once until it does.
    pub(super) woken: Vec<Seat>,
}

#[derive(Debug)]
struct Session {
    serial: u64,
    class: usize,
    seat: Seat,
    slots: VecDeque<Slot>,
    /// The place of the first slot.
    first: u64,
    /// How the stream ends when what was answered has been taken.
    end: Option<Status>,
    woken: bool,
}

/// One ping. Those that are answered come before all others.
#[derive(Debug)]
enum Slot {
    Waiting(i64),
    /// Answered, but not before one that still waits; it ages meanwhile.
    Held(Dated),
    Answered(LeaseKeepAliveResponse),
    Failed(Status),
}

/// A ping that has to be asked again, because its answer was held for too long.
#[derive(Debug)]
pub(super) struct Stale {
    pub(super) lease: i64,
    pub(super) waiter: Waiter,
}

impl Waiter {
    pub(super) fn is_of(&self, session: SessionId) -> bool {
        self.session == session
    }
}

impl Sessions {
    pub(super) fn open(&mut self, class: usize, seat: Seat) -> SessionId {
        self.serial += 1;
        let serial = self.serial;
        let session =
            Session { serial, class, seat, slots: VecDeque::new(), first: 0, end: None, woken: false };
        SessionId { index: self.open.insert(session), serial }
    }

    /// Forgets a stream. Says its class, and the leases that it waits for, unless it was ended.
    pub(super) fn close(&mut self, id: SessionId) -> Option<(usize, Vec<i64>)> {
        self.get_mut(id)?;
        let session = self.open.try_remove(id.index)?;
        let waits = |slot| match slot {
            Slot::Waiting(lease) => Some(lease),
            Slot::Held(_) | Slot::Answered(_) | Slot::Failed(_) => None,
        };
        if session.end.is_some() {
            return None;
        }
        Some((session.class, session.slots.into_iter().filter_map(waits).collect()))
    }

    /// The class of a stream that may still ask.
    pub(super) fn class(&self, id: SessionId) -> Option<usize> {
        let session = self.open.get(id.index).filter(|session| session.serial == id.serial)?;
        session.end.is_none().then_some(session.class)
    }

    /// A place at the end of the stream's line for the answer of this lease.
    pub(super) fn wait(&mut self, id: SessionId, lease: i64) -> Option<Waiter> {
        let session = self.get_mut(id)?;
        session.slots.push_back(Slot::Waiting(lease));
        Some(Waiter { session: id, place: session.first + session.slots.len() as u64 - 1 })
    }

    pub(super) fn is_waiting(&self, waiter: &Waiter) -> bool {
        self.class(waiter.session).is_some()
    }

    /// The next ping of a stream is answered from memory.
    pub(super) fn recall(&mut self, id: SessionId, dated: Dated, now: Instant, window: Duration) {
        let Some(session) = self.open.get_mut(id.index).filter(|session| session.serial == id.serial) else {
            return;
        };
        let is_next = session.slots.back().is_none_or(|slot| matches!(slot, Slot::Answered(_)));
        match dated.at(now, window).filter(|_| is_next) {
            Some(response) => {
                session.slots.push_back(Slot::Answered(response));
                session.wake(&mut self.woken);
            }
            None => session.slots.push_back(Slot::Held(dated)),
        }
    }

    /// etcd's answer to one ping. An answer that is next is passed on as it is; those that it held up count from when
    /// etcd was asked.
    pub(super) fn answer(
        &mut self,
        waiter: &Waiter,
        dated: Dated,
        now: Instant,
        window: Duration,
        stale: &mut Vec<Stale>,
    ) {
        let Some((session, index)) = self.slot(waiter) else { return };
        let is_next = index
            .checked_sub(1)
            .and_then(|before| session.slots.get(before))
            .is_none_or(|slot| matches!(slot, Slot::Answered(_)));
        let Some(slot) = session.slots.get_mut(index) else { return };
        if !is_next {
            *slot = Slot::Held(dated);
            return;
        }
        *slot = Slot::Answered(dated.response);
        session.release(waiter.session, index + 1, now, window, stale);
        if let Some(session) = self.open.get_mut(waiter.session.index) {
            session.wake(&mut self.woken);
        }
    }

    pub(super) fn fail(&mut self, waiter: &Waiter, status: Status) {
        let Some((session, index)) = self.slot(waiter) else { return };
        if let Some(slot) = session.slots.get_mut(index) {
            *slot = Slot::Failed(status);
        }
        if let Some(session) = self.open.get_mut(waiter.session.index) {
            session.wake(&mut self.woken);
        }
    }

    /// Takes what is answered, as far as the order allows; and the end, once it is reached.
    pub(super) fn take(
        &mut self,
        id: SessionId,
        answers: &mut VecDeque<LeaseKeepAliveResponse>,
    ) -> Option<Status> {
        let session = self.get_mut(id)?;
        session.woken = false;
        while let Some(Slot::Answered(response)) = session.slots.front() {
            answers.push_back(*response);
            session.slots.pop_front();
            session.first += 1;
        }
        match session.slots.front() {
            Some(Slot::Failed(status)) => Some(status.clone()),
            _ => session.end.clone(),
        }
    }

    /// Ends the streams of one class, or all of them.
    pub(super) fn end(&mut self, class: Option<usize>, status: &Status) {
        for (_, session) in &mut self.open {
            if class.is_none_or(|class| session.class == class) && session.end.is_none() {
                session.end = Some(status.clone());
                session.wake(&mut self.woken);
            }
        }
    }

    fn slot(&mut self, waiter: &Waiter) -> Option<(&mut Session, usize)> {
        let session = self.get_mut(waiter.session)?;
        let index = usize::try_from(waiter.place.checked_sub(session.first)?).ok()?;
        Some((session, index))
    }

    fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.open.get_mut(id.index).filter(|session| session.serial == id.serial)
    }
}

impl Session {
    /// What was held up from here on is passed on with its age taken off, or asked again.
    fn release(
        &mut self,
        id: SessionId,
        from: usize,
        now: Instant,
        window: Duration,
        stale: &mut Vec<Stale>,
    ) {
        let mut is_next = true;
        for (index, slot) in self.slots.iter_mut().enumerate().skip(from) {
            let Slot::Held(dated) = slot else { return };
            match dated.at(now, window) {
                Some(response) if is_next => *slot = Slot::Answered(response),
                Some(_) => {}
                None => {
                    is_next = false;
                    let lease = dated.response.id;
                    stale.push(Stale {
                        lease,
                        waiter: Waiter { session: id, place: self.first + index as u64 },
                    });
                    *slot = Slot::Waiting(lease);
                }
            }
        }
    }

    fn wake(&mut self, woken: &mut Vec<Seat>) {
        if !self.woken {
            self.woken = true;
            woken.push(self.seat);
        }
    }
}
