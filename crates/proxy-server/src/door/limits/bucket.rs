//! Calls of one client: so many in a second, so many at once after some quiet.

use std::time::{Duration, Instant};

use super::CallRate;
use super::table::Idle;

/// A rate as times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// Between two calls at a steady pace.
    interval: Duration,
    /// How far ahead of that pace a client may be.
    lead: Duration,
}

/// How far ahead of its pace a client is. A single point in time says it all: when the next call would be due.
#[derive(Debug, Default)]
pub(super) struct Bucket(Option<Instant>);

impl Rate {
    pub(super) fn of(rate: CallRate) -> Self {
        let interval = Duration::from_secs(1) / rate.qps.get();
        Self { interval, lead: interval * (rate.burst.get() - 1) }
    }
}

impl Bucket {
    /// Takes one call out, if there is one.
    pub(super) fn take(&mut self, rate: &Rate, now: Instant) -> bool {
        let due = self.0.map_or(now, |due| due.max(now));
        let is_there = due - now <= rate.lead;
        if is_there {
            self.0 = Some(due + rate.interval);
        }
        is_there
    }
}

impl Idle for Bucket {
    /// A full bucket is as good as none.
    fn is_idle(&self, now: Instant) -> bool {
        self.0.is_none_or(|due| due <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn rate(qps: u32, burst: u32) -> Rate {
        let n = |n| NonZeroU32::new(n).unwrap();
        Rate::of(CallRate { qps: n(qps), burst: n(burst) })
    }

    /// How many of so many calls at once are taken.
    fn taken(bucket: &mut Bucket, rate: &Rate, now: Instant) -> usize {
        (0..100).filter(|_| bucket.take(rate, now)).count()
    }

    #[test]
    fn a_burst_then_a_steady_pace() {
        let (rate, mut bucket, start) = (rate(10, 5), Bucket::default(), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(taken(&mut bucket, &rate, start), 5);
        assert_eq!(taken(&mut bucket, &rate, after(99)), 0);
        assert_eq!(taken(&mut bucket, &rate, after(100)), 1);
        assert_eq!(taken(&mut bucket, &rate, after(350)), 2);
        assert!(!bucket.is_idle(after(350)));
        assert!(bucket.is_idle(after(10_000)));
        assert_eq!(taken(&mut bucket, &rate, after(10_000)), 5);
    }

    #[test]
    fn a_burst_of_one_is_no_burst() {
        let (rate, mut bucket, start) = (rate(1, 1), Bucket::default(), Instant::now());
        assert_eq!(taken(&mut bucket, &rate, start), 1);
        assert_eq!(taken(&mut bucket, &rate, start + Duration::from_secs(1)), 1);
    }
}
