//! Numbers that anybody may read at any time.

use counts::Count;

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
