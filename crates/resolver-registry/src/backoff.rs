//! How long to wait after a failure.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);

/// Twice as long after each failure, with a share of chance, so that many proxies do not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The pause after one failure more, at most `longest`, at least half of what is due.
    pub(crate) fn pause(&mut self, longest: Duration) -> Duration {
        let due = self.next.min(longest);
        self.next = due.saturating_mul(2);
        due.mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_start_again() {
        let mut backoff = Backoff::default();
        let longest = Duration::from_secs(3);
        let mut due = FIRST;
        for _ in 0..20 {
            let pause = backoff.pause(longest);
            assert!(pause >= due / 2 && pause <= due, "{pause:?} instead of {due:?}");
            due = (due * 2).min(longest);
        }
        assert!(backoff.pause(longest) >= longest / 2);
        backoff.reset();
        assert!(backoff.pause(longest) <= FIRST);
    }
}
