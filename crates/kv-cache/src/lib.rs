//! etcd's serializable reads from memory, never older than they may be.
//!
//! [`CachedKv`] wraps whatever serves `KV` and serves it again. A serializable read that was answered before is
//! answered from memory, for the same caller, as long as nothing speaks against it.
//!
//! ```text
//!  read ──► kept? ──► may it be given? ──► answer
//!            │ no          │ no  ▲
//!            ▼             ▼     │ marks: what was said about each range
//!          somebody asks the same? ──► wait      ▲
//!            │ no                                │
//!            ▼                                   │
//!          etcd ──► answer, kept ────────────────┤
//!  write ──► etcd ──► answer ────────────────────┤
//!  etcd's events about what is read often ───────┘
//! ```
//!
//! What holds, whatever happens:
//! - Nothing of one credential is given to another.
//! - A write that was answered through this proxy is in every answer after it; so is a newer answer to a read of the
//!   same range. The revision of an answer, which etcd counts, decides that, and no race can.
//! - A write made elsewhere is in every answer that is asked for `max_age` after it. What is read often is watched, so
//!   there it takes as long as an event does.
//! - A write of which nobody heard the end keeps its range out of memory until it cannot happen any more.
//! - Entries and bytes are bounded, and nothing is remembered of what is not kept.
//!
//! What this room refuses: it opens no connections (see [`OpenWatch`]), spawns nothing before [`Watcher::run`], and
//! knows nothing of prefixes, flags or metrics formats. It keeps no linearizable answer.
//!
//! Read in this order: `barrier`, `witness`, `mark`, `index` (what may be given; pure), `key`, `kept`,
//! `flight`, `shard`, then `cache`, which is all of that together; `pending` and `reach` (writes); `service` and
//! `overseen` (the doors); `hot` and `watcher`.

mod barrier;
mod config;
mod counters;
mod index;
mod mark;
mod moment;
mod witness;

mod cache;
mod flight;
mod kept;
mod key;
mod shard;

mod pending;
mod reach;

mod hot;
mod overseen;
mod service;
mod watcher;

#[cfg(test)]
mod double;
#[cfg(test)]
mod history;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use cache::KvCache;
pub use config::Config;
pub use counters::Counters;
pub use overseen::Overseen;
pub use pending::Pending;
pub use service::{CachedKv, Told};
pub use watcher::{OpenWatch, Watcher};
