//! Numbers that anybody may read at any time.

use counts::Count;

/// Upper bounds of the buckets of [`Counters::batch_sizes`], in distinct reads.
pub const BATCH_SIZES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

/// What all that were given these counters count together.
#[derive(Debug, Default)]
pub struct Counters {
    /// Reads that found nobody under way, and went as a Range at once.
    pub plain_reads: Count,
    /// Reads that may not share: serializable, of a revision, of many keys.
    pub excluded_reads: Count,
    /// Calls sent for reads that had waited: transactions, and a Range where all wanted the same.
    pub batches: Count,
    /// Reads that were answered by them.
    pub batched_reads: Count,
    /// Calls that etcd did not get because of them: the reads of each, less the call.
    pub saved_calls: Count,
    /// Reads of a batch that failed, asked again one by one.
    pub repeated_reads: Count,
    /// Batches by distinct reads: a bucket for each of [`BATCH_SIZES`], and one for all above.
    pub batch_sizes: [Count; BATCH_SIZES.len() + 1],
}

impl Counters {
    pub(crate) fn sent(&self, distinct: usize) {
        self.batches.increment();
        let bucket = BATCH_SIZES.iter().position(|bound| distinct <= *bound).unwrap_or(BATCH_SIZES.len());
        if let Some(bucket) = self.batch_sizes.get(bucket) {
            bucket.increment();
        }
    }

    pub(crate) fn answered(&self, readers: usize) {
        self.batched_reads.add(readers as u64);
        self.saved_calls.add(readers.saturating_sub(1) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_counted_in_the_first_bucket_that_holds_it() {
        let counters = Counters::default();
        for distinct in [1, 2, 3, 64, 65, 1000] {
            counters.sent(distinct);
        }
        let sizes: Vec<u64> = counters.batch_sizes.iter().map(Count::get).collect();
        assert_eq!(sizes, [1, 1, 1, 0, 0, 0, 1, 2]);
        assert_eq!(counters.batches.get(), 6);
    }
}
