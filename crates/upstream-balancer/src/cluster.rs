//! `Cluster`: what the process knows of the members, and the choice among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::Endpoint;
use crate::choice::{Candidate, choose};
use crate::config::{Config, Policy};
use crate::member::{Health, Member, MemberStatus};
use crate::monitor::Monitor;

/// The members and their health; one for the process, shared by the [`crate::Upstream`] of every runtime.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) config: Config,
    members: Vec<Arc<Member>>,
    pinned: AtomicUsize,
    turn: AtomicUsize,
    /// Changes with the health of any member.
    changed: watch::Sender<()>,
}

impl Cluster {
    /// The cluster, and the [`Monitor`] that must be run beside it. Nothing is dialled before the first call.
    pub fn new(config: Config) -> (Arc<Self>, Monitor) {
        let tls = config.tls.is_some();
        let member = |endpoint: &Endpoint| Arc::new(Member::new(endpoint.clone(), tls));
        let members: Vec<_> = config.endpoints.iter().map(member).collect();
        let cluster = Arc::new(Self {
            pinned: AtomicUsize::new(fastrand::usize(..members.len().max(1))),
            turn: AtomicUsize::new(0),
            changed: watch::Sender::new(()),
            members,
            config,
        });
        let monitor = Monitor::new(Arc::clone(&cluster));
        (cluster, monitor)
    }

    /// What is known of each member, in the order of the configuration.
    pub fn members(&self) -> Vec<MemberStatus> {
        let pinned = self.pinned.load(Ordering::Relaxed);
        let is_pinned = |index| self.config.policy == Policy::Pin && index == pinned;
        self.members.iter().enumerate().map(|(index, member)| member.status(is_pinned(index))).collect()
    }

    /// Whether some member can be asked, though it may have no leader.
    pub(crate) fn is_available(&self) -> bool {
        self.members.iter().any(|member| member.health() != Health::Unreachable)
    }

    /// Whether some member serves, as far as is known.
    pub fn is_healthy(&self) -> bool {
        self.members.iter().any(|member| member.health() == Health::Healthy)
    }

    /// Tells of every change of a member's health after this call.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(crate) fn all(&self) -> &[Arc<Member>] {
        &self.members
    }

    /// Members that take calls now, so that somebody must watch over them.
    pub(crate) fn in_use(&self, index: usize) -> bool {
        self.config.policy != Policy::Pin || self.pinned.load(Ordering::Relaxed) == index
    }

    /// The index of the member for the next call, passing over those in `tried`.
    pub(crate) fn choose(&self, tried: &[Arc<Member>]) -> Option<usize> {
        let pinned = self.pinned.load(Ordering::Relaxed);
        if self.config.policy == Policy::Pin && tried.is_empty() && self.serves(pinned) {
            return Some(pinned);
        }
        let candidate = |member: &Arc<Member>| Candidate {
            health: member.health(),
            in_flight: member.in_flight.load(Ordering::Relaxed),
            tried: tried.iter().any(|other| Arc::ptr_eq(other, member)),
        };
        let candidates: Vec<_> = self.members.iter().map(candidate).collect();
        let turn = match self.config.policy {
            Policy::Pin => fastrand::usize(..),
            Policy::RoundRobin | Policy::LeastInFlight => self.turn.fetch_add(1, Ordering::Relaxed),
        };
        let chosen = choose(self.config.policy, pinned, turn, &candidates)?;
        self.move_pin(pinned, chosen);
        Some(chosen)
    }

    /// Pins the chosen member where the pinned one has failed. A call that only avoids it leaves the pin alone.
    fn move_pin(&self, pinned: usize, chosen: usize) {
        if self.config.policy != Policy::Pin || self.serves(pinned) || !self.serves(chosen) {
            return;
        }
        let moved = self.pinned.compare_exchange(pinned, chosen, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if let (true, Some(member)) = (moved, self.members.get(chosen)) {
            info!(endpoint = %member.endpoint, "pinned another member");
        }
    }

    fn serves(&self, index: usize) -> bool {
        self.members.get(index).is_some_and(|member| member.health() == Health::Healthy)
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
            info!(endpoint = %member.endpoint, "member is back");
            self.changed.send_replace(());
        }
    }
}
