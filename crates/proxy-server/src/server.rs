//! The life of the proxy: bind, serve, drain.

use std::io;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use upstream_balancer::Cluster;

use crate::config::Config;
use crate::connection::ConnectionSettings;
use crate::health::{Health, HealthService};
use crate::init_daemon;
use crate::listener::{accept, bind};
use crate::signals::Signals;
use crate::wiring;
use crate::worker::{self, WorkerHandle};

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("listen tcp {address}: {error}")]
    Listen { address: String, error: io::Error },
    #[error("cannot start a runtime: {0}")]
    Runtime(io::Error),
    #[error("cannot start a worker: {0}")]
    Worker(io::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
}

/// Serves until a signal, then drains. The port is bound before the cluster is looked at, so that the proxy can
/// start before etcd does.
///
/// # Errors
/// When it cannot start. A proxy that has started ends well.
pub(crate) async fn serve(config: Config) -> Result<(), ServerError> {
    let mut signals = Signals::listen().map_err(ServerError::Signals)?;
    let listener = bind(&config.listen_addr).await;
    let listener =
        listener.map_err(|error| ServerError::Listen { address: config.listen_addr.clone(), error })?;
    info!(address = %config.listen_addr, "listening for gRPC proxy client requests");

    let drain = CancellationToken::new();
    let (cluster, monitor) = Cluster::new(config.upstream.clone());
    let (health_service, health) = Health::new(Arc::clone(&cluster), drain.clone());
    let (workers, ends) = start_workers(&config, &cluster, &health_service, &drain)?;
    tokio::spawn(monitor.run());
    tokio::spawn(health.run());
    let accepting = tokio::spawn(accept(listener, workers, drain.clone()));

    info!(address = %config.listen_addr, "started gRPC proxy");
    init_daemon::ready();
    signals.next().await;

    init_daemon::stopping();
    info!(address = %config.listen_addr, "stop listening gRPC proxy client requests");
    drain.cancel();
    let drained = async {
        // A worker that has panicked has no connections left either.
        let _ = accepting.await;
        join_all(ends).await;
    };
    tokio::select! {
        ended = timeout(config.drain_timeout, drained) => match ended {
            Ok(()) => info!("all connections ended"),
            Err(_) => warn!(after = ?config.drain_timeout, "closing the connections that are left"),
        },
        () = signals.next() => warn!("closing the connections that are left: second signal"),
    }
    Ok(())
}

fn start_workers(
    config: &Config,
    cluster: &Arc<Cluster>,
    health: &HealthService,
    drain: &CancellationToken,
) -> Result<(Vec<WorkerHandle>, Vec<oneshot::Receiver<()>>), ServerError> {
    let settings = ConnectionSettings {
        max_concurrent_streams: config.max_concurrent_streams,
        keepalive: config.server_keepalive,
    };
    let start = |index| {
        let (config, cluster, health) = (config.clone(), Arc::clone(cluster), health.clone());
        let for_router = drain.clone();
        let router = move || wiring::router(&config, cluster, health, for_router);
        worker::start(index, router, settings.clone(), drain.clone()).map_err(ServerError::Worker)
    };
    let threads = config.worker_threads.unwrap_or_else(cores);
    (0..threads.max(1)).map(start).collect::<Result<Vec<_>, _>>().map(|workers| workers.into_iter().unzip())
}

/// The cores that this process may use, which a container's quota can make fewer than the machine has.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
