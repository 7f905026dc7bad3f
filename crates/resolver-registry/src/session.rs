//! `Session`: when to take a lease, to register, to keep the lease alive and to give it up. A pure machine.
//!
//! ```text
//!  Absent ── granted ──► Leased ── put ──► Registered ── own entry vanished ──► Leased
//!    ▲                     │                   │
//!    └────── the lease is gone, or nobody has heard of it for its TTL ──────┘
//! ```

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};

use crate::backoff::Backoff;

/// A lease is kept alive three times within its TTL, as etcd's own client does.
const PINGS_PER_TTL: u32 = 3;
/// After a failure the pause is never longer than this, nor than a third of the TTL.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Who is refused is refused again.
const LONGEST_REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// A longer TTL is as good as this one.
const LONGEST_TTL: Duration = Duration::from_secs(365 * 24 * 3600);

/// The way from no lease to a registration that lasts.
#[derive(Debug)]
pub(crate) struct Session {
    state: State,
    backoff: Backoff,
    /// Until the lease has said what it is, the one that was asked for.
    ttl: Duration,
}

#[derive(Debug)]
enum State {
    Absent {
        due: Instant,
    },
    Leased {
        lease: Lease,
        due: Instant,
    },
    Registered {
        lease: Lease,
        due: Instant,
        /// When the ping was sent that has not been answered yet.
        pinged: Option<Instant>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    id: i64,
    /// By then etcd has forgotten it, unless it is kept alive.
    expires: Instant,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask for a lease.
    Grant,
    /// Put the registration with this lease.
    Put(i64),
    /// Keep this lease alive, on a new stream where the last one is silent.
    Ping { lease: i64, is_silent: bool },
    /// The lease is gone. Ask again at once.
    Expired,
    /// Nothing before this moment.
    Wait(Instant),
}

impl Session {
    /// Nobody yet. `ttl` in seconds is what will be asked for.
    pub(crate) fn new(now: Instant, ttl: i64) -> Self {
        Self { state: State::Absent { due: now }, backoff: Backoff::default(), ttl: duration(ttl) }
    }

    /// What to do now. Every step but [`Step::Wait`] is to be followed by the method that tells how it went.
    pub(crate) fn next(&mut self, now: Instant) -> Step {
        let interval = self.ttl / PINGS_PER_TTL;
        match &mut self.state {
            State::Absent { due } if now >= *due => Step::Grant,
            State::Absent { due } => Step::Wait(*due),
            State::Leased { lease, .. } | State::Registered { lease, .. } if now >= lease.expires => {
                self.state = State::Absent { due: now };
                Step::Expired
            }
            State::Leased { lease, due } if now >= *due => Step::Put(lease.id),
            State::Leased { lease, due } => Step::Wait((*due).min(lease.expires)),
            State::Registered { lease, due, pinged } if now >= *due => {
                let step = Step::Ping { lease: lease.id, is_silent: pinged.is_some() };
                *due = now + interval;
                *pinged = Some(now);
                step
            }
            State::Registered { lease, due, .. } => Step::Wait((*due).min(lease.expires)),
        }
    }

    /// etcd gave a lease upon a question sent at `asked`.
    pub(crate) fn granted(&mut self, now: Instant, asked: Instant, id: i64, ttl: i64) {
        self.ttl = duration(ttl);
        self.backoff.reset();
        self.state = State::Leased { lease: Lease { id, expires: asked + self.ttl }, due: now };
    }

    /// The entry stands in etcd.
    pub(crate) fn registered(&mut self, now: Instant) {
        if let State::Leased { lease, .. } = self.state {
            self.backoff.reset();
            self.state = State::Registered { lease, due: now + self.ttl / PINGS_PER_TTL, pinged: None };
        }
    }

    /// The last step failed. True when it means that the lease is gone.
    pub(crate) fn failed(&mut self, now: Instant, status: &Status) -> bool {
        let pause = self.pause(status);
        match &mut self.state {
            State::Leased { .. } | State::Registered { .. } if is_unknown_lease(status) => {
                self.state = State::Absent { due: now };
                return true;
            }
            State::Absent { due } | State::Leased { due, .. } | State::Registered { due, .. } => {
                *due = now + pause;
            }
        }
        if let State::Registered { pinged, .. } = &mut self.state {
            *pinged = None;
        }
        false
    }

    /// etcd answered a ping: the lease has this many seconds left, or none. True when it is gone.
    pub(crate) fn alive(&mut self, now: Instant, id: i64, ttl: i64) -> bool {
        let State::Registered { lease, pinged, .. } = &mut self.state else { return false };
        if lease.id != id {
            return false;
        }
        if ttl <= 0 {
            self.state = State::Absent { due: now };
            return true;
        }
        // From when it was asked: how long the answer was on its way is not known.
        let asked = pinged.take().unwrap_or(now);
        lease.expires = lease.expires.max(asked + duration(ttl));
        self.backoff.reset();
        false
    }

    /// Somebody has taken the entry away, though the lease may live.
    pub(crate) fn vanished(&mut self, now: Instant) {
        if let State::Registered { lease, .. } = self.state {
            // Two proxies that advertise one address must not fight at full speed.
            self.state = State::Leased { lease, due: now + self.backoff.pause(LONGEST_PAUSE) };
        }
    }

    /// The lease to be revoked by who leaves.
    pub(crate) fn lease(&self) -> Option<i64> {
        match &self.state {
            State::Absent { .. } => None,
            State::Leased { lease, .. } | State::Registered { lease, .. } => Some(lease.id),
        }
    }

    fn pause(&mut self, status: &Status) -> Duration {
        let is_refused = matches!(
            status.code(),
            Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied | Code::OutOfRange
        );
        let longest =
            if is_refused { LONGEST_REFUSED_PAUSE } else { LONGEST_PAUSE.min(self.ttl / PINGS_PER_TTL) };
        self.backoff.pause(longest)
    }
}

fn is_unknown_lease(status: &Status) -> bool {
    status.message() == "etcdserver: requested lease not found"
}

fn duration(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or_default()).clamp(Duration::from_secs(1), LONGEST_TTL)
}

#[cfg(test)]
mod tests;
