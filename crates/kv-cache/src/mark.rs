//! `Mark`: what the proxy has said about one range of keys.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::barrier::{Barrier, Use};
use crate::moment::Moment;
use crate::witness::Witness;
use proto_gen::KeyRange;

/// One for each range of which an answer is kept or under way; shared by all answers about that range.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) range: KeyRange,
    pub(crate) barrier: Barrier,
    /// The newest answer about the whole range that somebody has been given.
    told: Mutex<(i64, Witness)>,
    /// Its revision: while nothing newer has been told, nobody needs the lock.
    told_revision: AtomicI64,
    /// Answers given from memory since the last look.
    pub(crate) heat: AtomicU32,
    pub(crate) watched: AtomicBool,
}

/// What an answer is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// When its question was sent.
    pub(crate) sent: Moment,
    /// Its header's revision.
    pub(crate) revision: i64,
    pub(crate) witness: Witness,
}

impl Mark {
    pub(crate) fn new(range: KeyRange) -> Self {
        Self {
            range,
            barrier: Barrier::default(),
            told: Mutex::new((0, Witness::Partial)),
            told_revision: AtomicI64::new(0),
            heat: AtomicU32::new(0),
            watched: AtomicBool::new(false),
        }
    }

    /// Somebody was told that at this revision the range is as the witness says.
    pub(crate) fn tell(&self, revision: i64, witness: Witness) {
        if revision <= self.told_revision.load(Ordering::Acquire) {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if revision > told.0 {
            *told = (revision, witness);
            self.told_revision.store(revision, Ordering::Release);
        }
    }

    /// The revision at which an answer with this stamp can be given now: its own, or a later one at which the range
    /// is known to be the same.
    pub(crate) fn judge(&self, stamp: &Stamp, purpose: Use) -> Option<i64> {
        let revision = if self.told_revision.load(Ordering::Acquire) > stamp.revision {
            let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if !stamp.witness.still_holds(told.1) {
                return None;
            }
            told.0
        } else {
            stamp.revision
        };
        self.barrier.admits(revision, stamp.sent, purpose).then_some(revision)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const OLD: Witness = Witness::State { keys: 1, newest: 4 };

    fn mark() -> Mark {
        Mark::new(KeyRange::point(&Bytes::from_static(b"k")))
    }

    fn stamp(revision: i64) -> Stamp {
        Stamp { sent: Moment(5), revision, witness: OLD }
    }

    #[test]
    fn an_answer_grows_with_what_is_told_while_the_range_is_the_same() {
        let mark = mark();
        assert_eq!(mark.judge(&stamp(6), Use::Keep), Some(6));
        mark.tell(9, OLD);
        mark.tell(8, Witness::Partial);
        assert_eq!(mark.judge(&stamp(6), Use::Keep), Some(9));
        assert_eq!(mark.judge(&stamp(12), Use::Keep), Some(12));
    }

    #[test]
    fn an_answer_ends_when_somebody_is_told_something_else() {
        let mark = mark();
        mark.tell(9, Witness::State { keys: 1, newest: 8 });
        assert_eq!(mark.judge(&stamp(6), Use::Keep), None);
    }

    #[test]
    fn a_write_ends_all_answers_before_it_whatever_was_told() {
        let mark = mark();
        mark.barrier.raise(8);
        assert_eq!(mark.judge(&stamp(6), Use::Keep), None);
        mark.tell(7, OLD);
        assert_eq!(mark.judge(&stamp(6), Use::Keep), None);
        assert_eq!(mark.judge(&stamp(8), Use::Keep), Some(8));
    }
}
