//! What the end-to-end tests are made of: real etcd clusters, the real proxy, and the means to compare the two.
//!
//! The oracle is etcd itself. A [`Pair`] is two fresh clusters of equal shape, one asked directly and one through
//! the proxy; the same scenario runs on both and must give the same [`Transcript`], down to absolute revisions.
//!
//! - Every process here was started here and is killed by its handle, never by name.
//! - Every wait is a bounded poll for a condition ([`eventually`]); nothing sleeps to let things settle.
//! - Two environment variables say what is under test; see [`environment`]. `cargo xtask e2e` sets them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: a broken expectation must fail the test where it stands"
)]

pub mod certificates;
pub mod client;
pub mod cluster;
pub mod dns;
pub mod environment;
pub mod etcd_proxy;
pub mod etcdctl;
pub mod existing;
pub mod gateway;
pub mod http1;
pub mod json;
pub mod metrics;
pub mod pair;
pub mod patience;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod temp;
pub mod tls;
pub mod transcript;
pub mod websocket;

pub use certificates::{Authority, Files};
pub use client::Client;
pub use cluster::{Cluster, Member, Shape};
pub use dns::Dns;
pub use etcd_proxy::EtcdProxy;
pub use etcdctl::Etcdctl;
pub use existing::ExistingProxy;
pub use gateway::{Gateway, Maker};
pub use json::{JsonAnswer, JsonConnection, JsonStream};
pub use pair::{Pair, Side};
pub use patience::{CALL, SOON, eventually, soon};
pub use proxy::Proxy;
pub use raw::RawConnection;
pub use transcript::Transcript;
pub use websocket::WebSocket;
