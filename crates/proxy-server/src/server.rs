//! The life of the proxy: bind, serve, drain.

use std::io;
use std::sync::Arc;

use futures_util::future::join_all;
use kv_cache::KvCache;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use upstream_balancer::{AutoSync, Cluster, Identity, Upstream};

use crate::bind::{BindError, bind};
use crate::config::Config;
use crate::connection::ConnectionSettings;
use crate::health::Health;
use crate::init_daemon;
use crate::listener::accept;
use crate::signals::Signals;
use crate::wiring::{self, House};
use crate::worker::{self, WorkerHandle};

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error(transparent)]
    Listen(#[from] BindError),
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
    let listener = bind(&config.listen_addr).await?;
    info!(address = %config.listen_addr, "listening for gRPC proxy client requests");

    let drain = CancellationToken::new();
    let (cluster, monitor) = Cluster::new(config.upstream.clone());
    let (health_service, health) = Health::new(Arc::clone(&cluster), drain.clone());
    let upstream = Upstream::new(Arc::clone(&cluster));
    let (watch_hub, watch_worker) = wiring::watch_hub(&config, &upstream);
    let identity =
        Identity::new(upstream.clone(), config.credentials.clone(), &wiring::own_requests(&config));
    let auto_sync = config.auto_sync.map(|interval| AutoSync::new(upstream, identity.clone(), interval));
    let (cache, cache_watcher) = KvCache::new(config.cache.clone());
    let house = House {
        config: Arc::new(config),
        cluster,
        watch_hub,
        cache,
        health: health_service,
        drain: drain.clone(),
    };
    let (cache_watch, cache_relay) = wiring::cache_watch(&house);
    let (workers, ends) = start_workers(&house)?;
    tokio::spawn(monitor.identified(identity).run());
    tokio::spawn(watch_worker.run());
    tokio::spawn(cache_relay.run());
    tokio::spawn(cache_watcher.run(cache_watch));
    tokio::spawn(health.run());
    auto_sync.map(|auto_sync| tokio::spawn(auto_sync.run()));
    let accepting = tokio::spawn(accept(listener, workers, drain.clone()));

    let config = &house.config;
    info!(address = %config.listen_addr, "started gRPC proxy");
    init_daemon::ready();
    signals.next().await;

    init_daemon::stopping();
    info!(address = %config.listen_addr, "stop listening gRPC proxy client requests");
    drain.cancel();
    house.watch_hub.close();
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

type Workers = (Vec<WorkerHandle>, Vec<oneshot::Receiver<()>>);

fn start_workers(house: &House) -> Result<Workers, ServerError> {
    let settings = ConnectionSettings {
        max_concurrent_streams: house.config.max_concurrent_streams,
        keepalive: house.config.server_keepalive,
    };
    let start = |index| {
        let of_worker = house.clone();
        let wire = move || wiring::router(of_worker);
        worker::start(index, wire, settings.clone(), house.drain.clone()).map_err(ServerError::Worker)
    };
    let threads = house.config.worker_threads.unwrap_or_else(cores);
    (0..threads.max(1)).map(start).collect::<Result<Vec<_>, _>>().map(|workers| workers.into_iter().unzip())
}

/// The cores that this process may use, which a container's quota can make fewer than the machine has.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
