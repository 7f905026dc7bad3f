//! `Session`: the lease that all ownership hangs on, and how long it is known to live. A pure machine.
//!
//! ```text
//!  Absent ── granted ──► Held ── answered pings ──► Held ...
//!    ▲                     │
//!    └── gone, or not proved to live any more
//! ```
//!
//! The clock rule: etcd counts a lease's TTL from when it heard the ping, which is not before the ping was sent. So a
//! lease lives until the TTL that etcd answered has passed since the *sending* of the ping that it answered, by etcd's
//! clock. The margin is for clocks that do not go equally fast.

use std::time::Duration;

use tonic::{Code, Status};

use crate::moment::Moment;

/// A lease is kept alive three times within its TTL, as etcd's own client does.
const PINGS_PER_TTL: u32 = 3;
/// Of the TTL: one part in so many, and a little more.
const MARGIN_PARTS: u32 = 50;
const MARGIN: Duration = Duration::from_millis(100);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Who is refused is refused again.
const LONGEST_REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// A longer TTL is as good as this one.
const LONGEST_TTL: Duration = Duration::from_secs(365 * 24 * 3600);

/// The way from no lease to one that lasts.
#[derive(Debug)]
pub(crate) struct Session {
    state: State,
    pause: Duration,
}

#[derive(Debug)]
enum State {
    Absent {
        due: Moment,
    },
    Held {
        held: Held,
        ttl: Duration,
        due: Moment,
        /// When the ping was sent that has not been answered yet.
        pinged: Option<Moment>,
    },
}

/// A lease, and how long it is known to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) lease: i64,
    /// Not at this moment any more.
    pub(crate) until: Moment,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask for a lease.
    Grant,
    /// Keep this lease alive, on a new stream where the last one is silent.
    Ping { lease: i64, is_silent: bool },
    /// The lease is not known to live. Nothing of it may be answered from memory.
    Lost(i64),
    /// Nothing before this moment.
    Wait(Moment),
}

impl Session {
    pub(crate) fn new(now: Moment) -> Self {
        Self { state: State::Absent { due: now }, pause: FIRST_PAUSE }
    }

    /// What to do now.
    pub(crate) fn next(&mut self, now: Moment) -> Step {
        match &mut self.state {
            State::Absent { due } if now >= *due => Step::Grant,
            State::Absent { due } => Step::Wait(*due),
            State::Held { held, .. } if now >= held.until => {
                let lease = held.lease;
                self.state = State::Absent { due: now };
                Step::Lost(lease)
            }
            State::Held { held, ttl, due, pinged } if now >= *due => {
                let step = Step::Ping { lease: held.lease, is_silent: pinged.is_some() };
                *due = now.after(*ttl / PINGS_PER_TTL);
                *pinged = Some(now);
                step
            }
            State::Held { held, due, .. } => Step::Wait((*due).min(held.until)),
        }
    }

    /// etcd gave a lease upon a question sent at `sent`.
    pub(crate) fn granted(&mut self, sent: Moment, lease: i64, ttl: i64) {
        let ttl = duration(ttl);
        self.pause = FIRST_PAUSE;
        let held = Held { lease, until: proved(sent, ttl) };
        self.state = State::Held { held, ttl, due: sent.after(ttl / PINGS_PER_TTL), pinged: None };
    }

    /// etcd answered a ping: the lease has this many seconds, or none.
    pub(crate) fn answered(&mut self, now: Moment, id: i64, seconds: i64) -> Option<Step> {
        let State::Held { held, ttl, pinged, .. } = &mut self.state else { return None };
        if held.lease != id {
            return None;
        }
        if seconds <= 0 {
            self.state = State::Absent { due: now };
            return Some(Step::Lost(id));
        }
        // An answer that nobody asked for proves nothing.
        if let Some(sent) = pinged.take() {
            *ttl = duration(seconds);
            held.until = held.until.max(proved(sent, *ttl));
            self.pause = FIRST_PAUSE;
        }
        None
    }

    /// The grant failed, or the stream of pings did. The next attempt is due after a pause.
    pub(crate) fn failed(&mut self, now: Moment, status: &Status) {
        let longest = if is_refusal(status) { LONGEST_REFUSED_PAUSE } else { LONGEST_PAUSE };
        let pause = self.pause.min(longest);
        self.pause = pause.saturating_mul(2);
        let jittered = pause.mul_f64(0.5 + 0.5 * fastrand::f64());
        match &mut self.state {
            State::Absent { due } => *due = now.after(jittered),
            State::Held { due, pinged, ttl, .. } => {
                *due = now.after(jittered.min(*ttl / PINGS_PER_TTL));
                *pinged = None;
            }
        }
    }

    /// Somebody has been told that the lease does not exist.
    pub(crate) fn gone(&mut self, now: Moment, lease: i64) -> bool {
        let is_this = self.held().is_some_and(|held| held.lease == lease);
        if is_this {
            self.state = State::Absent { due: now };
        }
        is_this
    }

    pub(crate) fn held(&self) -> Option<Held> {
        match &self.state {
            State::Absent { .. } => None,
            State::Held { held, .. } => Some(*held),
        }
    }
}

/// Whether asking again soon is of no use.
pub(crate) fn is_refusal(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::OutOfRange
            | Code::FailedPrecondition
            | Code::Unimplemented
    )
}

/// Until when a lease is proved to live by an answer to what was sent then.
fn proved(sent: Moment, ttl: Duration) -> Moment {
    sent.after(ttl).before(ttl / MARGIN_PARTS + MARGIN).max(sent)
}

fn duration(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or_default()).clamp(Duration::from_secs(1), LONGEST_TTL)
}

#[cfg(test)]
mod tests;
