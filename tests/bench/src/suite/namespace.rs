//! What a namespace costs: the same calls through the same proxy, with a namespace and without.

use super::unary::{METRICS, Unary};
use super::{Claim, Figures, Metric, Suite, THEIRS, Workload, claim};
use crate::Result;
use crate::arguments::Pace;
use crate::target::Target;

/// The namespace of the proxy that has one.
pub(crate) const PREFIX: &str = "tenant/";

const CLAIMS: &[Claim] = &[claim("CPU per call with a namespace", "mixed-many", "proxy_cpu", THEIRS, 1.1)];

/// The mix of the suite `unary`, of many keys.
pub(crate) struct Namespace(Unary);

impl Namespace {
    pub(crate) fn new(connections: usize) -> Self {
        Self(Unary::new(connections))
    }
}

impl Suite for Namespace {
    fn name(&self) -> &'static str {
        "namespace"
    }

    fn description(&self) -> String {
        "Linearizable reads and writes (one in 10) of 10,000 keys, as in the suite `unary`, through two processes of \
         this proxy, one of them with `--namespace`."
            .to_owned()
    }

    fn counts(&self) -> &'static str {
        "in flight"
    }

    fn workloads(&self) -> Vec<Workload> {
        [1, 8, 256].map(|in_flight| Workload { name: format!("mixed-many@{in_flight}") }).into()
    }

    fn metrics(&self) -> &'static [Metric] {
        METRICS
    }

    fn claims(&self) -> &'static [Claim] {
        CLAIMS
    }

    async fn prepare(&self, etcd: &Target) -> Result<()> {
        self.0.prepare(etcd).await?;
        self.0.fill_under(PREFIX, etcd).await
    }

    async fn before_round(&self, etcd: &Target) -> Result<()> {
        self.0.before_round(etcd).await
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        self.0.measure(workload, target, pace).await
    }
}
