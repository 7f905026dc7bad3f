//! Numbers that anybody may read at any time.

use counts::Count;

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
