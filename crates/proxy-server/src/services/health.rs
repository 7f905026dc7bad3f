//! `grpc.health.v1`: whether this proxy can serve, for clients and orchestrators that ask by gRPC.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService as Reported};
use upstream_balancer::Cluster;

pub(crate) type HealthService = HealthServer<Reported>;

/// The services that clients ask for; the empty name is the whole proxy.
const SERVICES: [&str; 9] = [
    "",
    "etcdserverpb.KV",
    "etcdserverpb.Watch",
    "etcdserverpb.Lease",
    "etcdserverpb.Cluster",
    "etcdserverpb.Maintenance",
    "etcdserverpb.Auth",
    "v3electionpb.Election",
    "v3lockpb.Lock",
];

/// Reports `SERVING` while some member serves and this proxy is not about to leave.
pub(crate) struct Health {
    reporter: HealthReporter,
    cluster: Arc<Cluster>,
    leaving: CancellationToken,
}

impl Health {
    /// The service to mount on every runtime, and the work that keeps it true.
    pub(crate) fn new(cluster: Arc<Cluster>, leaving: CancellationToken) -> (HealthService, Self) {
        let reporter = HealthReporter::new();
        let service = HealthServer::new(Reported::from_health_reporter(reporter.clone()));
        (service, Self { reporter, cluster, leaving })
    }

    /// Runs until the leave has been reported.
    pub(crate) async fn run(self) {
        let mut changes = self.cluster.changes();
        while !self.leaving.is_cancelled() {
            self.report(self.cluster.is_healthy()).await;
            tokio::select! {
                _ = changes.changed() => {}
                () = self.leaving.cancelled() => {}
            }
        }
        self.report(false).await;
    }

    async fn report(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in SERVICES {
            self.reporter.set_service_status(service, status).await;
        }
    }
}
