//! Linearizable reads that arrive together share one read-only transaction.
//!
//! [`CoalescedReads`] serves etcd's `KV` service over something that serves it. A read that comes while another is
//! under way waits for it to return; all that have come by then go out as one Txn, for which etcd asks its quorum
//! once. Equal reads are asked once. Everything else passes.
//!
//! ```text
//! Range ─▶ may it share? ──no─────────────────────────▶ Range
//!               │ yes
//!               ▼
//!             lines ──nobody is under way─────────────▶ Range, by the caller itself
//!               │ wait
//!               ▼
//!             worker ──two reads or more──▶ Txn ──────▶ each reader gets the answer of a Range
//! ```
//!
//! What holds, whatever happens:
//! - A read joins only what was not sent when it came, so it sees every write that was answered before.
//! - Reads share only if their metadata is equal, but for what means nothing to etcd. So nobody's token reads for
//!   somebody else.
//! - Answers and errors are those of Range. What a transaction refuses is asked again, each reader for itself.
//! - A batch has no deadline and is never cancelled: etcd before 3.5.7 may crash on a read-only transaction that is.
//!   Each reader has its own deadline and may leave at any time.
//! - A batch that is late holds nobody up.
//!
//! What this room refuses: it caches nothing, serves no serializable read, spawns nothing ([`CoalescedReads::new`]
//! returns the [`Worker`]) and knows nothing of prefixes, flags or metrics formats.
//!
//! Read `lines` first (who travels with whom; pure), then `batch`, `reads` and `worker`.

mod caller;
mod config;
mod counters;

mod batch;
mod heavy;
mod kind;
mod lines;

mod reads;
mod station;
mod worker;

#[cfg(test)]
mod double;

pub use config::Config;
pub use counters::{BATCH_SIZES, Counters};
pub use reads::CoalescedReads;
pub use worker::Worker;
