//! What has happened on listeners.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Reason;

/// How handshakes with clients have ended since the start.
#[derive(Debug)]
pub struct Counters {
    handshakes: AtomicU64,
    failures: Box<[AtomicU64]>,
}

impl Default for Counters {
    fn default() -> Self {
        let failures = Reason::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        Self { handshakes: AtomicU64::new(0), failures }
    }
}

impl Counters {
    /// Handshakes that ended well.
    pub fn handshakes(&self) -> u64 {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// Handshakes that did not, for this reason.
    pub fn failures(&self, reason: Reason) -> u64 {
        self.failures.get(reason as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn note(&self, failure: Option<Reason>) {
        let count = match failure {
            Some(reason) => self.failures.get(reason as usize),
            None => Some(&self.handshakes),
        };
        count.map(|count| count.fetch_add(1, Ordering::Relaxed));
    }
}
