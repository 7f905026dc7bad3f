//! One member as all threads see it: how it is, and what goes on with it.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use http::uri::{Authority, Scheme};
use tokio::sync::watch;

use crate::Endpoint;

/// Whether a member can take calls, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Nothing speaks against it.
    Healthy,
    /// It answers, but cannot serve: it has lost its leader or is a learner.
    Unfit,
    /// It cannot be dialled or leaves pings unanswered.
    Unreachable,
}

/// What is known of a member at one moment.
#[derive(Clone, Debug)]
pub struct MemberStatus {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Whether it can take calls.
    pub health: Health,
    /// Whether the policy `pin` sends all calls to it.
    pub pinned: bool,
    /// HTTP/2 connections open to it, over all runtimes.
    pub connections: usize,
    /// Calls and streams in flight to it.
    pub in_flight: usize,
    /// How often it has failed since the start.
    pub failures: u64,
    /// Why it failed the last time.
    pub last_failure: Option<String>,
}

/// One member, shared by all runtimes.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) endpoint: Endpoint,
    /// Scheme and authority of the requests to it.
    pub(crate) origin: (Scheme, Authority),
    health: AtomicU8,
    pub(crate) connections: AtomicUsize,
    pub(crate) in_flight: AtomicUsize,
    failures: AtomicU64,
    last_failure: Mutex<Option<String>>,
    /// Counts the lives of the member: connections of an earlier life are dead.
    life: watch::Sender<u64>,
    /// Whether it has left the roster.
    retired: watch::Sender<bool>,
    tls: bool,
}

impl Member {
    /// `tls` says whether endpoints that do not say it themselves speak TLS.
    pub(crate) fn new(endpoint: Endpoint, tls: bool, health: Health) -> Self {
        let tls = endpoint.is_tls(tls);
        let scheme = if tls { Scheme::HTTPS } else { Scheme::HTTP };
        Self {
            origin: (scheme, endpoint.authority()),
            endpoint,
            health: AtomicU8::new(health as u8),
            connections: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            failures: AtomicU64::new(0),
            last_failure: Mutex::new(None),
            life: watch::Sender::new(0),
            retired: watch::Sender::new(false),
            tls,
        }
    }

    /// Whether this endpoint is another name of it. `tls` is as in [`Member::new`].
    pub(crate) fn is_at(&self, endpoint: &Endpoint, tls: bool) -> bool {
        self.tls == endpoint.is_tls(tls) && self.endpoint.dial_address() == endpoint.dial_address()
    }

    pub(crate) fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            0 => Health::Healthy,
            1 => Health::Unfit,
            _ => Health::Unreachable,
        }
    }

    /// Sets the health and says what it was before.
    pub(crate) fn set_health(&self, health: Health) -> Health {
        match self.health.swap(health as u8, Ordering::AcqRel) {
            0 => Health::Healthy,
            1 => Health::Unfit,
            _ => Health::Unreachable,
        }
    }

    pub(crate) fn record_failure(&self, reason: &str) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) > 0
    }

    /// Takes it out of service: its connections take no more calls and end with the last one in flight.
    pub(crate) fn retire(&self) {
        self.retired.send_replace(true);
    }

    /// Resolves once it has been taken out of service.
    pub(crate) async fn retired(&self) {
        // The sender lives as long as the member does.
        let _ = self.retired.subscribe().wait_for(|retired| *retired).await;
    }

    /// Ends every connection that was opened before this moment.
    pub(crate) fn end_life(&self) {
        self.life.send_modify(|life| *life += 1);
    }

    /// Changes when the present life of the member ends.
    pub(crate) fn life(&self) -> watch::Receiver<u64> {
        let mut life = self.life.subscribe();
        life.mark_unchanged();
        life
    }

    pub(crate) fn status(&self, pinned: bool) -> MemberStatus {
        MemberStatus {
            endpoint: self.endpoint.clone(),
            health: self.health(),
            pinned,
            connections: self.connections.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            last_failure: self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
