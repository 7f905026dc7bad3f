//! The end-to-end tests: one module a theme.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is test code: a broken expectation must fail the test where it stands"
)]

mod admin;
mod auth;
mod auto_sync;
mod bad_input;
mod cache;
mod cluster;
mod commands;
mod configuration;
mod discovery;
mod drain;
mod duplex;
mod errors;
mod faults;
mod gateway;
mod identity;
mod json;
mod kv;
mod lease;
mod leasing;
mod limits;
mod lock_election;
mod logs;
mod maintenance;
mod metadata;
mod namespace;
mod operation;
mod ordering;
mod read_only;
mod reads;
mod registry;
mod reload;
mod requests;
mod spans;
mod systemd;
mod tls;
mod trace_context;
mod watch;
mod watch_churn;
mod watch_identity;
mod watch_past_the_hub;
