//! The pages of the proxy: a list of paths.

pub(crate) mod log_level;
pub(crate) mod metrics;
pub(crate) mod probes;
#[cfg(feature = "pprof")]
pub(crate) mod profiles;
pub(crate) mod status;
pub(crate) mod thread;

use std::sync::Arc;
use std::time::Duration;

use admin_http::{Check, FetchedPage, Health, MetricsPage, Pages, Readiness, Registry, Sampler};
use http::HeaderValue;
use namespace::Namespaced;
use tokio_util::sync::CancellationToken;
use upstream_balancer::{Identity, Upstream};
use watch_coalesce::Relay;

use self::log_level::LogLevelPage;
use self::metrics::Sources;
use self::status::Status;
use crate::services::in_process::InProcess;
use crate::wiring::{self, Chores, House};
use crate::worker::WorkerHandle;

/// A member's pages are fetched so often at most, however many ask.
const MAX_AGE: Duration = Duration::from_secs(1);
/// etcd's proxy says this whatever the member says.
const METRICS_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What the pages look at.
pub(crate) struct Office<'a> {
    pub(crate) house: &'a House,
    pub(crate) workers: &'a [WorkerHandle],
    /// Cancelled when the proxy is about to go.
    pub(crate) leaving: &'a CancellationToken,
}

/// What goes on behind the pages.
#[derive(Debug)]
pub(crate) struct AdminChores {
    /// Wakes the watchers of the checks.
    pub(crate) watch_relay: Relay,
    /// Remembers the last minutes.
    pub(crate) sampler: Sampler,
}

impl AdminChores {
    /// Goes on for as long as it is polled.
    pub(crate) async fn run(self) {
        tokio::join!(self.watch_relay.run(), self.sampler.run());
    }
}

impl Office<'_> {
    /// All pages, and what goes on behind them. All of it has to run on the same runtime.
    pub(crate) fn pages(&self) -> (Pages, AdminChores) {
        let House { config, cluster, .. } = self.house;
        // Without their worker its reads go alone, which is what the probes are for; and nobody keeps leases alive here.
        let (router, Chores { watch_relay, .. }) = wiring::router(self.house.clone());
        let proxy = InProcess::new(Arc::new(router));
        let upstream = Upstream::new(Arc::clone(cluster));
        let user = config.credentials.clone();
        let user = user.map(|user| Identity::new(upstream.clone(), Some(user), &["/health"]));
        let read = probes::linearizable_read(Namespaced::new(upstream, config.namespace.clone()), user);
        let watch = probes::watch(proxy.clone());
        let workers = probes::workers(self.workers.to_vec());
        let ready = [
            probes::drain(self.leaving.clone()),
            workers.clone(),
            probes::upstream(Arc::clone(cluster)),
            read.clone(),
            watch.clone(),
        ];
        let registry = self.registry();
        let health = |check: Check| {
            let (success, failure) = metrics::health(&registry);
            Health::new(check, success, failure)
        };
        let pages = Pages::default()
            .with("/health", health(read))
            .with("/proxy/health", health(probes::proxy(proxy, watch)))
            .with("/metrics", self.of_member("/metrics", METRICS_TYPE))
            .with("/proxy/metrics", MetricsPage::new(Arc::clone(&registry)))
            .with("/version", self.of_member("/version", JSON));
        let pages = readiness(readiness(pages, "/livez", &[workers]), "/readyz", &ready);
        let (status, sampler) = Status::new(self.house, self.workers, self.leaving);
        let pages = LogLevelPage::new(self.house.log_level.clone()).hang(status.hang(pages));
        let chores = AdminChores { watch_relay, sampler };
        (if config.profiles { with_profiles(pages, self.workers) } else { pages }, chores)
    }

    fn registry(&self) -> Arc<Registry> {
        let registry = Arc::new(Registry::default());
        let House {
            calls,
            cluster,
            watch_hub,
            lease_hub,
            cache,
            leasing,
            read_counters,
            limits,
            registry: proxies,
            tls,
            ..
        } = self.house;
        let workers = self.workers;
        Sources {
            calls,
            cluster,
            watch_hub,
            lease_hub,
            cache,
            leasing,
            read_counters,
            proxies,
            tls,
            workers,
            limits,
        }
        .register(&registry);
        // What counts by the facade's macros is shown too. There is one registry for each process.
        let _ = ::metrics::set_global_recorder(Arc::clone(&registry));
        registry
    }

    fn of_member(&self, path: &'static str, content_type: HeaderValue) -> FetchedPage {
        let cluster = Arc::clone(&self.house.cluster);
        FetchedPage::new(content_type, MAX_AGE, move || {
            let cluster = Arc::clone(&cluster);
            async move { cluster.page(path).await.map_err(|error| error.to_string()) }
        })
    }
}

/// Whoever can reach a page can slow the process down and learn what it does.
#[cfg(feature = "pprof")]
fn with_profiles(pages: Pages, workers: &[WorkerHandle]) -> Pages {
    tracing::warn!("gRPC proxy enabled pprof: profiles are served to whoever can reach the listeners");
    profiles::with_profiles(pages, workers)
}

/// The flag is refused in a build without profiles.
#[cfg(not(feature = "pprof"))]
fn with_profiles(pages: Pages, _: &[WorkerHandle]) -> Pages {
    pages
}

/// All checks under a path, and each below it.
pub(crate) fn readiness(pages: Pages, path: &str, checks: &[Check]) -> Pages {
    let all = pages.with(path, Readiness::new(checks.to_vec()));
    checks.iter().fold(all, |pages, check| {
        pages.with(format!("{path}/{}", check.name()), Readiness::new([check.clone()]))
    })
}
