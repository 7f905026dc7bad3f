//! Certificate files as operators have them, good and bad, against the public type.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod expiry;
mod files;
mod handshakes;
mod key_forms;
mod refusals;
