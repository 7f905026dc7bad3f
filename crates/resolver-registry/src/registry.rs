//! `Registry`: who is registered, at any moment; and the worker that knows it.

use std::sync::Arc;

use proto_gen::Transport;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use tokio::sync::{Notify, watch};

use crate::complaint::Complaint;
use crate::config::Config;
use crate::counters::Counters;
use crate::entry::{self, Proxy};
use crate::follower::Follower;
use crate::registrar::Registrar;
use crate::roll::Roll;

/// A handle, cheap to clone, for any thread.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Shared>);

/// What keeps the registration and the knowledge of the others. Run it for as long as the registry is used.
pub struct Worker<K, L, W> {
    registrar: Registrar<K, L>,
    follower: Follower<K, W>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    itself: Proxy,
    proxies: watch::Sender<Arc<[Proxy]>>,
    pub(crate) counters: Counters,
    /// The own entry was there and is not any longer.
    pub(crate) own_lost: Notify,
    pub(crate) leaving: Latch,
    pub(crate) left: Latch,
}

/// Something that happens once.
#[derive(Debug, Default)]
pub(crate) struct Latch(watch::Sender<bool>);

impl Registry {
    /// The registry, and its worker. The clients' messages from etcd should not be limited more than etcd's own.
    ///
    /// They ask with whatever credentials their transports add. The keys are those that the transports let them see.
    pub fn new<K: Transport, L: Transport, W: Transport>(
        config: Config,
        kv: KvClient<K>,
        lease: LeaseClient<L>,
        watch: WatchClient<W>,
    ) -> (Self, Worker<K, L, W>) {
        let shared = Arc::new(Shared::new(config.itself.clone()));
        let own_key = entry::key(&config.prefix, &config.itself.address);
        let follower = Follower {
            roll: Roll::new(own_key, config.max_proxies),
            config: config.clone(),
            kv: kv.clone(),
            watch,
            shared: Arc::clone(&shared),
            complaint: Complaint::default(),
        };
        let registrar =
            Registrar { config, kv, lease, shared: Arc::clone(&shared), complaint: Complaint::default() };
        (Self(shared), Worker { registrar, follower })
    }

    /// A registry that knows nobody but this proxy, and needs no worker.
    pub fn alone(itself: Proxy) -> Self {
        let shared = Shared::new(itself);
        shared.left.open();
        Self(Arc::new(shared))
    }

    /// Everybody who is registered, in the order of their keys; this proxy itself where there is nobody.
    pub fn proxies(&self) -> Arc<[Proxy]> {
        Arc::clone(&self.0.proxies.borrow())
    }

    /// Tells of every change of [`Self::proxies`] after this call.
    pub fn changes(&self) -> watch::Receiver<Arc<[Proxy]>> {
        self.0.proxies.subscribe()
    }

    /// Whether this proxy's own entry stands in etcd, as far as is known.
    pub fn is_registered(&self) -> bool {
        self.0.counters.registered.get() == 1
    }

    /// Revokes the lease, so that others forget this proxy at once, and registers no more. Returns when that is done,
    /// or two seconds after etcd was asked; the worker must be running.
    pub async fn deregister(&self) {
        self.0.leaving.open();
        self.0.left.opened().await;
    }

    /// The numbers.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }
}

impl<K: Transport, L: Transport, W: Transport> Worker<K, L, W> {
    /// Runs for ever. After [`Registry::deregister`] it goes on to follow the others.
    pub async fn run(self) {
        tokio::join!(self.registrar.run(), self.follower.run());
    }
}

impl Shared {
    fn new(itself: Proxy) -> Self {
        let counters = Counters::default();
        counters.proxies.set(1);
        Self {
            proxies: watch::Sender::new(Arc::from([itself.clone()])),
            itself,
            counters,
            own_lost: Notify::new(),
            leaving: Latch::default(),
            left: Latch::default(),
        }
    }

    pub(crate) fn publish(&self, mut proxies: Vec<Proxy>) {
        if proxies.is_empty() {
            proxies.push(self.itself.clone());
        }
        self.counters.proxies.set(proxies.len() as u64);
        self.proxies.send_replace(proxies.into());
    }
}

impl Latch {
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn opened(&self) {
        // The sender lives as long as whoever waits here.
        let _ = self.0.subscribe().wait_for(|opened| *opened).await;
    }
}
