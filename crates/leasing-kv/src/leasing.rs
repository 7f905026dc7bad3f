//! `Leasing`: the handle to what is owned, for any thread.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto_gen::Transport;
use proto_gen::etcdserverpb::ResponseHeader;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::counters::Counters;
use crate::holdings::Holdings;
use crate::moment::{Clock, Moment};
use crate::names::Names;
use crate::worker::Worker;

/// What a proxy owns. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leasing(pub(crate) Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) names: Names,
    pub(crate) counters: Arc<Counters>,
    clock: Clock,
    holdings: Mutex<Holdings>,
    /// The revision of the newest header that the holdings have heard of.
    newest: AtomicI64,
    /// Rung for the worker.
    pub(crate) bell: Notify,
    /// Rung when etcd says that the session's lease does not exist.
    pub(crate) lease_gone: Notify,
    /// From which revision on leasing keys matter; 0 where there has been no session yet.
    pub(crate) start: watch::Sender<i64>,
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) closed: watch::Sender<bool>,
}

impl Leasing {
    /// What is owned, and the worker that takes it and gives it back. The clients ask as the proxy itself: it reads
    /// and writes what is under the prefix, and reads what it is to own. Their keys are those of the layers above.
    pub fn new<K: Transport, L: Transport, W: Transport>(
        config: Config,
        kv: KvClient<K>,
        lease: LeaseClient<L>,
        watch: WatchClient<W>,
    ) -> (Self, Worker<K, L, W>) {
        let shared = Arc::new(Shared::new(config));
        let worker = Worker { shared: Arc::clone(&shared), kv, lease, watch };
        (Self(shared), worker)
    }

    /// Owns nothing and needs no worker: the layers pass everything as it is.
    pub fn off() -> Self {
        let shared = Shared::new(Config::off());
        shared.closed.send_replace(true);
        Self(Arc::new(shared))
    }

    /// The numbers.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.0.counters
    }

    /// Users, roles or permissions may have changed. To be called before such a change is sent and after it ended.
    pub fn permissions_changed(&self) {
        if !self.is_off() {
            let now = self.0.now();
            self.0.holdings().permissions_changed(now);
        }
    }

    /// Gives everything back and owns nothing from then on. Returns when that is done, or after two seconds; the worker
    /// must be running.
    pub async fn close(&self) {
        self.0.closing.send_replace(true);
        // The sender lives as long as whoever waits here.
        let _ = self.0.closed.subscribe().wait_for(|closed| *closed).await;
    }

    pub(crate) fn is_off(&self) -> bool {
        self.0.names.is_empty()
    }
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let counters = Arc::<Counters>::default();
        Self {
            names: Names::new(config.prefix.clone()),
            holdings: Mutex::new(Holdings::new(config.clone(), Arc::clone(&counters))),
            config,
            counters,
            clock: Clock::start(),
            newest: AtomicI64::new(0),
            bell: Notify::new(),
            lease_gone: Notify::new(),
            start: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            closed: watch::Sender::new(false),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody was answered with this header. To be called before anything is concluded from the answer.
    pub(crate) fn heard(&self, header: Option<&ResponseHeader>) {
        let Some(header) = header else { return };
        if header.revision > self.newest.load(Ordering::Acquire) {
            self.holdings().heard(header);
            self.newest.fetch_max(header.revision, Ordering::AcqRel);
        }
    }
}
