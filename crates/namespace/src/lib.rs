//! `Namespaced`: every key that enters gets a prefix, every key that leaves loses it, and the client cannot tell.
//!
//! ```text
//!  client ──► Namespaced ──► whatever serves etcd's API
//!   key "a"   Prefix "ns/"    key "ns/a"
//!   key "a" ◄──────────────── key "ns/a"
//! ```
//!
//! - Nothing outside of the prefix is read, written, watched or locked, at any depth of a transaction. The key that
//!   equals the bare prefix is outside.
//! - A key without the prefix never leaves: what an answer should not contain is taken out of it.
//! - An empty key stays empty, so that etcd refuses it as it refuses everybody's.
//! - An empty prefix is the identity: no message is looked at, let alone copied.
//! - Pure: no I/O, no state, no task. One byte string is copied for each key that enters, none for one that leaves.
//!
//! What reaches beyond any prefix (snapshots, members, users, other tenants' leases) is named in [`policy`], and
//! refused under [`Policy::Strict`]. What it does not do: revisions, counts of the cluster and ids of leases are
//! shared by all tenants and stay as they are.
//!
//! Read in this order: `prefix`, `message`, `kv`, `watch`, `lease`, `lock`, `election`; then [`policy`], `namespaced`,
//! `stream` and `services`.

mod election;
mod kv;
mod lease;
mod lock;
mod message;
mod namespaced;
pub mod policy;
mod prefix;
mod services;
mod stream;
mod watch;

pub use message::{Enter, Leave};
pub use namespaced::{Namespace, Namespaced};
pub use policy::Policy;
pub use prefix::Prefix;
pub use stream::{Entering, Leaving};
