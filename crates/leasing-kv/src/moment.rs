//! Times as the pure parts see them, and the clock that tells them.

use std::time::Duration;

/// Nanoseconds since some beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

impl Moment {
    pub(crate) fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(nanos(wait)))
    }

    pub(crate) fn before(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(wait)))
    }

    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Tells the time. It goes on while the machine sleeps, because etcd's leases do.
#[cfg(all(target_os = "linux", not(test)))]
#[derive(Debug)]
pub(crate) struct Clock;

#[cfg(all(target_os = "linux", not(test)))]
impl Clock {
    pub(crate) fn start() -> Self {
        Self
    }

    pub(crate) fn now(&self) -> Moment {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
        Moment(seconds.saturating_mul(1_000_000_000).saturating_add(rest))
    }
}

/// Tells the time of the runtime, which tests can stop.
#[cfg(any(not(target_os = "linux"), test))]
#[derive(Debug)]
pub(crate) struct Clock(tokio::time::Instant);

#[cfg(any(not(target_os = "linux"), test))]
impl Clock {
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// Never zero: what is allowed at some moment was allowed after the beginning.
    pub(crate) fn now(&self) -> Moment {
        Moment(nanos(self.0.elapsed()).saturating_add(1))
    }
}
