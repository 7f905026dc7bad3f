//! `Roster`: the members at one moment, and the choice among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::info;

use crate::Endpoint;
use crate::choice::{Candidate, choose};
use crate::config::Policy;
use crate::member::{Health, Member, MemberStatus};

/// Who the members are does not change in a roster; how they are does.
#[derive(Debug)]
pub(crate) struct Roster {
    policy: Policy,
    members: Vec<Arc<Member>>,
    pinned: AtomicUsize,
    turn: AtomicUsize,
}

/// The roster that follows another, and what has changed.
#[derive(Debug)]
pub(crate) struct Succession {
    pub(crate) roster: Roster,
    pub(crate) added: Vec<Arc<Member>>,
    pub(crate) removed: Vec<Arc<Member>>,
}

impl Roster {
    /// The first roster. Nothing speaks against anybody yet, so any member may be pinned.
    pub(crate) fn first(policy: Policy, endpoints: &[Endpoint], tls: bool) -> Self {
        let mut members = Vec::new();
        for endpoint in endpoints {
            if !members.iter().any(|member: &Arc<Member>| member.is_at(endpoint, tls)) {
                members.push(Arc::new(Member::new(endpoint.clone(), tls, Health::Healthy)));
            }
        }
        let pinned = fastrand::usize(..members.len().max(1));
        Self::new(policy, members, pinned)
    }

    fn new(policy: Policy, members: Vec<Arc<Member>>, pinned: usize) -> Self {
        Self { policy, members, pinned: AtomicUsize::new(pinned), turn: AtomicUsize::new(0) }
    }

    /// The roster of these endpoints, in which a member that stays keeps its health, its connections and the pin.
    /// None when nobody comes or goes, or when there would be nobody left.
    pub(crate) fn succession(&self, endpoints: &[Endpoint], tls: bool) -> Option<Succession> {
        let kept: Vec<_> = endpoints.iter().filter_map(|endpoint| self.at(endpoint, tls)).collect();
        // One that comes later may still be catching up, so it first has to say that it serves, as long as there are
        // others that do.
        let is_trusted = !kept.iter().any(|member| member.health() == Health::Healthy);
        let health = if is_trusted { Health::Healthy } else { Health::Unfit };
        let (mut members, mut added) = (Vec::<Arc<Member>>::new(), Vec::new());
        for endpoint in endpoints {
            if members.iter().any(|member| member.is_at(endpoint, tls)) {
                continue;
            }
            let member = self.at(endpoint, tls).map(Arc::clone).unwrap_or_else(|| {
                let member = Arc::new(Member::new(endpoint.clone(), tls, health));
                added.push(Arc::clone(&member));
                member
            });
            members.push(member);
        }
        let stays = |member: &&Arc<Member>| !members.iter().any(|other| Arc::ptr_eq(other, member));
        let removed: Vec<_> = self.members.iter().filter(stays).map(Arc::clone).collect();
        if members.is_empty() || (added.is_empty() && removed.is_empty()) {
            return None;
        }
        let pinned = self.successor_of_pinned(&members);
        Some(Succession { roster: Self::new(self.policy, members, pinned), added, removed })
    }

    fn at(&self, endpoint: &Endpoint, tls: bool) -> Option<&Arc<Member>> {
        self.members.iter().find(|member| member.is_at(endpoint, tls))
    }

    fn successor_of_pinned(&self, members: &[Arc<Member>]) -> usize {
        let pinned = self.members.get(self.pinned.load(Ordering::Relaxed));
        let stays = pinned.and_then(|pinned| members.iter().position(|member| Arc::ptr_eq(member, pinned)));
        stays.unwrap_or_else(|| {
            let healthy = members.iter().enumerate().filter(|(_, member)| member.health() == Health::Healthy);
            let healthy: Vec<usize> = healthy.map(|(index, _)| index).collect();
            let anybody = fastrand::usize(..members.len().max(1));
            healthy.get(fastrand::usize(..healthy.len().max(1))).copied().unwrap_or(anybody)
        })
    }

    pub(crate) fn members(&self) -> &[Arc<Member>] {
        &self.members
    }

    pub(crate) fn statuses(&self) -> Vec<MemberStatus> {
        let pinned = self.pinned.load(Ordering::Relaxed);
        let is_pinned = |index| self.policy == Policy::Pin && index == pinned;
        self.members.iter().enumerate().map(|(index, member)| member.status(is_pinned(index))).collect()
    }

    /// Whether some member is at least this well.
    pub(crate) fn has(&self, health: Health) -> bool {
        self.members.iter().any(|member| member.health() <= health)
    }

    /// Whether some member at one of these endpoints is healthy.
    pub(crate) fn serves_at(&self, endpoints: &[Endpoint], tls: bool) -> bool {
        let mut members = endpoints.iter().filter_map(|endpoint| self.at(endpoint, tls));
        members.any(|member| member.health() == Health::Healthy)
    }

    /// Members that take calls now, so that somebody must watch over them.
    pub(crate) fn in_use(&self, member: &Arc<Member>) -> bool {
        let pinned = self.pinned.load(Ordering::Relaxed);
        self.policy != Policy::Pin || self.members.get(pinned).is_some_and(|other| Arc::ptr_eq(other, member))
    }

    /// The index of the member for the next call, passing over those in `tried`.
    pub(crate) fn choose(&self, tried: &[Arc<Member>]) -> Option<usize> {
        let pinned = self.pinned.load(Ordering::Relaxed);
        if self.policy == Policy::Pin && tried.is_empty() && self.serves(pinned) {
            return Some(pinned);
        }
        let candidate = |member: &Arc<Member>| Candidate {
            health: member.health(),
            in_flight: member.in_flight.load(Ordering::Relaxed),
            tried: tried.iter().any(|other| Arc::ptr_eq(other, member)),
        };
        let candidates: Vec<_> = self.members.iter().map(candidate).collect();
        let turn = match self.policy {
            Policy::Pin => fastrand::usize(..),
            Policy::RoundRobin | Policy::LeastInFlight => self.turn.fetch_add(1, Ordering::Relaxed),
        };
        let chosen = choose(self.policy, pinned, turn, &candidates)?;
        self.move_pin(pinned, chosen);
        Some(chosen)
    }

    /// Pins the chosen member where the pinned one has failed. A call that only avoids it leaves the pin alone.
    fn move_pin(&self, pinned: usize, chosen: usize) {
        if self.policy != Policy::Pin || self.serves(pinned) || !self.serves(chosen) {
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
}

#[cfg(test)]
mod tests;
