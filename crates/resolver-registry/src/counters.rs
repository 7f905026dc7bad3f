//! Numbers that anybody may read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number: a gauge where it goes down too, a counter where it only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// What a registry counts about itself.
#[derive(Debug, Default)]
pub struct Counters {
    /// Gauge: proxies listed.
    pub proxies: Count,
    /// Gauge: 1 while this proxy is registered.
    pub registered: Count,
    /// Counter: registrations made.
    pub registrations: Count,
    /// Counter: registrations lost.
    pub expirations: Count,
    /// Counter: calls that failed or were refused.
    pub failures: Count,
    /// Counter: how often the whole list was read.
    pub lists: Count,
}

impl Count {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, number: u64) {
        self.0.store(number, Ordering::Relaxed);
    }
}
