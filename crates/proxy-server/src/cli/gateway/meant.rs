//! Flags as meant, checked in etcd's order. What takes a look at DNS is checked by who starts the gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tcp_gateway::Endpoint;
use tls_termination::ClientTls;

use super::flags::Flags;
use crate::cli::Refusal;
use crate::cli::go_values::{GoDuration, quote};
use crate::cli::meant::{discovery, plain_metrics_addr, span, worker_threads};
use crate::config::Log;
use crate::gateway::GatewayConfig;
use crate::log::LogLevel;
use crate::process::discovery::DiscoveryConfig;

/// etcd's gateway takes this for no delay.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(300);

pub(super) fn config(flags: Flags) -> Result<GatewayConfig, Refusal> {
    let endpoints = endpoints(&flags.endpoints)?;
    if split_host_port(&flags.listen_addr).is_none() {
        return Err(Refusal::new(format!("failed to validate listen address: {}", flags.listen_addr)));
    }
    if endpoints.is_empty() {
        return Err(Refusal::new("no endpoints found"));
    }
    Ok(GatewayConfig {
        endpoints,
        discovery: discovery(&flags)?,
        resolver: discovery::resolver(&flags.dns_server)?,
        retry_delay: not_negative("retry-delay", flags.retry_delay)?.unwrap_or(DEFAULT_RETRY_DELAY),
        dial_timeout: not_negative("dial-timeout", flags.dial_timeout)?.ok_or_else(no_time)?,
        drain_timeout: span("drain-timeout", flags.drain_timeout)?,
        metrics_addr: plain_metrics_addr(&flags.metrics_addr)?,
        worker_threads: worker_threads(flags.worker_threads)?,
        log: Log { level: if flags.debug { LogLevel::Debug } else { LogLevel::Info }, ..Log::default() },
        listen_addr: flags.listen_addr,
    })
}

fn discovery(flags: &Flags) -> Result<Option<DiscoveryConfig>, Refusal> {
    let given = discovery::DiscoveryFlags {
        srv: &flags.discovery_srv,
        srv_name: &flags.discovery_srv_name,
        insecure: flags.insecure_discovery,
        interval: flags.discovery_interval,
        dns_server: &flags.dns_server,
    };
    let cacert = (!flags.trusted_ca_file.is_empty()).then(|| PathBuf::from(&flags.trusted_ca_file));
    let tls = ClientTls { cacert, also_named: given.name_of_all(), ..ClientTls::default() };
    let trusted = if given.is_asked_for() && !given.insecure {
        let (trusted, _) = tls.load().map_err(|error| Refusal::new(error.to_string()))?;
        Some(Arc::new(trusted))
    } else {
        None
    };
    discovery::config(&given, trusted)
}

/// etcd's gateway takes a negative delay, and then tries without a pause.
fn not_negative(name: &str, given: GoDuration) -> Result<Option<Duration>, Refusal> {
    if given < GoDuration::ZERO {
        return Err(Refusal::new(format!("invalid {name} {given} (must not be negative)")));
    }
    Ok(given.positive())
}

fn no_time() -> Refusal {
    Refusal::new("invalid dial-timeout 0s (must be positive)")
}

fn endpoints(given: &[String]) -> Result<Vec<Endpoint>, Refusal> {
    let parse = |text: &String| {
        let text = stripped(text);
        endpoint(text).ok_or_else(|| Refusal::new(format!("error parsing endpoint {}", quote(text))))
    };
    given.iter().map(parse).collect()
}

/// What stands between the scheme and the path, where there is a scheme.
fn stripped(text: &str) -> &str {
    let Some((_, rest)) = text.split_once("://") else { return text };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() { text } else { authority }
}

/// A port outside of its range would mean port 0 to etcd's gateway, where nobody can be.
fn endpoint(text: &str) -> Option<Endpoint> {
    let (host, port) = split_host_port(text)?;
    let port = port.split('/').next().unwrap_or_default();
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some(Endpoint::new(host, port))
}

/// Go's `net.SplitHostPort`.
pub(crate) fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match bracketed {
        Some(host) => Some((host, port)),
        None if host.contains([':', '[', ']']) => None,
        None => Some((host, port)),
    }
}
