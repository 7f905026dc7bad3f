//! What a hub may use, and how patient it is.

use std::time::Duration;

/// The bounds and delays of a [`WatchHub`](crate::WatchHub).
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of past events that all groups together may keep. The newest response of all is kept even if it alone
    /// is larger, because nobody has seen it yet.
    pub history_bytes: usize,
    /// How much of `history_bytes` one catch-up group may hold, beside its newest batch.
    pub catch_up_bytes: usize,
    /// How long a live group without watchers keeps its upstream watcher and its history.
    pub linger: Duration,
    /// How many groups without watchers may linger at once; the oldest goes first.
    pub max_lingering: usize,
    /// How many private upstream watches may catch up at once before those whose clients have stalled give way.
    pub max_catch_ups: usize,
    /// How long a client may leave what was read for it before it counts as stalled.
    pub stall: Duration,
    /// Least time between two progress requests on one upstream stream.
    pub progress_interval: Duration,
    /// After how long an unanswered progress request is repeated: etcd drops one when a watcher is behind.
    pub progress_retry: Duration,
    /// First delay before a lost upstream stream is reopened; it doubles at each failure.
    pub backoff_min: Duration,
    /// Longest delay before a lost upstream stream is reopened.
    pub backoff_max: Duration,
    /// Size from which a response is split for a watcher that asked for fragments. etcd: `--max-request-bytes` and
    /// 512 KiB.
    pub fragment_bytes: usize,
    /// Largest request message that a client may send. etcd: the same as `fragment_bytes`.
    pub max_request_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            history_bytes: 64 << 20,
            catch_up_bytes: 1 << 20,
            linger: Duration::from_secs(10),
            max_lingering: 256,
            max_catch_ups: 1024,
            stall: Duration::from_secs(1),
            progress_interval: Duration::from_millis(25),
            progress_retry: Duration::from_millis(100),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(2),
            fragment_bytes: 2 << 20,
            max_request_bytes: 2 << 20,
        }
    }
}
