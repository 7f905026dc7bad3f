//! Certificate files as operators have them, good and bad, against the public types.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod files;
mod fuzz;
mod handshakes;
mod key_forms;
mod listener;
mod refusals;
mod revocation;
mod self_signed;
mod subject;
