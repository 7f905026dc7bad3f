//! The hub: the machine behind a lock, and the doors to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::config::Config;
use crate::counters::Counters;
use crate::layer::Coalesced;
use crate::refusal;
use crate::renewals::{Action, Renewals, Seat};
use crate::shard::{Relay, Shard};
use crate::upstream::OpenKeepAlive;
use crate::worker::Worker;

/// The keep-alives of any number of client streams over one upstream stream. Clones are the same hub.
#[derive(Clone, Debug)]
pub struct LeaseHub {
    shared: Arc<Shared>,
}

/// What all doors share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) max_pending: usize,
    pub(crate) worker_bell: Notify,
    counters: Arc<Counters>,
    renewals: Mutex<Renewals>,
    shards: Mutex<Arc<[Arc<Shard>]>>,
}

impl LeaseHub {
    /// A hub over this upstream, and the worker that has to run for it.
    pub fn new<O: OpenKeepAlive>(config: Config, upstream: O) -> (Self, Worker<O>) {
        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared {
            max_pending: config.max_pending,
            worker_bell: Notify::new(),
            counters: Arc::clone(&counters),
            renewals: Mutex::new(Renewals::new(config, counters)),
            shards: Mutex::new(Arc::new([Arc::new(Shard::direct())])),
        });
        (Self { shared: Arc::clone(&shared) }, Worker::new(shared, upstream))
    }

    /// `inner` with its keep-alives coalesced, for client streams of any runtime.
    pub fn layer<S>(&self, inner: S) -> Coalesced<S> {
        let shard = self.shared.shards().first().cloned().unwrap_or_else(|| Arc::new(Shard::direct()));
        Coalesced::new(Arc::clone(&self.shared), shard, 0, inner)
    }

    /// The same for the client streams of one runtime, and the relay that has to run there. Waking many streams is
    /// then one wake-up between threads, where [`LeaseHub::layer`] makes one for each stream.
    pub fn local_layer<S>(&self, inner: S) -> (Coalesced<S>, Relay) {
        let (shard, relay) = Shard::relayed();
        let index = self.shared.add_shard(Arc::clone(&shard));
        (Coalesced::new(Arc::clone(&self.shared), shard, index, inner), relay)
    }

    /// The numbers.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Ends every stream, now and later ones too, with etcd's word for a server that stops. The worker then returns.
    pub fn close(&self) {
        self.shared.with(|renewals, _| renewals.close(refusal::server_stopped()));
        self.shared.worker_bell.notify_one();
    }
}

impl Shared {
    /// One call of the machine; afterwards everybody whom it concerns is woken.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Renewals, Instant) -> T) -> T {
        let now = tokio::time::Instant::now().into_std();
        let mut renewals = self.renewals();
        let deadline = renewals.deadline();
        let result = call(&mut renewals, now);
        let woken = renewals.take_woken();
        let sooner = renewals.deadline().is_some_and(|at| deadline.is_none_or(|known| at < known));
        let is_worker_needed = renewals.has_actions() || sooner;
        drop(renewals);
        if is_worker_needed {
            self.worker_bell.notify_one();
        }
        if !woken.is_empty() {
            self.ring(&woken);
        }
        result
    }

    /// The actions stay with the machine until the worker takes them, so that they keep their order.
    pub(crate) fn take_actions(&self) -> (Vec<Action>, Option<Instant>) {
        let mut renewals = self.renewals();
        (renewals.take_actions(), renewals.deadline())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.renewals().is_closed()
    }

    fn ring(&self, woken: &[Seat]) {
        for (index, shard) in self.shards().iter().enumerate() {
            shard.ring(woken.iter().filter(|seat| seat.shard == index).map(|seat| seat.key));
        }
    }

    fn add_shard(&self, shard: Arc<Shard>) -> usize {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        *shards = shards.iter().cloned().chain([shard]).collect();
        shards.len() - 1
    }

    fn shards(&self) -> Arc<[Arc<Shard>]> {
        Arc::clone(&self.shards.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The machine changes nothing before it has looked, so what a panicking thread left can be gone on with.
    fn renewals(&self) -> MutexGuard<'_, Renewals> {
        self.renewals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
