//! What is known of leases: etcd's last answer, for how long it may be repeated, and whether the lease should live.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use proto_gen::etcdserverpb::{LeaseKeepAliveResponse, ResponseHeader};

/// A lease that is not heard of for so long is forgotten, whatever its TTL: those in a hurry have small ones.
const RETENTION: Duration = Duration::from_secs(60);

/// A bounded number of leases. The one that was heard of longest ago goes first.
#[derive(Debug)]
pub(crate) struct Memory {
    window: Duration,
    capacity: usize,
    leases: HashMap<i64, Known>,
    /// Each lease once, with the time at which it was heard of when it took this place.
    order: VecDeque<(Instant, i64)>,
}

#[derive(Debug)]
struct Known {
    asked_at: Instant,
    /// Zero of a lease that was revoked.
    ttl: i64,
    /// None of what was not learned by a ping.
    answer: Option<Answer>,
}

#[derive(Debug)]
struct Answer {
    class: u64,
    header: Option<ResponseHeader>,
}

/// An answer, and when etcd was asked: it renewed the lease then at the earliest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dated {
    pub(crate) response: LeaseKeepAliveResponse,
    pub(crate) asked_at: Instant,
}

impl Dated {
    /// What it is worth at this time: the TTL that is left, rounded down. None if it is older than the window or
    /// would promise nothing. That a lease is gone does not age.
    pub(crate) fn at(&self, now: Instant, window: Duration) -> Option<LeaseKeepAliveResponse> {
        if self.response.ttl <= 0 {
            return Some(self.response);
        }
        let age = now.saturating_duration_since(self.asked_at);
        let left = seconds(self.response.ttl).checked_sub(age).filter(|_| age < window)?.as_secs();
        let ttl = i64::try_from(left).ok().filter(|left| *left > 0)?;
        Some(LeaseKeepAliveResponse { ttl, ..self.response })
    }
}

impl Memory {
    pub(crate) fn new(window: Duration, capacity: usize) -> Self {
        Self { window, capacity, leases: HashMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.leases.len()
    }

    /// etcd's answer to a ping of this class of callers.
    pub(crate) fn answered(&mut self, class: u64, Dated { response, asked_at }: Dated) {
        let answer = Some(Answer { class, header: response.header });
        self.put(response.id, Known { asked_at, ttl: response.ttl, answer });
    }

    /// A lease that was granted upon a request of this time.
    pub(crate) fn granted(&mut self, lease: i64, ttl: i64, asked_at: Instant) {
        self.put(lease, Known { asked_at, ttl, answer: None });
    }

    /// For how long an answer may be repeated.
    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    /// What was known is no longer true.
    pub(crate) fn forget(&mut self, lease: i64) {
        if let Some(known) = self.leases.get_mut(&lease) {
            (known.ttl, known.answer) = (0, None);
        }
    }

    /// etcd's answer for a caller of this class, if it is fresh.
    pub(crate) fn recall(&self, class: u64, lease: i64, now: Instant) -> Option<Dated> {
        let known = self.leases.get(&lease)?;
        let answer = known.answer.as_ref().filter(|answer| answer.class == class)?;
        let response = LeaseKeepAliveResponse { header: answer.header, id: lease, ttl: known.ttl };
        let dated = Dated { response, asked_at: known.asked_at };
        dated.at(now, self.window).is_some().then_some(dated)
    }

    /// Whether the lease is alive, as far as is known.
    pub(crate) fn is_alive(&self, lease: i64, now: Instant) -> bool {
        self.leases
            .get(&lease)
            .is_some_and(|known| now.saturating_duration_since(known.asked_at) < seconds(known.ttl))
    }

    /// When there will be something to forget.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.order.front().map(|(at, _)| *at + RETENTION)
    }

    /// Forgets what is too old or too much.
    pub(crate) fn tidy(&mut self, now: Instant) {
        while let Some((at, lease)) = self.order.front().copied() {
            let due = at + RETENTION <= now;
            if !due && self.leases.len() <= self.capacity {
                break;
            }
            self.order.pop_front();
            match self.leases.get(&lease) {
                Some(known) if known.asked_at > at && known.asked_at + RETENTION > now => {
                    self.order.push_back((known.asked_at, lease));
                }
                _ => _ = self.leases.remove(&lease),
            }
        }
        if self.leases.is_empty() {
            *self = Self::new(self.window, self.capacity);
        }
    }

    fn put(&mut self, lease: i64, known: Known) {
        let asked_at = known.asked_at;
        if self.leases.insert(lease, known).is_none() {
            self.order.push_back((asked_at, lease));
        }
    }
}

/// A TTL as a span of time; what etcd never grants is none.
fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or_default())
}

#[cfg(test)]
mod tests;
