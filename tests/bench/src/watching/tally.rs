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
    /// Whether streams may end; what their watchers do not get is then only counted.
    lenient: bool,
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
    /// What the streams that ended had.
    pub(crate) ended: Ended,
}

/// Streams that ended or were malformed, and what their watchers had by then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) streams: u64,
    pub(crate) watchers: u64,
    pub(crate) created: u64,
    pub(crate) delivered: u64,
}

impl Tally {
    pub(crate) fn new(lenient: bool) -> Result<Self> {
        let latency = Histogram::new_with_bounds(1, SLOWEST, DIGITS)?;
        let counts = Tallied {
            created: 0,
            delivered: 0,
            bytes: 0,
            wrong: 0,
            latency,
            problem: None,
            ended: Ended::default(),
        };
        Ok(Self { counts: Mutex::new(counts), lenient })
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

    /// Waits until all of so many watchers were created, but for those whose stream ended.
    pub(crate) async fn created(&self, watchers: u64) -> Result<()> {
        let missing = |counts: &Tallied| {
            let left = watchers.saturating_sub(counts.ended.watchers);
            left.saturating_sub(counts.created - counts.ended.created)
        };
        match self.reach(missing).await? {
            0 => Ok(()),
            missing => Err(format!("{missing} of {watchers} watchers were never created").into()),
        }
    }

    /// Waits until each of so many watchers, but for those whose stream ended, got so many events. Returns how many
    /// are missing when no more come.
    pub(crate) async fn received(&self, watchers: u64, events: u64) -> Result<u64> {
        let missing = |counts: &Tallied| {
            let left = watchers.saturating_sub(counts.ended.watchers) * events;
            left.saturating_sub(counts.delivered - counts.ended.delivered)
        };
        self.reach(missing).await
    }

    async fn reach(&self, missing: impl Fn(&Tallied) -> u64) -> Result<u64> {
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let (missing, bytes) = self.look(&missing)?;
            if missing == 0 {
                return Ok(0);
            }
            if bytes != last {
                (last, since) = (bytes, Instant::now());
            }
            if since.elapsed() >= STALLED {
                return Ok(missing);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn look(&self, missing: impl Fn(&Tallied) -> u64) -> Result<(u64, u64)> {
        let counts = self.lock();
        if counts.ended.streams > 0 && !self.lenient {
            return Err(counts.problem.clone().unwrap_or_default().into());
        }
        Ok((missing(&counts), counts.bytes))
    }
}

impl Tallied {
    /// One stream's end.
    pub(crate) fn end(&mut self, stream: Ended, error: &Error) {
        self.ended.streams += stream.streams;
        self.ended.watchers += stream.watchers;
        self.ended.created += stream.created;
        self.ended.delivered += stream.delivered;
        self.problem.get_or_insert_with(|| format!("a stream ended: {error}"));
    }

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
        let tally = Tally::new(false).unwrap();
        tally.lock().delivered = 8;
        assert_eq!(tally.received(2, 4).await.unwrap(), 0);
        assert_eq!(tally.received(2, 5).await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_expected_of_streams_that_ended() {
        let tally = Tally::new(true).unwrap();
        let ended = Ended { streams: 1, watchers: 1, created: 1, delivered: 3 };
        tally.lock().end(ended, &"gone".into());
        tally.lock().delivered = 3 + 5;
        tally.lock().created = 2;
        tally.created(2).await.unwrap();
        assert_eq!(tally.received(2, 5).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn unless_it_is_lenient_an_ended_stream_ends_the_wait() {
        let tally = Tally::new(false).unwrap();
        tally.lock().end(Ended { streams: 1, ..Ended::default() }, &"gone".into());
        assert_eq!(tally.created(1).await.unwrap_err().to_string(), "a stream ended: gone");
    }

    #[test]
    fn only_the_first_problem_is_kept() {
        let tally = Tally::new(false).unwrap();
        tally.lock().wrong(|| "first".to_owned());
        tally.lock().wrong(|| "second".to_owned());
        assert_eq!((tally.lock().wrong, tally.lock().problem.as_deref()), (2, Some("first")));
    }
}
