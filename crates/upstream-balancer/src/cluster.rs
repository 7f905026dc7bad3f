//! `Cluster`: what the process knows of the members, and the choice among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::Endpoint;
use crate::config::Config;
use crate::member::{Health, Member, MemberStatus};
use crate::monitor::Monitor;
use crate::ordering::Seen;
use crate::roster::Roster;

/// The members and their health; one for the process, shared by the [`crate::Upstream`] of every runtime.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) config: Config,
    roster: watch::Sender<Arc<Roster>>,
    retries: AtomicU64,
    pub(crate) seen: Seen,
    /// Changes with the health of any member, and with who is one.
    changed: watch::Sender<()>,
}

impl Cluster {
    /// The cluster, and the [`Monitor`] that must be run beside it. Nothing is dialled before the first call.
    pub fn new(config: Config) -> (Arc<Self>, Monitor) {
        let roster = Roster::first(config.policy, &config.endpoints, config.tls.is_some());
        let roster = watch::Sender::new(Arc::new(roster));
        let (retries, changed) = (AtomicU64::new(0), watch::Sender::new(()));
        let cluster = Arc::new(Self { config, roster, retries, seen: Seen::default(), changed });
        let monitor = Monitor::new(Arc::clone(&cluster));
        (cluster, monitor)
    }

    /// From now on these are the members. Who stays keeps its health and its connections. Who goes gets no new calls;
    /// what is in flight to it goes on. Who comes takes calls once it says that it serves. An empty list changes
    /// nothing. Says whether anybody came or went.
    pub fn replace(&self, endpoints: &[Endpoint]) -> bool {
        let tls = self.config.tls.is_some();
        let mut removed = Vec::new();
        let is_changed = self.roster.send_if_modified(|roster| {
            let Some(next) = roster.succession(endpoints, tls) else { return false };
            for member in &next.added {
                info!(endpoint = %member.endpoint, "member added");
            }
            removed = next.removed;
            *roster = Arc::new(next.roster);
            true
        });
        for member in removed {
            info!(endpoint = %member.endpoint, "member removed");
            member.retire();
        }
        if is_changed {
            self.changed.send_replace(());
        }
        is_changed
    }

    /// What is known of each member, in the order of the configuration or of the last [`Cluster::replace`].
    pub fn members(&self) -> Vec<MemberStatus> {
        self.roster().statuses()
    }

    /// Whether some member can be asked, though it may have no leader.
    pub fn is_available(&self) -> bool {
        self.roster().has(Health::Unfit)
    }

    /// Whether some member serves, as far as is known.
    pub fn is_healthy(&self) -> bool {
        self.roster().has(Health::Healthy)
    }

    /// Whether some member at one of these endpoints serves, as far as is known.
    pub(crate) fn serves_at(&self, endpoints: &[Endpoint]) -> bool {
        self.roster().serves_at(endpoints, self.config.tls.is_some())
    }

    /// Tells of every change of the members and of their health after this call.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How many calls have been sent once more since the start, each as often as it was.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    pub(crate) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn roster(&self) -> Arc<Roster> {
        Arc::clone(&self.roster.borrow())
    }

    /// The present roster, and every one that follows.
    pub(crate) fn rosters(&self) -> watch::Receiver<Arc<Roster>> {
        self.roster.subscribe()
    }

    /// Waits until some member can take calls; false after `patience`.
    pub(crate) async fn available(&self, patience: Duration) -> bool {
        let mut changed = self.changed.subscribe();
        let wait = async {
            while !self.is_available() {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        timeout(patience, wait).await.is_ok()
    }

    /// Records that the member is gone, and ends what is in flight to it.
    pub(crate) fn dead(&self, member: &Member, reason: &str) {
        self.unreachable(member, reason);
        member.end_life();
    }

    /// Records that the member cannot be dialled. Connections that still stand are left to their own pulse.
    pub(crate) fn unreachable(&self, member: &Member, reason: &str) {
        if member.set_health(Health::Unreachable) != Health::Unreachable {
            member.record_failure(reason);
            warn!(endpoint = %member.endpoint, reason, "member failed");
            self.changed.send_replace(());
        }
    }

    /// Records that the member answers but cannot serve. What is in flight to it may still end well.
    pub(crate) fn unfit(&self, member: &Member, reason: &str) {
        if member.set_health(Health::Unfit) != Health::Unfit {
            member.record_failure(reason);
            warn!(endpoint = %member.endpoint, reason, "member cannot serve");
            self.changed.send_replace(());
        }
    }

    /// Records that the member serves.
    pub(crate) fn healthy(&self, member: &Member) {
        if member.set_health(Health::Healthy) != Health::Healthy {
            let message = if member.has_failed() { "member is back" } else { "member serves" };
            info!(endpoint = %member.endpoint, "{message}");
            self.changed.send_replace(());
        }
    }
}
