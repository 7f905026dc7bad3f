//! TCP connections to whichever endpoint of a cluster answers.
//!
//! ```text
//!            ┌─ Station (one for each runtime) ─────────────────────────┐
//!  client ══►│ serve ─► Gateway: which endpoint? ─► dial ─► relay ══════│══► endpoint
//!            └────────────────▲─────────────────────────────────────────┘
//!                    Monitor ─┘  tries those that were set aside
//! ```
//!
//! What holds:
//! - Endpoints of the best priority are chosen by their weights, as RFC 2782 means them ([`Endpoint`]). One that cannot
//!   be dialled is set aside and tried again by the [`Monitor`]; when all are aside, each connection tries them all.
//! - A direction that ends ends for the other side too, and only that direction. A connection that breaks off breaks
//!   off on the other side as well, so that what is cut short never looks complete.
//! - Nothing is read from a side before the other has taken what was read before: a slow reader slows its writer.
//!   What one direction holds is at most one [`CHUNK`] or one pipe, and pipes are limited in number.
//! - Bulk goes from socket to socket inside the kernel, where it is Linux; small messages are copied, because that
//!   costs less. `gait` decides by what came last.
//!
//! What this room refuses: it does not look into what it carries, ends no TLS, and knows nothing of flags.
//!
//! Read in this order: `endpoint`, `choice`, `remotes` (who), `dial`, `within`, `monitor`, `gateway`, `station` (how a
//! connection gets there); `gait`, `pipe`, `chunk`, `pump`, `relay` (how bytes get across); `counters`.

mod choice;
mod chunk;
mod config;
mod counters;
mod dial;
mod endpoint;
mod gait;
mod gateway;
mod monitor;
#[cfg(target_os = "linux")]
mod pipe;
mod pump;
mod relay;
mod remotes;
mod station;
mod within;

pub use chunk::CHUNK;
pub use config::Config;
pub use counters::{Counters, Traffic};
pub use endpoint::Endpoint;
pub use gateway::{Gateway, RemoteStatus};
pub use monitor::Monitor;
pub use station::Station;
