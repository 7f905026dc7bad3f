//! Everything that `/proxy/metrics` shows, by name: the list of sources.
//!
//! A crate that counts hands out its counters; a function here gives them their names. `docs/metrics.md` is made from
//! this file.

mod cache;
mod grpc;
mod lease;
mod leasing;
mod limits;
mod proxies;
mod reads;
mod tls;
mod upstream;
mod watch;

use std::sync::Arc;

use admin_http::{Kind, Registry, register_process};
use kv_cache::KvCache;
use lease_coalesce::LeaseHub;
use leasing_kv::Leasing;
use metrics::{Counter, Key, Level, Metadata, Recorder as _};
use upstream_balancer::Cluster;
use watch_coalesce::WatchHub;

use crate::door::limits::Limits;
use crate::door::tls::Tls;
use crate::services::calls::Calls;
use crate::worker::WorkerHandle;

/// Where the numbers come from.
pub(crate) struct Sources<'a> {
    pub(crate) calls: &'a Calls,
    pub(crate) cluster: &'a Arc<Cluster>,
    pub(crate) watch_hub: &'a WatchHub,
    pub(crate) lease_hub: &'a LeaseHub,
    pub(crate) cache: &'a KvCache,
    pub(crate) leasing: &'a Leasing,
    pub(crate) read_counters: &'a Arc<read_coalesce::Counters>,
    pub(crate) proxies: &'a resolver_registry::Registry,
    pub(crate) tls: &'a Tls,
    pub(crate) workers: &'a [WorkerHandle],
    pub(crate) limits: &'a Limits,
}

impl Sources<'_> {
    /// Gives every number its name.
    pub(crate) fn register(&self, registry: &Registry) {
        register_process(registry);
        build_info(registry);
        grpc::register(registry, self.calls);
        connections(registry, self.workers);
        upstream::register(registry, self.cluster);
        watch::register(registry, &self.watch_hub.counters());
        lease::register(registry, &self.lease_hub.counters());
        cache::register(registry, self.cache);
        leasing::register(registry, self.leasing.counters());
        reads::register(registry, self.read_counters);
        proxies::register(registry, self.proxies);
        tls::register(registry, self.tls);
        limits::register(registry, self.limits, &self.watch_hub.counters());
    }
}

/// The counters of good and bad answers to `/health` and `/proxy/health`.
pub(crate) fn health(registry: &Registry) -> (Counter, Counter) {
    let counter = |name: &'static str, help: &'static str| {
        registry.describe_counter(name.into(), None, help.into());
        let metadata = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
        registry.register_counter(&Key::from_static_name(name), &metadata)
    };
    (
        counter("etcd_server_health_success", "The total number of successful health checks"),
        counter("etcd_server_health_failures", "The total number of failed health checks"),
    )
}

pub(crate) fn build_info(registry: &Registry) {
    registry.read(
        "etcd_grpc_proxy_build_info",
        Kind::Gauge,
        "Always 1, with what this proxy was built from.",
        &["commit", "compiler", "version"],
        |samples| {
            samples
                .push(&[env!("PROXY_GIT_SHA"), env!("PROXY_RUSTC_VERSION"), env!("CARGO_PKG_VERSION")], 1.0)
        },
    );
}

fn connections(registry: &Registry, workers: &[WorkerHandle]) {
    let open = workers.to_vec();
    registry.gauge(
        "etcd_grpc_proxy_client_connections",
        "Connections of clients that are open.",
        move || open.iter().map(WorkerHandle::connections).sum::<usize>() as f64,
    );
    let accepted = workers.to_vec();
    registry.counter(
        "etcd_grpc_proxy_client_connections_total",
        "Connections of clients since the start.",
        move || accepted.iter().map(WorkerHandle::accepted).sum(),
    );
}

#[cfg(test)]
pub(crate) mod tests;
