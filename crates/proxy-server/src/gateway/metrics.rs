//! What the gateway counts, by name.

use std::sync::Arc;

use admin_http::{Kind, Registry, register_process};
use tcp_gateway::{Counters, Gateway, RemoteStatus};

use crate::pages::metrics::build_info;
use crate::worker::WorkerHandle;

type Value = fn(&Counters) -> u64;
type OfEndpoint = fn(&RemoteStatus) -> f64;

#[rustfmt::skip]
const TOTALS: [(&str, &str, Value); 5] = [
    ("etcd_gateway_refused_connections_total", "Connections of clients for whom no endpoint could be dialled.", |all| all.refused.get()),
    ("etcd_gateway_broken_connections_total", "Connections that broke off instead of ending.", |all| all.broken.get()),
    ("etcd_gateway_client_sent_bytes_total", "Bytes from clients to endpoints.", |all| all.traffic(|shard| &shard.sent)),
    ("etcd_gateway_client_received_bytes_total", "Bytes from endpoints to clients.", |all| all.traffic(|shard| &shard.received)),
    ("etcd_gateway_spliced_bytes_total", "Those of both that never left the kernel.", |all| all.traffic(|shard| &shard.spliced)),
];

#[rustfmt::skip]
const ENDPOINTS: [(&str, Kind, &str, OfEndpoint); 4] = [
    ("etcd_gateway_endpoint_active", Kind::Gauge, "1 while nothing speaks against the endpoint, 0 while it is set aside.", |status| f64::from(u8::from(status.active))),
    ("etcd_gateway_endpoint_connections", Kind::Gauge, "Connections open to the endpoint.", |status| status.connections as f64),
    ("etcd_gateway_endpoint_dials_total", Kind::Counter, "Connections that the endpoint took.", |status| status.dials as f64),
    ("etcd_gateway_endpoint_dial_failures_total", Kind::Counter, "Dials of the endpoint that failed.", |status| status.failures as f64),
];

pub(super) fn register(registry: &Registry, gateway: &Gateway, workers: &[WorkerHandle]) {
    register_process(registry);
    build_info(registry);
    connections(registry, workers);
    for (name, help, value) in TOTALS {
        let counters = Arc::clone(gateway.counters());
        registry.counter(name, help, move || value(&counters));
    }
    for (name, kind, help, value) in ENDPOINTS {
        let gateway = gateway.clone();
        registry.read(name, kind, help, &["endpoint"], move |samples| {
            for status in gateway.remotes_now() {
                samples.push(&[&status.endpoint.to_string()], value(&status));
            }
        });
    }
}

fn connections(registry: &Registry, workers: &[WorkerHandle]) {
    let open = workers.to_vec();
    registry.gauge("etcd_gateway_client_connections", "Connections of clients that are open.", move || {
        open.iter().map(WorkerHandle::connections).sum::<usize>() as f64
    });
    let accepted = workers.to_vec();
    registry.counter(
        "etcd_gateway_client_connections_total",
        "Connections of clients since the start.",
        move || accepted.iter().map(WorkerHandle::accepted).sum(),
    );
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[test]
    fn every_name_of_the_gateway_is_documented() {
        let (gateway, _) = Gateway::new(tcp_gateway::Config::new(vec![tcp_gateway::Endpoint::new("a", 1)]));
        let (worker, _) = crate::worker::new(CancellationToken::new());
        let registry = Registry::default();
        register(&registry, &gateway, &[worker]);
        crate::pages::metrics::tests::documented(&registry, "<!-- table of the gateway -->\n");
    }
}
