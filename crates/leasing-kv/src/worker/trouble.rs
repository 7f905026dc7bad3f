//! `Trouble`: what is wrong is said once, and the pauses between attempts grow.

use std::time::Duration;

use tonic::Status;
use tracing::{debug, warn};

use crate::session::is_refusal;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Who is refused is refused again.
const LONGEST_REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// Failures since all was well.
#[derive(Debug)]
pub(super) struct Trouble {
    what: &'static str,
    said: Option<String>,
    next: Duration,
}

impl Trouble {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, said: None, next: FIRST_PAUSE }
    }

    /// Logs the reason unless it was the last one logged, and tells how long to wait.
    pub(super) fn failed(&mut self, status: &Status) -> Duration {
        let reason = status.message();
        if self.said.as_deref() == Some(reason) {
            debug!(reason, "{}", self.what);
        } else {
            warn!(reason, "{}", self.what);
            self.said = Some(reason.to_owned());
        }
        let longest = if is_refusal(status) { LONGEST_REFUSED_PAUSE } else { LONGEST_PAUSE };
        let due = self.next.min(longest);
        self.next = due.saturating_mul(2);
        due.mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    /// All is well.
    pub(super) fn is_over(&mut self) {
        self.said = None;
        self.next = FIRST_PAUSE;
    }
}
