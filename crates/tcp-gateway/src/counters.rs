//! Numbers that anybody may read at any time.

use std::sync::{Arc, Mutex, PoisonError};

use counts::Count;

/// What a gateway counts about itself.
#[derive(Debug, Default)]
pub struct Counters {
    /// Counter: connections that found no endpoint and were closed.
    pub refused: Count,
    /// Counter: connections that broke off instead of ending.
    pub broken: Count,
    traffic: Mutex<Vec<Arc<Traffic>>>,
}

/// What one runtime counts, so that runtimes do not share what changes with every read.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Counter: bytes from clients to endpoints.
    pub sent: Count,
    /// Counter: bytes from endpoints to clients.
    pub received: Count,
    /// Counter: those of both that went through the kernel only.
    pub spliced: Count,
}

impl Counters {
    pub(crate) fn shard(&self) -> Arc<Traffic> {
        let shard = Arc::<Traffic>::default();
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&shard));
        shard
    }

    /// One number of all runtimes together.
    pub fn traffic(&self, number: impl Fn(&Traffic) -> &Count) -> u64 {
        let shards = self.traffic.lock().unwrap_or_else(PoisonError::into_inner);
        shards.iter().map(|shard| number(shard).get()).sum()
    }
}
