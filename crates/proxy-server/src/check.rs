//! `etcd-grpc-proxy check`: what start-up would refuse once the values are valid, without starting.
//!
//! The values are valid by now: the files are readable, certificates and keys fit. What is left to try are the addresses, and
//! what DNS knows.

use std::process::ExitCode;

use crate::cli::{answer, complain, one_line};
use crate::config::{Config, MetricsSocket};
use crate::door::bind::{BindError, bind, try_unix};
use crate::door::tls::Tls;

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
    let lines: Vec<String> = refusals.iter().map(|refusal| one_line(refusal)).collect();
    complain(&lines.join("\n"));
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
    let addresses = [clients.err(), pages.err()].into_iter().flatten().map(|error| error.to_string());
    let discovered = match &config.discovery {
        Some(discovery) => discovery.discovery.find().await.err(),
        None => None,
    };
    let discovered = discovered.map(|error| error.to_string());
    tls(config).into_iter().chain(addresses).chain(discovered).collect()
}

/// What is wrong with the certificates. One that the process makes for itself is not made, but there must be room for it.
fn tls(config: &Config) -> Option<String> {
    let checked = match &config.listener_tls.self_signed {
        Some(made) if !made.cert().exists() => made.check_room(),
        Some(_) | None => Tls::check(config),
    };
    checked.err().map(|error| error.to_string())
}
