//! Numbers that anybody may read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number: a gauge where it goes down too, a counter where it only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// What a cache counts about itself.
#[derive(Debug, Default)]
pub struct Counters {
    /// Gauge: answers kept.
    pub entries: Count,
    /// Gauge: bytes of the answers kept.
    pub bytes: Count,
    /// Gauge: ranges that are watched because they are read often.
    pub watched: Count,
    /// Counter: serializable reads answered from memory.
    pub hits: Count,
    /// Counter: serializable reads that were sent to etcd.
    pub misses: Count,
    /// Counter: serializable reads that were answered with what etcd told somebody who asked the same at that time.
    pub joins: Count,
    /// Counter: answers given up for others.
    pub evictions: Count,
    /// Counter: answers found to be overtaken by a write, a newer answer, a compaction or a change of permissions.
    pub invalidations: Count,
    /// Counter: answers found to be older than the maximum age.
    pub expirations: Count,
}

impl Count {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }
}
