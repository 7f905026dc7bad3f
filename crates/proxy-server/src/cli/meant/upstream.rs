//! What the flags mean for the side that faces etcd.

use std::{str::FromStr, sync::Arc, time::Duration};

use tls_termination::{ClientTls, Source};
use upstream_balancer::{Endpoint, Keepalive, Policy, UnknownPolicy};

use super::{bounded, discovery, file, listener_tls};
use crate::cli::{Problems, Refusal, flags::Flags, shown::without_userinfo};
use crate::config::{Notice, TlsFiles};
use crate::process::discovery::DiscoveryConfig;

/// etcd's client gives a member this long to take a connection.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// grpc-go pings no more often than this, whatever was asked for: etcd disconnects who does.
const LEAST_PING_INTERVAL: Duration = Duration::from_secs(10);
/// etcd's client sends messages up to this size when told nothing.
const DEFAULT_SEND_BYTES: usize = 2 * 1024 * 1024;
/// The largest message that etcd's client takes when told nothing.
const DEFAULT_RECV_BYTES: usize = i32::MAX as usize;

/// A configuration, where else its members are looked for, the files that it follows, and what to log about it.
type Meant = (upstream_balancer::Config, Option<DiscoveryConfig>, Vec<Source>, Vec<Notice>);

/// The upstream's configuration.
pub(super) fn config(flags: &Flags) -> Result<Meant, Refusal> {
    let mut all = Problems::default();
    let tls = client_tls(flags)?;
    let files = all.note(tls.check().map_err(|error| Refusal::new(error.to_string())));
    let endpoints = all.note(endpoints(&flags.endpoints));
    let resolver = all.note(discovery::resolver(&flags.dns_server));
    let sizes = all.note(message_sizes(flags));
    let policy = all.note(policy(&flags.balancer));
    let connections = all.note(bounded("upstream-connections", flags.upstream_connections, 256));
    // Files that do not fit together are said to be so once.
    let rustls = match (&files, &endpoints) {
        (Ok(()), Ok(endpoints)) => all.note(rustls_config(&tls, endpoints, &discovery_flags(flags))),
        _ => Ok((None, Vec::new())),
    };
    let discovery = match (&rustls, &resolver) {
        (Ok((rustls, _)), Ok(_)) => all.note(discovery::config(&discovery_flags(flags), rustls.clone())),
        _ => Ok(None),
    };
    all.refuse()?;
    // None of these fails any more.
    let (max_send_bytes, max_recv_bytes) = sizes?;
    let discovery = discovery?;
    let (rustls, followed) = rustls?;
    let endpoints = if discovery.is_some() { beside_discovered(endpoints?, &tls) } else { endpoints? };
    let config = upstream_balancer::Config {
        tls: rustls,
        resolver: resolver?,
        policy: policy?,
        connections: connections?,
        dial_timeout: DIAL_TIMEOUT,
        keepalive: keepalive(flags),
        max_send_bytes,
        max_recv_bytes,
        endpoints,
    };
    let notices = notices(flags, &tls, &config.endpoints);
    Ok((config, discovery, followed, notices))
}

fn discovery_flags(flags: &Flags) -> discovery::DiscoveryFlags<'_> {
    discovery::DiscoveryFlags {
        srv: &flags.discovery_srv,
        srv_name: &flags.discovery_srv_name,
        insecure: flags.insecure_discovery,
        interval: flags.discovery_interval,
        dns_server: &flags.dns_server,
    }
}

/// Endpoints that do not say how they speak are not to speak TLS only because DNS may name members that do.
fn beside_discovered(given: Vec<Endpoint>, tls: &ClientTls) -> Vec<Endpoint> {
    let plain = |endpoint: Endpoint| {
        let says = endpoint.is_tls(true) == endpoint.is_tls(false);
        let plain = format!("http://{}", endpoint.address());
        if says || tls.is_wanted() { endpoint } else { plain.parse().unwrap_or(endpoint) }
    };
    given.into_iter().map(plain).collect()
}

fn client_tls(flags: &Flags) -> Result<ClientTls, Refusal> {
    Ok(ClientTls {
        cert: file(&flags.cert),
        key: file(&flags.key),
        cacert: file(&flags.cacert),
        insecure_skip_verify: flags.insecure_skip_tls_verify,
        may_name_somebody: false,
        also_named: discovery_flags(flags).name_of_all(),
        curves: listener_tls::curves(flags)?,
    })
}

/// An empty element is a stray comma, which etcd's client passes over as a member that is never there.
fn endpoints(given: &[String]) -> Result<Vec<Endpoint>, Refusal> {
    let named = given.iter().map(|endpoint| endpoint.trim()).filter(|endpoint| !endpoint.is_empty());
    let mut all = Problems::default();
    // Nobody has a name and a password in an endpoint for etcd, but who tries shall not find them in the log.
    let parse = |endpoint: &str| {
        let refused = |error: <Endpoint as FromStr>::Err| {
            Refusal::new(error.to_string().replace(endpoint, &without_userinfo(endpoint)))
        };
        endpoint.parse().map_err(refused)
    };
    let parsed: Vec<_> = named.map(|endpoint| all.note(parse(endpoint))).collect();
    all.refuse()?;
    let parsed = parsed.into_iter().collect::<Result<Vec<Endpoint>, _>>()?;
    if parsed.is_empty() { Err(Refusal::new("etcdclient: no available endpoints")) } else { Ok(parsed) }
}

/// The system's roots are looked for when an endpoint needs them: a plain cluster works on a machine without any.
///
/// DNS may name members that speak TLS, so there is a configuration for them where one can be had.
fn rustls_config(
    tls: &ClientTls,
    endpoints: &[Endpoint],
    discovery: &discovery::DiscoveryFlags<'_>,
) -> Result<(Option<Arc<rustls::ClientConfig>>, Vec<Source>), Refusal> {
    let load = || tls.load().map(|(config, files)| (Some(Arc::new(config)), files));
    if discovery.is_asked_for() {
        return load()
            .or_else(|error| if discovery.insecure { Ok((None, Vec::new())) } else { Err(error) })
            .map_err(|error| Refusal::new(error.to_string()));
    }
    if !endpoints.iter().any(|endpoint| endpoint.is_tls(tls.is_wanted())) {
        return Ok((None, Vec::new()));
    }
    load().map_err(|error| Refusal::new(error.to_string()))
}

fn keepalive(flags: &Flags) -> Option<Keepalive> {
    Some(Keepalive {
        interval: flags.dial_keepalive_time.positive()?.max(LEAST_PING_INTERVAL),
        timeout: flags.dial_keepalive_timeout.positive().unwrap_or(Duration::from_secs(20)),
        permit_without_stream: flags.permit_without_stream,
    })
}

/// What may be sent and received. etcd compares what was typed, so an unset limit is smaller than any other.
fn message_sizes(flags: &Flags) -> Result<(usize, usize), Refusal> {
    let (send, recv) = (flags.max_send_bytes, flags.max_recv_bytes);
    if recv > 0 && send > recv {
        let limits = format!("recv limit ({recv} bytes) must be greater than send limit ({send} bytes)");
        return Err(Refusal::new(format!("gRPC message {limits}")));
    }
    Ok((size(send, DEFAULT_SEND_BYTES), size(recv, DEFAULT_RECV_BYTES)))
}

fn size(given: i64, default: usize) -> usize {
    usize::try_from(given).ok().filter(|bytes| *bytes > 0).unwrap_or(default)
}

fn notices(flags: &Flags, tls: &ClientTls, endpoints: &[Endpoint]) -> Vec<Notice> {
    if !tls.is_wanted() {
        return Vec::new();
    }
    let unverified = flags.insecure_skip_tls_verify.then_some(Notice::Unverified);
    let files = TlsFiles {
        cert: flags.cert.clone(),
        key: flags.key.clone(),
        trusted_ca: flags.cacert.clone(),
        crl: String::new(),
    };
    let plain = endpoints.iter().filter(|endpoint| !endpoint.is_tls(true));
    let plain = plain.map(|endpoint| Notice::PlainDespiteTlsFlags(endpoint.to_string()));
    unverified.into_iter().chain([Notice::ClientTls(files)]).chain(plain).collect()
}

fn policy(word: &str) -> Result<Policy, Refusal> {
    word.parse().map_err(|error: UnknownPolicy| Refusal::new(error.to_string()))
}
