//! Any number of etcd watchers over one upstream watch, with nothing lost.
//!
//! [`WatchHub`] serves etcd's `Watch` service to any number of client streams. Watchers of one caller that watch the
//! same range share one watcher on etcd: its events are decoded once, encoded once, and kept once, in a log in which
//! each client watcher is a cursor.
//!
//! ```text
//! request body ─▶ session ──join, leave──▶ groups ──actions──▶ worker ─▶ etcd
//!                    ▲                       │ log               │
//! response body ◀── frames ◀── pull, cursor ─┘ ◀─── answers ─────┘
//!                    ▲                                           │
//!                    └───────── one ring per runtime ◀── shards ─┘
//! ```
//!
//! What holds, whatever happens:
//! - A watcher gets every event of its range from its start on, once, in order, whole revisions at a time; or it is
//!   cancelled in etcd's own words. Nothing is announced as progress before it was sent.
//! - etcd is asked for every watcher, with that watcher's credential. No stream lives on somebody else's token.
//! - A client that does not read costs a cursor. What it missed is read from etcd again, as fast as it reads then.
//! - History has a bound in bytes, for all groups together; whoever falls out of it loses nothing.
//!
//! What this room refuses: it opens no connections (see [`OpenWatch`]), spawns nothing ([`WatchHub::new`] returns the
//! [`Worker`], [`WatchHub::local_service`] the [`Relay`]) and knows nothing of prefixes, flags or metrics formats.
//!
//! Read `groups` first (who shares with whom; pure), then `session` (one client stream; pure), then `hub`.

mod config;
mod counters;
mod key;
mod refusal;

mod assemble;
mod batch;
mod groups;
mod log;
mod quota;
mod run;
mod session;

mod body;
mod hub;
mod requests;
mod service;
mod shard;
mod survey;
mod upstream;
mod worker;

#[cfg(test)]
mod double;

pub use body::WatchBody;
pub use config::Config;
pub use counters::Counters;
pub use hub::WatchHub;
pub use key::Caller;
pub use quota::Quota;
pub use service::WatchService;
pub use shard::Relay;
pub use survey::WatchedRange;
pub use upstream::{OpenWatch, Requests};
pub use worker::Worker;
