//! How many handshakes may be under way at once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// The handshakes under way. When there are too many, the oldest makes room: a client that means it is done within
/// milliseconds, so the oldest are those that never will be.
#[derive(Debug)]
pub(crate) struct Pending {
    limit: usize,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A handshake under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    number: u64,
    pending: Arc<Pending>,
}

impl Pending {
    /// At least one handshake is always possible.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit.max(1), seats: Mutex::default() })
    }

    /// A seat, and what resolves when it is needed for somebody else.
    pub(crate) fn take(self: &Arc<Self>) -> (Seat, oneshot::Receiver<()>) {
        let (notice, noticed) = oneshot::channel();
        let mut seats = self.lock();
        let number = seats.next;
        seats.next += 1;
        seats.taken.insert(number, notice);
        let oldest = if seats.taken.len() > self.limit { seats.taken.pop_first() } else { None };
        drop(seats);
        // Dropping its sender tells the oldest.
        drop(oldest);
        (Seat { number, pending: Arc::clone(self) }, noticed)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().taken.len()
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pending.lock().taken.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room_for_the_newest() {
        let pending = Pending::new(2);
        let (first, mut first_noticed) = pending.take();
        let (second, mut second_noticed) = pending.take();
        assert!(first_noticed.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        let (_third, mut third_noticed) = pending.take();
        assert!(first_noticed.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
        assert_eq!(pending.count(), 2);
        drop(first);
        assert_eq!(pending.count(), 2, "its seat was taken from it before");
        drop(second);
        assert_eq!(pending.count(), 1);
        assert!(second_noticed.try_recv().is_err());
        assert!(third_noticed.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
    }
}
