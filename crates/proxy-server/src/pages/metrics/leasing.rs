//! Keys that are owned.

use std::sync::Arc;

use admin_http::{Kind, Registry};
use leasing_kv::Counters;

type Value = fn(&Counters) -> u64;

#[rustfmt::skip]
const NAMES: [(&str, Kind, &str, Value); 8] = [
    ("etcd_grpc_proxy_leasing_keys", Kind::Gauge, "Keys that are leased to this proxy.", |leasing| leasing.keys.get()),
    ("etcd_grpc_proxy_leasing_bytes", Kind::Gauge, "Bytes of the keys that are leased to this proxy and of their values.", |leasing| leasing.bytes.get()),
    ("etcd_grpc_proxy_leasing_hits_total", Kind::Counter, "Reads and transactions that were answered from leased keys.", |leasing| leasing.hits.get()),
    ("etcd_grpc_proxy_leasing_disconnected_hits_total", Kind::Counter, "Of those, the ones for which etcd could not be asked whether the caller still may read.", |leasing| leasing.disconnected.get()),
    ("etcd_grpc_proxy_leasing_acquisitions_total", Kind::Counter, "Keys that were leased.", |leasing| leasing.acquisitions.get()),
    ("etcd_grpc_proxy_leasing_revocations_given_total", Kind::Counter, "Keys that were given back because a writer asked for them.", |leasing| leasing.given.get()),
    ("etcd_grpc_proxy_leasing_revocations_asked_total", Kind::Counter, "Keys that others were asked to give back.", |leasing| leasing.asked.get()),
    ("etcd_grpc_proxy_leasing_sessions_lost_total", Kind::Counter, "Sessions that were lost, and all leased keys with each of them.", |leasing| leasing.sessions_lost.get()),
];

pub(super) fn register(registry: &Registry, counters: &Arc<Counters>) {
    for (name, kind, help, value) in NAMES {
        let counters = Arc::clone(counters);
        registry.read(name, kind, help, &[], move |samples| samples.push(&[], value(&counters) as f64));
    }
}
