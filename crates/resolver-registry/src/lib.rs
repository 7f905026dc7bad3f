//! `Registry`: proxies that find each other by keys in etcd, each kept by a lease.
//!
//! ```text
//!              ┌─► registrar ── grant, put, keep alive ──► etcd    <prefix>/<address> with a lease
//!  Worker ─────┤
//!              └─► follower ◄── range, watch ───────────── etcd    <prefix>/ and everything below
//!                     │
//!  Registry ◄─────────┘ who is registered, at any moment
//! ```
//!
//! - The keys and values are those of `etcd grpc-proxy`: proxies of both kinds on one prefix see one list.
//! - A proxy that is killed vanishes with its lease; one that leaves well takes its lease with it.
//! - A cluster that is away costs a pause and an attempt, again and again, never a busy loop. What was known last stays
//!   known meanwhile; what has changed is known as soon as the cluster is back.
//! - What others have written is not trusted to make sense: what cannot be read is logged once and left out.
//!
//! What it refuses: it serves nobody. Whoever answers MemberList asks the [`Registry`].
//!
//! Read in this order: `config`, `entry`, `roll` and `follower` (who is there); `backoff`, `session` and `registrar`
//! (being there oneself); `registry`.

mod backoff;
mod complaint;
mod config;
mod counters;
mod entry;
mod follower;
mod registrar;
mod registry;
mod roll;
mod session;

pub use config::Config;
pub use counters::Counters;
pub use entry::Proxy;
pub use proto_gen::Transport;
pub use registry::{Registry, Worker};
