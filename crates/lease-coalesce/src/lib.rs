//! The keep-alives of any number of clients over one upstream stream.
//!
//! [`LeaseHub`] serves etcd's `Lease` service. Each client stream gets what etcd would give it: one answer for each
//! ping, in order, at once, with the TTL that etcd answered. To etcd it is one stream for each caller, on which a
//! lease is pinged once however many wait for it.
//!
//! ```text
//! client stream ─▶ KeepAlives ──ask──▶ renewals ──actions──▶ worker ─▶ etcd
//!                      ▲                  │ │                   │
//!                      └──── answers ◀────┘ └──── memory        │
//!                      ▲                  ▲                     │
//!                      └─ one wake-up ────└────── answers ◀─────┘
//!                         per runtime
//! ```
//!
//! What holds, whatever happens:
//! - No ping is sent that no client asked for. A client that falls silent loses its lease when etcd says so.
//! - No TTL is promised beyond etcd's answer minus its age; an answer is shared within one credential only.
//! - After a revocation or a grant that passed here, no answer from before it is given.
//! - A ping that etcd leaves unanswered does not hold up those of others.
//!
//! What this room refuses: it opens no connections (see [`OpenKeepAlive`]), spawns nothing ([`LeaseHub::new`] returns
//! the [`Worker`], [`LeaseHub::local_layer`] the [`Relay`]), has no timer for a lease, and knows nothing of flags.
//!
//! Read `renewals` first (who waits for what, what is asked; pure), then `memory`, then `hub`, `keep_alives`, `layer`.

mod caller;
mod config;
mod counters;
mod refusal;

mod memory;
mod renewals;

mod hub;
mod keep_alives;
mod layer;
mod shard;
mod upstream;
mod worker;

pub use caller::Caller;
pub use config::Config;
pub use counters::Counters;
pub use hub::LeaseHub;
pub use keep_alives::KeepAlives;
pub use layer::Coalesced;
pub use shard::Relay;
pub use upstream::{OpenKeepAlive, Pings};
pub use worker::Worker;
