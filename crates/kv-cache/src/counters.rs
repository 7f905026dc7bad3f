//! Numbers that anybody may read at any time.

use counts::Count;

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
