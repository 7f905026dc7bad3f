//! `etcd-grpc-proxy`: a stateless proxy in front of an etcd v3 cluster.
//!
//! Read in this order: `cli` (what the operator says) and `config` (what it means); `server` (the life of the process),
//! `listener`, `worker`, `connection`, `client_io` (how a request gets in); `wiring` and `router` (where it goes); then
//! the rooms it may pass: `sort_guard`, `member_list`, `health`, `drain`.

mod cli;
mod client_io;
mod config;
mod connection;
mod drain;
mod frames;
mod health;
mod init_daemon;
mod listener;
mod log;
mod member_list;
mod router;
mod server;
mod signals;
mod sort_guard;
mod wiring;
mod worker;

use std::io;
use std::process::ExitCode;

use tracing::error;

use crate::config::Config;

fn main() -> ExitCode {
    let config = match cli::config_or_exit(std::env::args_os()) {
        Ok(config) => config,
        Err(code) => return code,
    };
    // Dropped last, so that every line is written.
    let Ok(_log) = log::start(config.debug) else { return ExitCode::FAILURE };
    config.announce();
    match run(*config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(%error, "failed to start gRPC proxy");
            ExitCode::FAILURE
        }
    }
}

/// The clients' calls run on the workers' runtimes; this one accepts, watches over the cluster and waits for signals.
fn run(config: Config) -> Result<(), server::ServerError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error: io::Error| server::ServerError::Runtime(error))?;
    runtime.block_on(server::serve(config))
}
