//! The cache of serializable reads.

use admin_http::{Kind, Registry};
use kv_cache::{Counters, KvCache};

type Value = fn(&Counters) -> u64;

/// The first three are those of etcd's proxy, which has them as gauges.
#[rustfmt::skip]
const NAMES: [(&str, Kind, &str, Value); 9] = [
    ("etcd_grpc_proxy_cache_keys_total", Kind::Gauge, "Total number of keys/ranges cached", |cache| cache.entries.get()),
    ("etcd_grpc_proxy_cache_hits_total", Kind::Gauge, "Total number of cache hits", |cache| cache.hits.get()),
    ("etcd_grpc_proxy_cache_misses_total", Kind::Gauge, "Total number of cache misses", |cache| cache.misses.get()),
    ("etcd_grpc_proxy_cache_bytes", Kind::Gauge, "Bytes of the answers that are cached.", |cache| cache.bytes.get()),
    ("etcd_grpc_proxy_cache_watched", Kind::Gauge, "Ranges that are watched because they are read often.", |cache| cache.watched.get()),
    ("etcd_grpc_proxy_cache_joins_total", Kind::Counter, "Reads that were answered with what etcd told somebody who asked the same at that time.", |cache| cache.joins.get()),
    ("etcd_grpc_proxy_cache_evictions_total", Kind::Counter, "Cached answers that made room for others.", |cache| cache.evictions.get()),
    ("etcd_grpc_proxy_cache_invalidations_total", Kind::Counter, "Cached answers that were overtaken by a write, a newer answer, a compaction or a change of permissions.", |cache| cache.invalidations.get()),
    ("etcd_grpc_proxy_cache_expirations_total", Kind::Counter, "Cached answers that were too old.", |cache| cache.expirations.get()),
];

pub(super) fn register(registry: &Registry, cache: &KvCache) {
    for (name, kind, help, value) in NAMES {
        let cache = cache.clone();
        registry
            .read(name, kind, help, &[], move |samples| samples.push(&[], value(cache.counters()) as f64));
    }
}
