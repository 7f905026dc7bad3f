//! The watch hub.

use std::sync::Arc;

use admin_http::{Kind, Registry};
use watch_coalesce::Counters;

type Value = fn(&Counters) -> f64;

/// The first two are those of etcd's proxy, which counts them so: watchers beyond the first of each watcher on etcd,
/// and responses that went to them.
#[rustfmt::skip]
const NAMES: [(&str, Kind, &str, Value); 14] = [
    ("etcd_grpc_proxy_watchers_coalescing_total", Kind::Gauge, "Total number of current watchers coalescing", |hub| hub.client_watchers.get().saturating_sub(hub.upstream_watchers.get()) as f64),
    ("etcd_grpc_proxy_events_coalescing_total", Kind::Counter, "Total number of events coalescing", |hub| hub.responses_saved.get() as f64),
    ("etcd_grpc_proxy_watch_streams", Kind::Gauge, "Watch streams of clients.", |hub| hub.sessions.get() as f64),
    ("etcd_grpc_proxy_watch_client_watchers", Kind::Gauge, "Watchers of clients.", |hub| hub.client_watchers.get() as f64),
    ("etcd_grpc_proxy_watch_upstream_watchers", Kind::Gauge, "Watchers on etcd that the clients' watchers share.", |hub| hub.upstream_watchers.get() as f64),
    ("etcd_grpc_proxy_watch_coalescing_ratio", Kind::Gauge, "Watchers of clients for each watcher on etcd; 0 without any.", ratio),
    ("etcd_grpc_proxy_watch_lagging_watchers", Kind::Gauge, "Watchers of clients that read the past from a watcher of their own.", |hub| hub.lagging_watchers.get() as f64),
    ("etcd_grpc_proxy_watch_history_bytes", Kind::Gauge, "Bytes of past events that are kept.", |hub| hub.history_bytes.get() as f64),
    ("etcd_grpc_proxy_watch_history_misses_total", Kind::Counter, "Watchers that fell out of the history that is kept.", |hub| hub.falls.get() as f64),
    ("etcd_grpc_proxy_watch_joins_total", Kind::Counter, "Watchers that joined a watcher on etcd which was there already.", |hub| hub.joins_shared.get() as f64),
    ("etcd_grpc_proxy_watch_resumes_total", Kind::Counter, "Watch streams to etcd that were lost and opened again.", |hub| hub.resumes.get() as f64),
    ("etcd_grpc_proxy_watch_progress_requests_total", Kind::Counter, "Progress requests sent to etcd.", |hub| hub.progress_requests.get() as f64),
    ("etcd_grpc_proxy_watch_events_received_total", Kind::Counter, "Events received from etcd.", |hub| hub.events_received.get() as f64),
    ("etcd_grpc_proxy_watch_events_sent_total", Kind::Counter, "Events sent to clients.", |hub| hub.events_delivered.get() as f64),
];

pub(super) fn register(registry: &Registry, counters: &Arc<Counters>) {
    for (name, kind, help, value) in NAMES {
        let counters = Arc::clone(counters);
        registry.read(name, kind, help, &[], move |samples| samples.push(&[], value(&counters)));
    }
}

fn ratio(hub: &Counters) -> f64 {
    match hub.upstream_watchers.get() {
        0 => 0.0,
        upstream => hub.client_watchers.get() as f64 / upstream as f64,
    }
}
