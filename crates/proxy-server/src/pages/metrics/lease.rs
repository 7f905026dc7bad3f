//! The lease hub.

use std::sync::Arc;

use admin_http::{Kind, Registry};
use lease_coalesce::Counters;

type Value = fn(&Counters) -> u64;

#[rustfmt::skip]
const NAMES: [(&str, Kind, &str, Value); 9] = [
    ("etcd_grpc_proxy_lease_streams", Kind::Gauge, "LeaseKeepAlive streams of clients.", |hub| hub.sessions.get()),
    ("etcd_grpc_proxy_lease_upstream_streams", Kind::Gauge, "LeaseKeepAlive streams to etcd that the clients' streams share.", |hub| hub.upstream_streams.get()),
    ("etcd_grpc_proxy_lease_pings_received_total", Kind::Counter, "Keep-alive pings from clients.", |hub| hub.pings_received.get()),
    ("etcd_grpc_proxy_lease_pings_sent_total", Kind::Counter, "Keep-alive pings sent to etcd, those that were sent again included.", |hub| hub.pings_sent.get()),
    ("etcd_grpc_proxy_lease_pings_joined_total", Kind::Counter, "Keep-alive pings that waited for the answer to another of the same lease.", |hub| hub.pings_joined.get()),
    ("etcd_grpc_proxy_lease_pings_remembered_total", Kind::Counter, "Keep-alive pings answered from memory.", |hub| hub.pings_remembered.get()),
    ("etcd_grpc_proxy_lease_reopens_total", Kind::Counter, "LeaseKeepAlive streams to etcd that ended while they were needed.", |hub| hub.reopens.get()),
    ("etcd_grpc_proxy_lease_rotations_total", Kind::Counter, "LeaseKeepAlive streams to etcd that were left because one ping held up the others.", |hub| hub.rotations.get()),
    ("etcd_grpc_proxy_lease_remembered_leases", Kind::Gauge, "Leases that are remembered.", |hub| hub.remembered_leases.get()),
];

pub(super) fn register(registry: &Registry, counters: &Arc<Counters>) {
    for (name, kind, help, value) in NAMES {
        let counters = Arc::clone(counters);
        registry.read(name, kind, help, &[], move |samples| samples.push(&[], value(&counters) as f64));
    }
}
