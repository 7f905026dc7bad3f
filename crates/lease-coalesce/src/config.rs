//! What a hub may use, and how patient it is.

use std::time::Duration;

/// The bounds and delays of a [`LeaseHub`](crate::LeaseHub).
#[derive(Clone, Debug)]
pub struct Config {
    /// For how long an answer of etcd's answers further pings of its lease, as "TTL minus age". Zero: never.
    ///
    /// It is there for clients that hammer, not for those that keep a lease alive. etcd grants no TTL below 2 seconds
    /// by default, and clients ping at a third of the TTL, so a tenth of a second is below a sixth of the fastest
    /// sensible pace: every ping of a sensible client still renews its lease, and a hammered lease costs etcd ten
    /// pings a second. It is also how long a revocation that did not pass the hub can stay unnoticed, and how much
    /// sooner than after its last ping plus TTL a hammered lease can die.
    pub window: Duration,
    /// How many leases are remembered. Beyond, the one that was heard of longest ago is forgotten, which costs nothing
    /// but its place in the order after a blockage.
    pub max_remembered: usize,
    /// How many pings of one client stream may wait for their answers before the stream is no longer read.
    pub max_pending: usize,
    /// How many pings may wait for etcd's answer on one upstream stream; more wait here.
    pub depth: usize,
    /// How many upstream streams one caller may get, at least one. A second one is opened only when pings have waited
    /// for [`Config::crowd`], as they do on a follower: it asks the leader for one ping of a stream at a time.
    pub max_streams: usize,
    /// How long a ping may wait to be sent before another upstream stream is opened.
    pub crowd: Duration,
    /// How long an upstream stream may be silent while a ping waits, before the others are asked on a new one. etcd
    /// answers the ping of a lease that has expired only when it is revoked, and nothing behind it on that stream.
    /// Less than the time between two pings of the smallest TTL, and more than a busy machine needs to come round.
    pub stall: Duration,
    /// The longest such wait; it doubles while nothing is answered at all. More than the 7 seconds after which etcd
    /// gives up a ping itself, so that its own words can come.
    pub max_stall: Duration,
    /// How long a ping may wait while the upstream stream is lost, before its client is told `Unavailable`.
    pub patience: Duration,
    /// First delay between two failed attempts to open an upstream stream; it doubles at each. The first attempt
    /// after a loss is made at once.
    pub backoff_min: Duration,
    /// Longest delay between two failed attempts.
    pub backoff_max: Duration,
    /// How long the upstream stream of a caller without client streams is kept.
    pub linger: Duration,
    /// How many callers without client streams may keep theirs at once; the oldest goes first.
    pub max_lingering: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: Duration::from_millis(100),
            max_remembered: 1 << 16,
            max_pending: 1024,
            depth: 256,
            max_streams: 8,
            crowd: Duration::from_millis(100),
            stall: Duration::from_millis(500),
            max_stall: Duration::from_secs(8),
            patience: Duration::from_secs(5),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(1),
            linger: Duration::from_secs(10),
            max_lingering: 64,
        }
    }
}
