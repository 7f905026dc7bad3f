//! What a set of watchers has received, and the wait until it is all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::time::Instant;

use crate::load::{DIGITS, SLOWEST};
use crate::{Error, Result};

/// How long nothing may arrive before the rest counts as lost.
const STALLED: Duration = Duration::from_secs(8);
const POLL: Duration = Duration::from_millis(2);

/// Shared by watchers and the one that measures; all of them live on one thread, so nobody ever waits for it.
pub(crate) struct Tally {
    counts: Mutex<Tallied>,
}

#[derive(Debug, Clone)]
pub(crate) struct Tallied {
    pub(crate) created: u64,
    pub(crate) delivered: u64,
    /// Of everything; they tell a long message on its way from none.
    pub(crate) bytes: u64,
    /// Events that came twice, out of order, or after a gap.
    pub(crate) wrong: u64,
    /// From put to receipt, in nanoseconds.
    pub(crate) latency: Histogram<u64>,
    /// The first thing that was wrong.
    pub(crate) problem: Option<String>,
    /// A stream that ended or was malformed; nothing more is to be expected.
    pub(crate) broken: Option<String>,
}

impl Tally {
    pub(crate) fn new() -> Result<Self> {
        let latency = Histogram::new_with_bounds(1, SLOWEST, DIGITS)?;
        let counts =
            Tallied { created: 0, delivered: 0, bytes: 0, wrong: 0, latency, problem: None, broken: None };
        Ok(Self { counts: Mutex::new(counts) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Tallied> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Latencies so far; the next ones are counted anew.
    pub(crate) fn take_latency(&self) -> Histogram<u64> {
        let mut counts = self.lock();
        let latency = counts.latency.clone();
        counts.latency.reset();
        latency
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.lock().delivered
    }

    pub(crate) fn break_off(&self, error: &Error) {
        self.lock().broken.get_or_insert_with(|| error.to_string());
    }

    /// Waits until all were created.
    pub(crate) async fn created(&self, expected: u64) -> Result<()> {
        match self.reach(expected, |counts| counts.created).await? {
            0 => Ok(()),
            missing => Err(format!("{missing} of {expected} watchers were never created").into()),
        }
    }

    /// Waits until so many events were delivered, and returns how many are missing when no more come.
    pub(crate) async fn received(&self, expected: u64) -> Result<u64> {
        self.reach(expected, |counts| counts.delivered).await
    }

    async fn reach(&self, expected: u64, count: impl Fn(&Tallied) -> u64) -> Result<u64> {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let (now, bytes) = self.count(&count)?;
            if now >= expected {
                return Ok(0);
            }
            if bytes != last {
                (last, since) = (bytes, Instant::now());
            }
            if since.elapsed() >= STALLED {
                return Ok(expected - now);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn count(&self, count: impl Fn(&Tallied) -> u64) -> Result<(u64, u64)> {
        let counts = self.lock();
        match &counts.broken {
            Some(problem) => Err(problem.clone().into()),
            None => Ok((count(&counts), counts.bytes)),
        }
    }
}

impl Tallied {
    pub(crate) fn wrong(&mut self, problem: impl FnOnce() -> String) {
        self.wrong += 1;
        self.problem.get_or_insert_with(problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_is_missing_in_the_end() {
        let tally = Tally::new().unwrap();
        tally.lock().delivered = 7;
        assert_eq!(tally.received(7).await.unwrap(), 0);
        assert_eq!(tally.received(10).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_broken_stream_ends_the_wait() {
        let tally = Tally::new().unwrap();
        tally.break_off(&"gone".into());
        assert_eq!(tally.created(1).await.unwrap_err().to_string(), "gone");
    }

    #[test]
    fn only_the_first_problem_is_kept() {
        let tally = Tally::new().unwrap();
        tally.lock().wrong(|| "first".to_owned());
        tally.lock().wrong(|| "second".to_owned());
        assert_eq!((tally.lock().wrong, tally.lock().problem.as_deref()), (2, Some("first")));
    }
}
