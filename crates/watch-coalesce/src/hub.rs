//! The hub: the machine behind a lock, and the doors to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use tonic::Status;

use crate::config::Config;
use crate::counters::Counters;
use crate::groups::{Action, Groups, SessionRef};
use crate::refusal;
use crate::service::WatchService;
use crate::shard::{Relay, Shard};
use crate::upstream::OpenWatch;
use crate::worker::Worker;

/// Any number of client Watch streams over about one upstream Watch stream. Clones are the same hub.
#[derive(Clone, Debug)]
pub struct WatchHub {
    shared: Arc<Shared>,
}

/// What all doors share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) counters: Arc<Counters>,
    pub(crate) worker_bell: Notify,
    groups: Mutex<Groups>,
    shards: Mutex<Arc<[Arc<Shard>]>>,
}

impl WatchHub {
    /// A hub over this upstream, and the worker that has to run for it.
    pub fn new<O: OpenWatch>(config: Config, upstream: O) -> (Self, Worker<O>) {
        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared {
            groups: Mutex::new(Groups::new(config.clone(), counters.clone())),
            shards: Mutex::new(Arc::new([Arc::new(Shard::direct())])),
            worker_bell: Notify::new(),
            config,
            counters,
        });
        (Self { shared: shared.clone() }, Worker::new(shared, upstream))
    }

    /// A door for streams of any runtime.
    pub fn service(&self) -> WatchService {
        let shard = self.shared.shards().first().cloned().unwrap_or_else(|| Arc::new(Shard::direct()));
        WatchService::new(self.shared.clone(), shard, 0)
    }

    /// A door for the streams of one runtime, and the relay that has to run there. Waking many streams is then one
    /// wake-up between threads, where [`WatchHub::service`] makes one for each stream.
    pub fn local_service(&self) -> (WatchService, Relay) {
        let (shard, relay) = Shard::relayed();
        let index = self.shared.add_shard(shard.clone());
        (WatchService::new(self.shared.clone(), shard, index), relay)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The numbers.
    pub fn counters(&self) -> Arc<Counters> {
        self.shared.counters.clone()
    }

    /// Ends every stream, now and later ones too, with etcd's word for a server that stops. The worker then returns.
    pub fn close(&self) {
        self.shared.with(|groups, _| groups.close(refusal::server_stopped()));
        self.shared.worker_bell.notify_one();
    }

    /// Ends every stream that is open with this status; those who come again are served.
    pub fn disperse(&self, status: &Status) {
        self.shared.with(|groups, _| groups.disperse(status));
    }
}

impl Shared {
    /// One call of the machine; afterwards everybody whom it concerns is woken.
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut Groups, Instant) -> T) -> T {
        let now = tokio::time::Instant::now().into_std();
        let mut groups = self.groups();
        let deadline = groups.deadline();
        let result = call(&mut groups, now);
        let rung = std::mem::take(&mut groups.effects.rung);
        let woken = std::mem::take(&mut groups.effects.woken);
        let worker = !groups.effects.actions.is_empty() || groups.deadline() != deadline;
        drop(groups);
        if worker {
            self.worker_bell.notify_one();
        }
        if !rung.is_empty() || !woken.is_empty() {
            self.ring(&rung, &woken);
        }
        result
    }

    /// A look at the machine that changes nothing.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Groups) -> T) -> T {
        look(&self.groups())
    }

    /// The actions stay with the machine until the worker takes them, so that they keep their order.
    pub(crate) fn take_actions(&self) -> (Vec<Action>, Option<Instant>) {
        let mut groups = self.groups();
        (std::mem::take(&mut groups.effects.actions), groups.deadline())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.groups().is_closed()
    }

    fn ring(&self, rung: &[usize], woken: &[SessionRef]) {
        for (index, shard) in self.shards().iter().enumerate() {
            let here = woken.iter().filter(|session| session.shard as usize == index);
            shard.ring(rung, here.map(|session| session.key));
        }
    }

    fn add_shard(&self, shard: Arc<Shard>) -> u32 {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        *shards = shards.iter().cloned().chain([shard]).collect();
        (shards.len() - 1) as u32
    }

    fn shards(&self) -> Arc<[Arc<Shard>]> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The machine changes nothing before it has looked, so what a panicking thread left can be gone on with.
    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
