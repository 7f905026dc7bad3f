//! Flags as meant: what the values say together, checked in etcd's order.
//!
//! etcd 3.7.3 looks at the registration, the self-signed certificate's validity and the TLS versions first, then at
//! the certificate files, then at the endpoints, then at the message sizes.

mod cache;
pub(super) mod discovery;
mod identity;
mod json;
mod leasing;
mod limits;
mod listener;
mod listener_tls;
mod observation;
mod reads;
mod registration;
mod tenant;
mod upstream;
mod watch;

use std::{path::PathBuf, time::Duration};

use super::{
    Environment, Problems, Refusal,
    flags::Flags,
    go_values::{GoDuration, quote},
};
use crate::config::{Config, DrainTimes};
pub(super) use observation::plain_metrics_addr;

/// The configuration that the flags mean, or everything that is wrong with them.
pub(super) fn config(flags: Flags, environment: &Environment) -> Result<Config, Refusal> {
    let mut all = Problems::default();
    let registration = all.note(registration::config(&flags));
    let listener = all.note(listener::check(&flags));
    let address = all.note(listener::address(&flags));
    let metrics_addr = all.note(observation::metrics_addr(&flags.metrics_addr));
    let metrics_are_tls = matches!(&metrics_addr, Ok(Some(address)) if address.is_tls);
    let listener_tls = all.note(listener_tls::config(&flags, metrics_are_tls));
    let upstream = all.note(upstream::config(&flags));
    let credentials = all.note(identity::credentials(&flags, |name| environment.get(name)));
    let namespace = all.note(tenant::namespace(&flags));
    let reads = all.note(reads::config(&flags));
    let watch = all.note(watch::config(&flags));
    let cache = all.note(cache::config(&flags));
    let origins = all.note(json::origins(&flags.cors));
    let leasing = all.note(leasing::config(&flags));
    let worker_threads = all.note(worker_threads(flags.worker_threads));
    let profiles = all.note(observation::profiles(flags.enable_pprof));
    let extensive_metrics = all.note(observation::is_extensive(&flags.metrics));
    let limits = all.note(limits::config(&flags));
    let tracing = all.note(observation::tracing(&flags));
    let log = all.note(observation::log(&flags));
    let drain_delay = all.note(span("drain-delay", flags.drain_delay));
    let drain_timeout = all.note(span("drain-timeout", flags.drain_timeout));
    all.refuse()?;
    // None of these fails any more.
    listener.and(address)?;
    let (listener_tls, mut notices) = listener_tls?;
    let (upstream, discovery, upstream_files, of_upstream) = upstream?;
    notices.extend(of_upstream);
    let certificates = listener_tls::certificates(&flags, &listener_tls);
    Ok(Config {
        upstream,
        upstream_files,
        discovery,
        listener_tls,
        notices,
        certificates,
        auto_sync: flags.endpoints_auto_sync_interval.positive(),
        registration: registration?,
        credentials: credentials?,
        namespace: namespace?,
        reads: reads?,
        watch: watch?,
        cache: cache?,
        origins: origins?,
        leasing: leasing?,
        server_keepalive: listener::keepalive(&flags),
        max_concurrent_streams: unlimited_when_zero(flags.max_concurrent_streams),
        worker_threads: worker_threads?,
        profiles: profiles?,
        extensive_metrics: extensive_metrics?,
        metrics_addr: metrics_addr?,
        read_only: flags.read_only,
        drain: DrainTimes { delay: drain_delay?, timeout: drain_timeout? },
        limits: limits?,
        tracing: tracing?,
        log: log?,
        settings: Vec::new(),
        listen_addr: flags.listen_addr,
        advertise_client_url: flags.advertise_client_url,
    })
}

/// The file of this name; an empty name is none.
fn file(name: &str) -> Option<PathBuf> {
    if name.is_empty() { None } else { Some(PathBuf::from(name)) }
}

/// No stream at all would be no server. grpc-go takes zero for "no limit".
fn unlimited_when_zero(streams: u32) -> u32 {
    if streams == 0 { u32::MAX } else { streams }
}

pub(super) fn worker_threads(given: u64) -> Result<Option<usize>, Refusal> {
    match given {
        0 => Ok(None),
        _ => bounded("worker-threads", given, 1024).map(Some),
    }
}

fn on_or_off(name: &str, given: &str) -> Result<bool, Refusal> {
    match given {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Refusal::new(format!("invalid {name} {} (must be one of: on, off)", quote(given)))),
    }
}

/// A count for which more than `max` can only be a slip.
fn bounded(name: &str, given: u64, max: usize) -> Result<usize, Refusal> {
    let fits = usize::try_from(given).ok().filter(|n| (1..=max).contains(n));
    fits.ok_or_else(|| Refusal::new(format!("invalid {name} {given} (must be between 1 and {max})")))
}

pub(super) fn span(name: &str, given: GoDuration) -> Result<Duration, Refusal> {
    if given < GoDuration::ZERO {
        return Err(Refusal::new(format!("invalid {name} {given} (must not be negative)")));
    }
    Ok(given.positive().unwrap_or_default())
}
