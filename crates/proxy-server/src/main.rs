//! `etcd-grpc-proxy` (in the making): reads the command line and logs what it means.

mod cli;
mod config;
mod log;

use std::process::ExitCode;

fn main() -> ExitCode {
    let config = match cli::config_or_exit(std::env::args_os()) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let Ok(_log) = log::start(config.debug) else { return ExitCode::FAILURE };
    config.announce();
    tracing::debug!(config = ?config, "configuration");
    ExitCode::SUCCESS
}
