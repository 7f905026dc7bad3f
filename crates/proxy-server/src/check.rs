//! `etcd-grpc-proxy check`: what start-up would refuse once the values are valid, without starting.
//!
//! The values are valid by now: the files are readable, certificates and keys fit. What is left to try are the addresses.

use std::process::ExitCode;

use crate::bind::{BindError, bind, try_unix};
use crate::cli::{answer, complain};
use crate::config::{Config, MetricsSocket};

/// Tries everything, tells of all that is wrong, and leaves nothing behind.
pub(crate) fn run(config: &Config) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let refusals = match runtime {
        Ok(runtime) => runtime.block_on(refusals(config)),
        Err(error) => vec![format!("cannot start a runtime: {error}")],
    };
    if refusals.is_empty() {
        answer("the configuration is valid");
        return ExitCode::SUCCESS;
    }
    complain(&refusals.join("\n"));
    ExitCode::FAILURE
}

/// Both addresses are held at once, because two that are the same are one too many.
async fn refusals(config: &Config) -> Vec<String> {
    let clients = bind(&config.listen_addr).await;
    let pages: Result<Option<_>, BindError> =
        match config.metrics_addr.as_ref().map(|address| &address.socket) {
            Some(MetricsSocket::Tcp(address)) => bind(address).await.map(Some),
            Some(MetricsSocket::Unix(path)) => try_unix(path).map(|()| None),
            None => Ok(None),
        };
    [clients.err(), pages.err()].into_iter().flatten().map(|error| error.to_string()).collect()
}
