//! `Gateway`: who the endpoints are and how it goes with each, for all runtimes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{info, warn};

use crate::counters::Counters;
use crate::dial::DialError;
use crate::remotes::{Remote, Remotes};
use crate::{Config, Endpoint, Monitor, Station};

/// The handle; cheap to clone.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    remotes: Mutex<Remotes>,
    counters: Arc<Counters>,
}

/// What is known of an endpoint at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteStatus {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Whether nothing speaks against it.
    pub active: bool,
    /// Connections open to it.
    pub connections: u64,
    /// Connections that it took since the start.
    pub dials: u64,
    /// Dials that failed since the start.
    pub failures: u64,
}

impl Gateway {
    /// The handle, and the work that tries endpoints again which were set aside.
    pub fn new(config: Config) -> (Self, Monitor) {
        let mut remotes = Remotes::default();
        remotes.replace(config.endpoints.clone());
        let gateway =
            Self(Arc::new(Shared { config, remotes: Mutex::new(remotes), counters: Arc::default() }));
        let monitor = Monitor::new(gateway.clone());
        (gateway, monitor)
    }

    /// The gateway for one runtime. What it opens belongs to the runtime on which it serves.
    pub fn station(&self) -> Station {
        Station::new(self.clone())
    }

    /// Puts these in the place of the endpoints that there were. Connections that are open stay where they are, and
    /// what is known of an endpoint that stays is kept. An empty list changes nothing.
    pub fn replace(&self, endpoints: Vec<Endpoint>) {
        if endpoints.is_empty() {
            return;
        }
        let changes = self.remotes().replace(endpoints);
        for address in changes.added {
            info!(address, "endpoint added");
        }
        for address in changes.removed {
            info!(address, "endpoint removed");
        }
    }

    /// All endpoints, in the order given.
    pub fn remotes_now(&self) -> Vec<RemoteStatus> {
        self.remotes().all().iter().map(|remote| remote.status()).collect()
    }

    /// Whether some endpoint is active.
    pub fn is_healthy(&self) -> bool {
        self.remotes().all().iter().any(|remote| remote.is_active())
    }

    /// The numbers.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.0.counters
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn choose(&self, tried: &[Arc<Remote>]) -> Option<Arc<Remote>> {
        self.remotes().choose(tried, |most| fastrand::u32(..=most))
    }

    pub(crate) fn set_aside(&self) -> Vec<Arc<Remote>> {
        let remotes = self.remotes();
        remotes.all().iter().filter(|remote| !remote.is_active()).map(Arc::clone).collect()
    }

    /// Records that an endpoint could not be dialled. The words are etcd's.
    pub(crate) fn failed(&self, remote: &Remote, error: &DialError) {
        remote.failures.add(1);
        if remote.set_aside() {
            let interval = self.config().retry_delay.as_secs_f64();
            warn!(address = %remote.endpoint, interval, %error, "deactivated endpoint");
        }
    }

    /// Records that an endpoint could be dialled.
    pub(crate) fn answered(&self, remote: &Remote) {
        if remote.activate() {
            info!(address = %remote.endpoint, "activated");
        }
    }

    fn remotes(&self) -> MutexGuard<'_, Remotes> {
        self.0.remotes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote {
    fn status(&self) -> RemoteStatus {
        RemoteStatus {
            endpoint: self.endpoint.clone(),
            active: self.is_active(),
            connections: self.connections.get(),
            dials: self.dials.get(),
            failures: self.failures.get(),
        }
    }
}
