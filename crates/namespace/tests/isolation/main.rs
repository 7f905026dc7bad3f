//! The public type over stores and services that live in memory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is test code")]

mod double;
mod generated;
mod model;
mod services;
mod store;
