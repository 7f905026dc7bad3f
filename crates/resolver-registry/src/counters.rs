//! Numbers that anybody may read at any time.

use counts::Count;

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
