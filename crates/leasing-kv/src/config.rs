//! What a proxy may own, and under which names.

use std::time::Duration;

use bytes::Bytes;

/// The bounds of a [`Leasing`](crate::Leasing). An empty prefix owns nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What stands in front of a key to name who owns it. All proxies that lease the same keys have the same one.
    pub prefix: Bytes,
    /// How long ownership outlives its proxy, in seconds; at least 1. etcd may make it longer.
    pub ttl: i64,
    /// Keys owned.
    pub max_keys: usize,
    /// Bytes of the keys owned and their values.
    pub max_bytes: usize,
    /// How long it is good that etcd has allowed a caller to read a key. It is asked again after half of it.
    pub permission_age: Duration,
    /// How long a key that somebody else has asked for is left alone.
    pub back_off: Duration,
    /// How long a write waits at most for the owners of its keys. They lose them with their leases.
    pub patience: Duration,
    /// How long etcd may take to answer one call of the proxy's own.
    pub answer_timeout: Duration,
}

impl Config {
    /// What is owned under this prefix, with the times of `etcd grpc-proxy`.
    pub fn new(prefix: impl Into<Bytes>) -> Self {
        Self {
            prefix: prefix.into(),
            ttl: 60,
            max_keys: 1 << 16,
            max_bytes: 64 << 20,
            permission_age: Duration::from_secs(1),
            back_off: Duration::from_secs(2),
            patience: Duration::from_secs(120),
            answer_timeout: Duration::from_secs(5),
        }
    }

    /// Nothing is owned.
    pub fn off() -> Self {
        Self::new(Bytes::new())
    }

    /// Bytes of the largest key and value that are owned: one must not push out all others.
    pub(crate) fn largest(&self) -> usize {
        self.max_bytes / 8
    }
}
