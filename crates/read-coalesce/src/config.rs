//! How many reads travel together, and how long they wait.

use std::time::Duration;

/// The bounds of [`CoalescedReads`](crate::CoalescedReads).
#[derive(Clone, Debug)]
pub struct Config {
    /// Distinct reads that share one transaction, at most; below 2 every read goes alone. etcd's `--max-txn-ops` is
    /// 128 unless set. A cluster that takes fewer is found out.
    pub max_reads: usize,
    /// Calls under way from which on those who come wait. A full batch does not wait for them.
    pub in_flight: usize,
    /// How long a call that does not return holds up those who wait, about. Longer than etcd takes, and short beside
    /// the time to a cluster that is far away.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_reads: 64, in_flight: 1, patience: Duration::from_millis(10) }
    }
}

impl Config {
    /// Every read goes alone.
    pub fn off() -> Self {
        Self { max_reads: 0, ..Self::default() }
    }
}
