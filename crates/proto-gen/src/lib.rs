//! The messages and services of etcd's v3 API (etcd 3.8), generated from this project's own `proto/`.
//!
//! This room holds data and traits, no behaviour but to read a header and to tell which keys a range names. The traits that tonic generates for the services are the
//! seams of the whole project: the upstream implements [`etcdserverpb::kv_server::Kv`] by calling etcd, and every
//! layer wraps something that implements it and implements it again.
//!
//! - Every byte field is a [`bytes::Bytes`]: a slice of the frame that it arrived in. Who keeps one for long copies
//!   it first, because it pins the whole frame.
//! - Fields that this version does not know are dropped by a decode, so what must pass unchanged is not decoded.
//! - `cargo xtask codegen` writes `src/generated/`; nobody edits it.

/// The stored key-value pair and the event that a change of it makes.
#[allow(missing_docs, clippy::all)]
pub mod mvccpb {
    include!("generated/mvccpb.rs");
}

/// Users, roles and permissions as the cluster stores them.
#[allow(missing_docs, clippy::all)]
pub mod authpb {
    include!("generated/authpb.rs");
}

/// The services KV, Watch, Lease, Cluster, Maintenance and Auth with their messages.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod etcdserverpb {
    include!("generated/etcdserverpb.rs");
}

/// Leader election over keys under a name.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod v3electionpb {
    include!("generated/v3electionpb.rs");
}

/// Mutual exclusion over keys under a name.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod v3lockpb {
    include!("generated/v3lockpb.rs");
}

mod key_range;
mod timeout;
mod transport;

pub use key_range::{End, KeyRange};
pub use timeout::timeout;
pub use transport::Transport;

/// The encoded `FileDescriptorSet` of everything above.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptors.bin");
