//! How many watchers one client may have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The watchers of one client over all its streams, those that are being created included. Clones are the same; put one
/// into the extensions of the client's requests.
#[derive(Clone, Debug)]
pub struct Quota(Arc<Seats>);

#[derive(Debug)]
struct Seats {
    limit: usize,
    taken: AtomicUsize,
}

impl Quota {
    /// So many at most.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Seats { limit, taken: AtomicUsize::new(0) }))
    }

    /// How many there are.
    pub fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    /// Whether nobody has a watcher, and nobody else holds this quota.
    pub fn is_idle(&self) -> bool {
        self.taken() == 0 && Arc::strong_count(&self.0) == 1
    }

    /// One watcher more, if there may be one.
    pub(crate) fn take(&self) -> bool {
        let more = |taken: usize| taken.checked_add(1).filter(|taken| *taken <= self.0.limit);
        self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// So many watchers less.
    pub(crate) fn give_back(&self, watchers: usize) {
        self.0.taken.fetch_sub(watchers, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_taken_than_there_are() {
        let quota = Quota::new(2);
        assert!(quota.take() && quota.take() && !quota.take());
        quota.give_back(1);
        assert!(quota.take() && !quota.take());
        assert_eq!(quota.taken(), 2);
    }

    #[test]
    fn a_quota_is_idle_when_nobody_holds_it() {
        let quota = Quota::new(1);
        let held = quota.clone();
        assert!(!quota.is_idle());
        drop(held);
        assert!(quota.is_idle() && quota.take() && !quota.is_idle());
    }
}
