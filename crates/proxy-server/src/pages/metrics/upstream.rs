//! The members and the way to them.

use std::sync::Arc;

use admin_http::{Kind, Registry};
use upstream_balancer::{Cluster, Health, MemberStatus};

type Value = fn(&MemberStatus) -> f64;

#[rustfmt::skip]
const OF_MEMBERS: [(&str, Kind, &str, Value); 5] = [
    ("etcd_grpc_proxy_upstream_healthy", Kind::Gauge, "1 for a member that can take calls, as far as is known; else 0.", |member| f64::from(u8::from(member.health == Health::Healthy))),
    ("etcd_grpc_proxy_upstream_pinned", Kind::Gauge, "1 for the member that all calls go to; 0 for the others, and for all where calls are spread.", |member| f64::from(u8::from(member.pinned))),
    ("etcd_grpc_proxy_upstream_connections", Kind::Gauge, "HTTP/2 connections open to a member.", |member| member.connections as f64),
    ("etcd_grpc_proxy_upstream_in_flight", Kind::Gauge, "Calls and streams in flight to a member.", |member| member.in_flight as f64),
    ("etcd_grpc_proxy_upstream_failures_total", Kind::Counter, "How often a member has stopped serving.", |member| member.failures as f64),
];

pub(super) fn register(registry: &Registry, cluster: &Arc<Cluster>) {
    for (name, kind, help, value) in OF_MEMBERS {
        let cluster = Arc::clone(cluster);
        registry.read(name, kind, help, &["endpoint"], move |samples| {
            for member in cluster.members() {
                samples.push(&[&member.endpoint.to_string()], value(&member));
            }
        });
    }
    let cluster = Arc::clone(cluster);
    let help = "Calls that were sent to etcd once more, each as often as it was.";
    registry.counter("etcd_grpc_proxy_upstream_retries_total", help, move || cluster.retries());
}
