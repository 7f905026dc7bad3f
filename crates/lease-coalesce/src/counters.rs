//! Numbers that anybody may read at any time.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number: a gauge where it goes down too, a counter where it only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

/// What a hub counts about itself.
#[derive(Debug, Default)]
pub struct Counters {
    /// Gauge: client streams.
    pub sessions: Count,
    /// Counter: pings received from clients.
    pub pings_received: Count,
    /// Counter: pings sent to etcd, those that were asked again included.
    pub pings_sent: Count,
    /// Counter: pings that joined one of the same lease which was under way.
    pub pings_joined: Count,
    /// Counter: pings answered from memory.
    pub pings_remembered: Count,
    /// Gauge: upstream streams.
    pub upstream_streams: Count,
    /// Counter: upstream streams that were lost, or ended by etcd, while they were needed.
    pub reopens: Count,
    /// Counter: upstream streams left because one ping blocked the others.
    pub rotations: Count,
    /// Gauge: leases remembered.
    pub remembered_leases: Count,
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

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}
