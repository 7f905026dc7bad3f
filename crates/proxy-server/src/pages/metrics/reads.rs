//! Reads that share transactions.

use std::sync::Arc;

use admin_http::{Kind, Registry};
use read_coalesce::{BATCH_SIZES, Counters};

type Value = fn(&Counters) -> u64;

#[rustfmt::skip]
const NAMES: [(&str, &str, Value); 5] = [
    ("etcd_grpc_proxy_reads_alone_total", "Linearizable reads that found nobody under way and went as a Range at once.", |reads| reads.plain_reads.get()),
    ("etcd_grpc_proxy_reads_excluded_total", "Reads that may not share: serializable ones, of a revision, of large ranges.", |reads| reads.excluded_reads.get()),
    ("etcd_grpc_proxy_reads_batched_total", "Linearizable reads that were answered together with others.", |reads| reads.batched_reads.get()),
    ("etcd_grpc_proxy_reads_saved_total", "Calls that etcd did not get because reads were answered together.", |reads| reads.saved_calls.get()),
    ("etcd_grpc_proxy_reads_repeated_total", "Reads of a failed batch that were asked again one by one.", |reads| reads.repeated_reads.get()),
];

const BATCHES: &str = "etcd_grpc_proxy_read_batches_total";
const BATCHES_HELP: &str = "Calls sent for several readers, by distinct reads: up to `reads` of them.";

pub(super) fn register(registry: &Registry, counters: &Arc<Counters>) {
    for (name, help, value) in NAMES {
        let counters = Arc::clone(counters);
        registry.counter(name, help, move || value(&counters));
    }
    let counters = Arc::clone(counters);
    registry.read(BATCHES, Kind::Counter, BATCHES_HELP, &["reads"], move |samples| {
        let bounds = BATCH_SIZES.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, batches) in bounds.zip(&counters.batch_sizes) {
            samples.push(&[bound.as_str()], batches.get() as f64);
        }
    });
}
