//! (in the making)
mod assemble;
mod batch;
mod body;
mod config;
mod counters;
mod groups;
mod hub;
mod key;
mod log;
mod refusal;
mod requests;
mod service;
mod session;
mod shard;
mod upstream;
mod worker;

#[cfg(test)]
mod double;

pub use body::WatchBody;
pub use config::Config;
pub use counters::{Count, Counters};
pub use hub::WatchHub;
pub use key::Caller;
pub use service::WatchService;
pub use shard::Relay;
pub use upstream::{OpenWatch, Requests};
pub use worker::Worker;
