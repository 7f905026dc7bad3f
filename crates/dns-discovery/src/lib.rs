//! Where the members of a cluster are, as DNS has it.
//!
//! ```text
//! Discovery (domain, suffix) ──► _etcd-client-ssl._tcp.DOMAIN ──┐
//!                           └──► _etcd-client._tcp.DOMAIN ──────┼─► Found: host, port, priority, weight, TLS or not
//!                     Resolver: the system's, or one DNS server ┘
//! ```
//!
//! What holds:
//! - Nothing is remembered: every question goes out. Who asks again hears of what has changed.
//! - Both names are asked for; only when neither can be had has the discovery failed. The words are those of etcd.
//! - A [`Resolver`] may be shared by all runtimes of a process: no connection of one lives on in another.
//!
//! What this room refuses: it does not dial what it finds, does not judge it, and does not choose among it.
//!
//! Read in this order: `resolver`, `discovery`.

mod discovery;
mod resolver;

pub use discovery::{Discovery, DiscoveryError, Found};
pub use resolver::{LookupError, Resolver, Service};
