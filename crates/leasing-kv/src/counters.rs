//! Numbers that anybody may read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number: a gauge where it goes down too, a counter where it only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// What a proxy counts about what it owns.
#[derive(Debug, Default)]
pub struct Counters {
    /// Gauge: keys owned.
    pub keys: Count,
    /// Gauge: bytes of the keys owned and their values.
    pub bytes: Count,
    /// Counter: reads and transactions answered from memory.
    pub hits: Count,
    /// Counter: of those, the ones for which etcd could not be asked whether the caller still may read.
    pub disconnected: Count,
    /// Counter: keys acquired.
    pub acquisitions: Count,
    /// Counter: keys given back because somebody asked for them.
    pub given: Count,
    /// Counter: owners asked to give a key back.
    pub asked: Count,
    /// Counter: sessions lost, and with each of them every key.
    pub sessions_lost: Count,
}

impl Count {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, number: usize) {
        self.0.store(number as u64, Ordering::Relaxed);
    }
}
