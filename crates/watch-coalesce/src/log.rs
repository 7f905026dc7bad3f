//! The window of the past that a group keeps.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::batch::Batch;

/// Batches of rising revisions. Every event with a revision in `first_revision..next` that the group has seen is
/// either here or was never there.
#[derive(Debug)]
pub(crate) struct Log {
    batches: VecDeque<Arc<Batch>>,
    first_seq: u64,
    first_revision: i64,
    next: i64,
}

impl Log {
    /// A log that will hold every event from `revision` on.
    pub(crate) fn starting_at(revision: i64) -> Self {
        Self { batches: VecDeque::new(), first_seq: 0, first_revision: revision, next: revision }
    }

    /// The lowest revision from which a watcher can be served without a gap.
    pub(crate) fn first_revision(&self) -> i64 {
        self.first_revision
    }

    /// The lowest revision of which nothing is known yet.
    pub(crate) fn next(&self) -> i64 {
        self.next
    }

    /// The position behind the newest batch.
    pub(crate) fn end(&self) -> u64 {
        self.first_seq + self.batches.len() as u64
    }

    /// The position from which a watcher that wants `revision` next must read.
    pub(crate) fn position_of(&self, revision: i64) -> u64 {
        let passed = if revision >= self.next {
            self.batches.len()
        } else {
            self.batches.partition_point(|batch| batch.last() < revision)
        };
        self.first_seq + passed as u64
    }

    /// The batch at a position; `None` before the first and behind the last.
    pub(crate) fn get(&self, seq: u64) -> Option<&Arc<Batch>> {
        let index = seq.checked_sub(self.first_seq)?;
        self.batches.get(usize::try_from(index).ok()?)
    }

    /// The oldest position.
    pub(crate) fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// Appends what is new of a batch: after a resume etcd may repeat what was already here.
    pub(crate) fn append(&mut self, batch: Arc<Batch>) -> Option<Arc<Batch>> {
        let batch = match batch.last() < self.next && !(batch.is_progress() && batch.last() + 1 == self.next)
        {
            true => return None,
            false if batch.first() < self.next && !batch.is_progress() => Arc::new(batch.after(self.next)),
            false => batch,
        };
        self.next = batch.last() + 1;
        self.batches.push_back(batch.clone());
        Some(batch)
    }

    /// Nothing more will come below `next`.
    pub(crate) fn advance(&mut self, next: i64) {
        self.next = self.next.max(next);
    }

    /// Forgets the oldest batch.
    pub(crate) fn evict(&mut self) -> Option<Arc<Batch>> {
        let batch = self.batches.pop_front()?;
        self.first_seq += 1;
        self.first_revision = self.first_revision.max(batch.last() + 1);
        Some(batch)
    }

    /// Serves nobody any more: whoever reads here next has fallen out.
    pub(crate) fn forget(&mut self) {
        self.first_seq = self.end() + 1;
        self.first_revision = i64::MAX;
        self.batches.clear();
    }
}

#[cfg(test)]
mod tests {
    use proto_gen::etcdserverpb::ResponseHeader;
    use proto_gen::mvccpb::{Event, KeyValue};

    use super::*;

    fn batch(revisions: &[i64]) -> Arc<Batch> {
        let event = |revision: &i64| Event {
            kv: Some(KeyValue { mod_revision: *revision, ..Default::default() }),
            ..Default::default()
        };
        let header = ResponseHeader { revision: *revisions.last().unwrap(), ..Default::default() };
        Arc::new(Batch::new(header, &revisions.iter().map(event).collect::<Vec<_>>()))
    }

    #[test]
    fn a_position_is_the_first_batch_that_holds_the_revision() {
        let mut log = Log::starting_at(5);
        for revisions in [&[5, 6][..], &[8], &[9, 12]] {
            log.append(batch(revisions));
        }
        let positions: Vec<_> = [5, 6, 7, 8, 9, 12, 13, 99].map(|revision| log.position_of(revision)).into();
        assert_eq!(positions, [0, 0, 1, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn what_is_repeated_is_not_appended_twice() {
        let mut log = Log::starting_at(5);
        log.append(batch(&[5, 6]));
        assert!(log.append(batch(&[5, 6])).is_none());
        let rest = log.append(batch(&[6, 7])).unwrap();
        assert_eq!((rest.first(), rest.last(), rest.len()), (7, 7, 1));
        assert_eq!(log.next(), 8);
    }

    #[test]
    fn eviction_raises_the_first_revision_past_what_was_lost() {
        let mut log = Log::starting_at(5);
        log.append(batch(&[7, 8]));
        log.append(batch(&[11]));
        log.evict();
        assert_eq!((log.first_revision(), log.first_seq(), log.end()), (9, 1, 2));
        assert!(log.get(0).is_none());
        assert_eq!(log.get(1).unwrap().first(), 11);
    }
}
