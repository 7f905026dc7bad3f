//! The registration of this proxy and of others.

use admin_http::{Kind, Registry};
use resolver_registry::Counters;

type Value = fn(&Counters) -> u64;

#[rustfmt::skip]
const NAMES: [(&str, Kind, &str, Value); 6] = [
    ("etcd_grpc_proxy_registry_proxies", Kind::Gauge, "Proxies that MemberList names, this one included.", |registry| registry.proxies.get()),
    ("etcd_grpc_proxy_registry_registered", Kind::Gauge, "1 while this proxy's registration stands in etcd, as far as is known; else 0.", |registry| registry.registered.get()),
    ("etcd_grpc_proxy_registry_registrations_total", Kind::Counter, "Registrations of this proxy that were made.", |registry| registry.registrations.get()),
    ("etcd_grpc_proxy_registry_expirations_total", Kind::Counter, "Registrations of this proxy that were lost with their lease.", |registry| registry.expirations.get()),
    ("etcd_grpc_proxy_registry_lists_total", Kind::Counter, "How often the list of all proxies was read as a whole.", |registry| registry.lists.get()),
    ("etcd_grpc_proxy_registry_failures_total", Kind::Counter, "Calls for the registration and the list that failed or were refused.", |registry| registry.failures.get()),
];

pub(super) fn register(registry: &Registry, proxies: &resolver_registry::Registry) {
    for (name, kind, help, value) in NAMES {
        let proxies = proxies.clone();
        registry
            .read(name, kind, help, &[], move |samples| samples.push(&[], value(proxies.counters()) as f64));
    }
}
