//! The pages of the gateway: a list of paths.

use std::sync::Arc;
use std::time::Duration;

use admin_http::{Check, MetricsPage, Pages, Registry};
use tcp_gateway::Gateway;
use tokio_util::sync::CancellationToken;

use super::metrics;
use crate::pages::probes;
use crate::pages::readiness;
use crate::worker::WorkerHandle;

/// All pages. There is no member's page behind `/metrics`: a gateway does not look into what it carries.
pub(super) fn all(gateway: &Gateway, workers: &[WorkerHandle], leaving: &CancellationToken) -> Pages {
    let registry = Arc::new(Registry::default());
    metrics::register(&registry, gateway, workers);
    let alive = probes::workers(workers.to_vec());
    let ready = [probes::drain(leaving.clone()), alive.clone(), upstream(gateway.clone())];
    let pages = Pages::default()
        .with("/metrics", MetricsPage::new(Arc::clone(&registry)))
        .with("/proxy/metrics", MetricsPage::new(registry));
    readiness(readiness(pages, "/livez", &[alive]), "/readyz", &ready)
}

/// Whether some endpoint can be dialled, as far as is known.
fn upstream(gateway: Gateway) -> Check {
    Check::new("upstream", Duration::ZERO, move || {
        let result = if gateway.is_healthy() { Ok(()) } else { Err("no endpoint can be dialled".to_owned()) };
        std::future::ready(result)
    })
}
