//! `Barrier`: what an answer must be, at least, to be given again.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::moment::Moment;

/// Only goes up. Memory is ordered so that whoever has seen the answer to a write also sees the barrier it raised.
#[derive(Debug, Default)]
pub(crate) struct Barrier {
    /// Answers below this revision are older than what somebody has been told.
    floor: AtomicI64,
    /// Answers to questions sent up to here may lack a write that has ended somehow.
    broken: AtomicU64,
    /// Answers to questions sent up to here may lack a write of which nobody knows whether it has ended.
    doubted: AtomicU64,
}

/// What an answer is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// To be given to those who ask later.
    Keep,
    /// To be given to those who were waiting for it. A write that nobody knows the end of is no reason to refuse
    /// them: to ask on their own would tell them no more.
    Share,
}

impl Barrier {
    /// A write or a read was answered at this revision.
    pub(crate) fn raise(&self, revision: i64) {
        self.floor.fetch_max(revision, Ordering::AcqRel);
    }

    /// A write ended and left no revision. It may still happen within `doubt`.
    pub(crate) fn interrupt(&self, now: Moment, doubt: Duration) {
        self.broken.fetch_max(now.0, Ordering::AcqRel);
        self.doubt_until(now.after(doubt));
    }

    pub(crate) fn doubt_until(&self, end: Moment) {
        self.doubted.fetch_max(end.0, Ordering::AcqRel);
    }

    /// Whether an answer of this revision to a question sent at this moment is good.
    pub(crate) fn admits(&self, revision: i64, sent: Moment, purpose: Use) -> bool {
        let asked_too_early = sent.0 <= self.broken.load(Ordering::Acquire)
            || purpose == Use::Keep && sent.0 <= self.doubted.load(Ordering::Acquire);
        revision >= self.floor.load(Ordering::Acquire) && !asked_too_early
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_as_new_as_the_newest_answer_passes() {
        let barrier = Barrier::default();
        barrier.raise(7);
        barrier.raise(5);
        assert!(!barrier.admits(6, Moment(1), Use::Keep));
        assert!(barrier.admits(7, Moment(1), Use::Keep));
    }

    #[test]
    fn a_write_without_an_answer_is_doubted_for_a_while() {
        let barrier = Barrier::default();
        barrier.interrupt(Moment(10), Duration::from_nanos(5));
        assert!(!barrier.admits(9, Moment(10), Use::Share), "asked before the write ended");
        assert!(barrier.admits(9, Moment(11), Use::Share));
        assert!(!barrier.admits(9, Moment(15), Use::Keep), "the write may still happen");
        assert!(barrier.admits(9, Moment(16), Use::Keep));
    }
}
