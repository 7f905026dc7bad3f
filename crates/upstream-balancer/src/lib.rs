//! `Upstream`: a cluster of etcd members behind one handle.
//!
//! ```text
//!  call ──► Upstream ──► Cluster: which member? ──► Pool: which connection? ──► HTTP/2 ──► member
//!                 ▲          ▲
//!          retry rules    Monitor: asks members how they are, brings failed ones back
//! ```
//!
//! - One [`Cluster`] for the process: what is known of the members, shared by all threads. One [`Upstream`] for each
//!   runtime: its connections never leave that runtime, so a call and its answer never change threads.
//! - A member fails when it cannot be dialled, when it leaves an HTTP/2 ping unanswered, or when it has no leader.
//!   Calls in flight to a dead member end; new calls go to another; [`Monitor`] brings it back.
//! - Reads are repeated on another member. Anything else is repeated only when it provably never left this process.
//! - What etcd answers passes through untouched: code, message, details, headers, trailers.
//! - Nothing waits for ever: a call that finds no member ends with `Unavailable` after the dial timeout.
//!
//! What it refuses: it does not look into messages, share answers or rewrite keys. Those are layers above it.
//!
//! Read in this order: `config`, `endpoint`, `member`, `choice`, `roster`, `cluster`, `monitor`; then `dial`, `pulse`,
//! `connection`, `body`, `pool`, `crew`; then `upstream`, `unary`, `ordering`, `limit`, `services`, `identity`, `auto_sync`;
//! and `page`, which is HTTP/1.1.

mod auto_sync;
mod body;
mod choice;
mod cluster;
mod config;
mod connection;
mod crew;
mod dial;
mod endpoint;
mod identity;
mod limit;
mod member;
mod monitor;
mod ordering;
mod page;
mod pool;
mod pulse;
mod roster;
mod services;
mod unary;
mod upstream;

pub use auto_sync::AutoSync;
pub use body::ReceivedBody;
pub use cluster::Cluster;
pub use config::{Config, Keepalive, Policy, UnknownPolicy};
pub use dns_discovery::Resolver;
pub use endpoint::{Endpoint, ParseEndpointError};
pub use identity::{Credentials, Identified, Identity, Password};
pub use limit::{MessageLimit, Prefixes};
pub use member::{Health, MemberStatus};
pub use monitor::Monitor;
pub use ordering::Ordered;
pub use page::PageError;
pub use pool::Lane;
pub use upstream::{LaneService, Upstream};
