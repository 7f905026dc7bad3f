//! etcd's linearizable reads from memory, of keys whose writers ask first.
//!
//! [`LeasedKv`] wraps whatever serves `KV` and serves it again. A key that is read is *acquired*: a leasing key, made of
//! a prefix and the key, says in etcd who owns it. Whoever writes the key, through whatever proxy, first asks the owner
//! to give it back. So what an owner knows of it is true, and it answers without asking, for as long as the lease of
//! its session is proved to live.
//!
//! ```text
//!  read ──► owned? allowed? lease alive? ──► answer
//!             │ no
//!             ▼
//!           etcd ──► answer;  wanted ──► worker: acquire
//!
//!  write ─► If nobody else owns it Then write ──► answer, and what is owned is as written
//!             │ somebody does               ▲
//!             └─► worker: ask, wait ────────┘
//! ```
//!
//! What holds, whatever happens:
//! - A read is answered from memory only while nobody else can have written the key: see `session` for the clock rule.
//! - A write happens once, in one transaction where nobody owns its keys. While it is under way, and where nobody knows
//!   how it ended, its keys are not answered from memory.
//! - Memory answers only whom etcd has allowed to read that key a moment ago. Leasing keys are written as the proxy.
//! - Keys and bytes are bounded, and what is lost (lease, events, answers) costs reads of etcd, never an old answer.
//! - The layout of leasing keys is that of `etcd grpc-proxy`: proxies of both kinds respect each other.
//!
//! What this room refuses: it opens no connections, spawns nothing ([`Leasing::new`] returns the [`Worker`]) and knows
//! nothing of flags. It keeps no ranges, no past, and no key that has a lease.
//!
//! Read `names`, `session`, `allowance`, `guards`, `guarded`, `executed`, `local` (rules; pure), then `holdings`, which
//! is all of that together; `attempt`, `service` and `cleared` (the doors); `worker`.

mod config;
mod counters;
mod moment;

mod allowance;
mod answer;
mod caller;
mod executed;
mod guarded;
mod guards;
mod local;
mod names;
mod newest;
mod session;
mod writes;

mod holdings;
mod leasing;

mod attempt;
mod cleared;
mod service;
mod worker;

#[cfg(test)]
mod double;
#[cfg(test)]
mod model;
#[cfg(test)]
mod ops;
#[cfg(test)]
mod store;
#[cfg(test)]
mod tests;

pub use cleared::Cleared;
pub use config::Config;
pub use counters::Counters;
pub use leasing::Leasing;
pub use service::LeasedKv;
pub use worker::Worker;
