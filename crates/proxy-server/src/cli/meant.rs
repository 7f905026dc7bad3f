//! Flags as meant: what the values say together, checked in etcd's order.
//!
//! etcd 3.7.3 looks at the registration, the self-signed certificate's validity and the TLS versions first, then at
//! the certificate files, then at the endpoints, then at the message sizes.

mod cache;
mod identity;
mod listener;
mod observation;
mod reads;
mod registration;
mod tenant;
mod upstream;
mod watch;

use std::time::Duration;

use super::{
    Refusal,
    flags::Flags,
    go_values::{GoDuration, quote},
    unserved,
};
use crate::config::Config;

/// The configuration that the flags mean.
pub(super) fn config(flags: Flags) -> Result<Config, Refusal> {
    let registration = registration::config(&flags)?;
    listener::check(&flags)?;
    unserved::refuse(&flags)?;
    let (upstream, notices) = upstream::config(&flags)?;
    let certificates = upstream::certificates(&flags);
    Ok(Config {
        upstream,
        notices,
        certificates,
        auto_sync: flags.endpoints_auto_sync_interval.positive(),
        registration,
        credentials: identity::credentials(&flags, |name| std::env::var(name).ok())?,
        namespace: tenant::namespace(&flags)?,
        reads: reads::config(&flags)?,
        watch: watch::config(&flags)?,
        cache: cache::config(&flags)?,
        server_keepalive: listener::keepalive(&flags),
        max_concurrent_streams: unlimited_when_zero(flags.max_concurrent_streams),
        worker_threads: worker_threads(flags.worker_threads)?,
        profiles: observation::profiles(flags.enable_pprof)?,
        extensive_metrics: observation::is_extensive(&flags.metrics)?,
        metrics_addr: observation::metrics_addr(&flags.metrics_addr)?,
        drain_timeout: drain_timeout(flags.drain_timeout)?,
        debug: flags.debug,
        settings: flags.settings,
        listen_addr: flags.listen_addr,
        advertise_client_url: flags.advertise_client_url,
    })
}

/// No stream at all would be no server. grpc-go takes zero for "no limit".
fn unlimited_when_zero(streams: u32) -> u32 {
    if streams == 0 { u32::MAX } else { streams }
}

fn worker_threads(given: u64) -> Result<Option<usize>, Refusal> {
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

fn drain_timeout(given: GoDuration) -> Result<Duration, Refusal> {
    if given < GoDuration::ZERO {
        return Err(Refusal::new(format!("invalid drain-timeout {given} (must not be negative)")));
    }
    Ok(given.positive().unwrap_or_default())
}
