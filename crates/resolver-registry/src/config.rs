//! Where and as whom to register.

use std::time::Duration;

use crate::entry::Proxy;

/// What a proxy says about itself, and for how long that is good.
#[derive(Clone, Debug)]
pub struct Config {
    /// What stands in front of all keys, without the slash that follows it.
    pub prefix: String,
    /// This proxy, as others are to see it.
    pub itself: Proxy,
    /// How long the registration outlives its proxy, in seconds; at least 1. etcd may make it longer.
    pub ttl: i64,
    /// How long etcd may take to answer one call.
    pub answer_timeout: Duration,
    /// How many registrations are listed at most; what is beyond is left out.
    pub max_proxies: usize,
}

impl Config {
    /// With the time-out of etcd's own client, and room for more proxies than anybody runs.
    pub fn new(prefix: impl Into<String>, itself: Proxy, ttl: i64) -> Self {
        Self {
            prefix: prefix.into(),
            itself,
            ttl,
            answer_timeout: Duration::from_secs(5),
            max_proxies: 10_000,
        }
    }
}
