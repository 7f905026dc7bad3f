//! Those who were refused because they took too much.

use std::sync::Arc;

use admin_http::{Kind, Registry};
use watch_coalesce::Counters;

use crate::door::limits::Limits;

const NAME: &str = "etcd_grpc_proxy_limits_refused_total";
const HELP: &str = "Calls, watchers and connections that were refused because of --client-qps, --max-watches-per-client and --max-connections.";

pub(super) fn register(registry: &Registry, limits: &Limits, hub: &Arc<Counters>) {
    let (limits, hub) = (limits.clone(), Arc::clone(hub));
    registry.read(NAME, Kind::Counter, HELP, &["what"], move |samples| {
        samples.push(&["call"], limits.refused_calls() as f64);
        samples.push(&["connection"], limits.refused_connections() as f64);
        samples.push(&["watcher"], hub.refused_watchers.get() as f64);
    });
}
