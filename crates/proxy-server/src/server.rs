//! The life of the proxy: bind, serve, drain.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use admin_http::Admin;
use dns_discovery::{DiscoveryError, Found};
use futures_util::future::{Either, join_all};
use kv_cache::KvCache;
use leasing_kv::Leasing;
use resolver_registry::Registry;
use tls_termination::TlsListener;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use upstream_balancer::{AutoSync, Cluster, Endpoint, Identity, Upstream};

use crate::Proxy;
use crate::config::{Config, DrainTimes};
use crate::door::bind::{BindError, adopted, bind};
use crate::door::clients::Clients;
use crate::door::connection::{ConnectionSettings, serve_connection};
use crate::door::entrance::Entrance;
use crate::door::limits::Limits;
use crate::door::listener::accept;
use crate::door::tls::{Renewals, Tls, secured};
use crate::gateway::HostError;
use crate::log::LevelSwitch;
use crate::pages::Office;
use crate::pages::thread::{self, Listener};
use crate::process::discovery::Follower;
use crate::process::init_daemon;
use crate::process::live::Live;
use crate::process::reload::Reloader;
use crate::process::signals::{Asked, Signals};
use crate::process::watchdog;
use crate::services::calls::Calls;
use crate::services::health::Health;
use crate::services::ordering;
use crate::services::spans::Spans;
use crate::wiring::{self, House};
use crate::worker::{self, Worker, WorkerHandle};

/// How long the drain waits at most for the registration to be taken back.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error(transparent)]
    Listen(#[from] BindError),
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Tls(#[from] tls_termination::Error),
    #[error("cannot start a runtime: {0}")]
    Runtime(io::Error),
    #[error("cannot listen for metrics: {0}")]
    MetricsListener(io::Error),
    #[error("cannot use the socket that was handed over: {0}")]
    Inherited(io::Error),
    #[error("cannot send spans: {0}")]
    Tracing(String),
    #[error("cannot start a worker: {0}")]
    Worker(io::Error),
    #[error(transparent)]
    JsonGateway(#[from] json_gateway::StartError),
    #[error("cannot listen for signals: {0}")]
    Signals(io::Error),
}

/// Serves until a signal, then drains. The port is bound before the cluster is looked at, so that the proxy can
/// start before etcd does.
///
/// # Errors
/// When it cannot start. A proxy that has started ends well.
pub(crate) async fn serve(proxy: Proxy, log_level: LevelSwitch) -> Result<(), ServerError> {
    let Proxy { config, source, inherited } = proxy;
    let mut signals = Signals::listen(log_level.clone()).map_err(ServerError::Signals)?;
    let tls = Tls::open(&config)?;
    let renewals = Renewals::new(&tls).map_err(ServerError::Signals)?;
    let listener = match inherited.clients {
        Some(socket) => adopted(socket).map_err(ServerError::Inherited)?,
        None => bind(&config.listen_addr).await?,
    };
    info!(address = %config.listen_addr, "listening for gRPC proxy client requests");

    let metrics_listener = match (&config.metrics_addr, inherited.pages) {
        (Some(address), Some(socket)) => Some(Listener::inherited(address, tls.metrics.clone(), socket)?),
        (Some(address), None) => Some(Listener::bind(address, tls.metrics.clone()).await?),
        (None, _) => None,
    };

    let (leaving, drain) = (CancellationToken::new(), CancellationToken::new());
    let (upstream_config, follower) = discovered(&config).await?;
    let (cluster, monitor) = Cluster::new(upstream_config);
    let (health_service, health) = Health::new(Arc::clone(&cluster), leaving.clone());
    let upstream = Upstream::new(Arc::clone(&cluster));
    let (watch_hub, watch_worker) = wiring::watch_hub(&config, &upstream);
    let (lease_hub, lease_worker) = wiring::lease_hub(&upstream);
    let identity =
        Identity::new(upstream.clone(), config.credentials.clone(), &wiring::own_requests(&config));
    let (registry, registry_work) = wiring::registry(&config, &upstream, &identity);
    let (leasing, leasing_work) = wiring::leasing(&config, &upstream, &identity);
    let auto_sync =
        config.auto_sync.map(|interval| AutoSync::new(upstream.clone(), identity.clone(), interval));
    let (cache, cache_watcher) = KvCache::new(config.cache.clone());
    let calls = Calls::new(config.extensive_metrics);
    let limits = Limits::new(&config.limits);
    let spans = Spans::new(config.tracing.as_ref()).map_err(ServerError::Tracing)?;
    let house = House {
        live: Live::new(&config),
        config: Arc::new(config),
        cluster,
        watch_hub,
        lease_hub,
        registry,
        cache,
        leasing,
        read_counters: Arc::default(),
        health: health_service,
        tls,
        calls,
        clients: Clients::default(),
        limits,
        spans: spans.clone(),
        log_level,
        drain: drain.clone(),
    };
    let (cache_watch, cache_relay) = wiring::cache_watch(&house);
    let (workers, seats) = seats(&house);
    let (pages, chores) = Office { house: &house, workers: &workers, leaving: &leaving }.pages();
    let (admin, admin_worker) = Admin::new(pages);
    let public = admin.public();
    thread::start(admin_worker, chores.run(), admin, metrics_listener)?;
    let ends = start_workers(seats, &house, &public)?;
    tokio::spawn(monitor.identified(identity.clone()).run());
    follower.map(|follower| tokio::spawn(follow(follower, Arc::clone(&house.cluster))));
    tokio::spawn(watch_worker.run());
    tokio::spawn(lease_worker.run());
    tokio::spawn(cache_relay.run());
    tokio::spawn(cache_watcher.run(cache_watch));
    tokio::spawn(health.run());
    tokio::spawn(renewals.run());
    auto_sync.map(|auto_sync| tokio::spawn(auto_sync.run()));
    if house.config.cache.ordered {
        house.cluster.keep_order();
        tokio::select! {
            () = ordering::recover(&identity, &upstream) => {}
            () = signals.end() => return Ok(()),
        }
    }
    tokio::spawn(registry_work);
    tokio::spawn(watchdog::run(workers.clone()));
    tokio::spawn(leasing_work);
    let room = house.limits.connections(house.config.limits.connections);
    let accepting = tokio::spawn(accept(listener, workers, room, drain.clone()));

    let config = &house.config;
    info!(address = %config.listen_addr, "started gRPC proxy");
    init_daemon::ready();
    let mut reloader = Reloader {
        source,
        live: house.live.clone(),
        level: house.log_level.clone(),
        cluster: Arc::clone(&house.cluster),
        has_tls: config.upstream.tls.is_some(),
    };
    while signals.next().await == Asked::Reload {
        reloader.reload();
    }

    init_daemon::stopping();
    let DrainTimes { delay, timeout: limit } = house.live.drain_times();
    let drained = async {
        // Who looks for a proxy is told first, while this one still serves.
        leaving.cancel();
        leave(&house.registry).await;
        if !delay.is_zero() {
            info!(delay = ?delay, "serving on until everybody has heard of the end");
            sleep(delay).await;
        }
        give_back(&house.leasing).await;
        info!(address = %config.listen_addr, "stop listening gRPC proxy client requests");
        drain.cancel();
        house.watch_hub.close();
        house.lease_hub.close();
        let ended = async {
            // A worker that has panicked has no connections left either.
            let _ = accepting.await;
            join_all(ends).await;
        };
        timeout(limit, ended).await
    };
    tokio::select! {
        ended = drained => match ended {
            Ok(()) => info!("all connections ended"),
            Err(_) => warn!(after = ?limit, "closing the connections that are left"),
        },
        () = signals.end() => warn!("closing the connections that are left: second signal"),
    }
    spans.finish().await;
    Ok(())
}

/// The members that DNS names, where it is asked and names some that are believed. Where the members are asked for the
/// list of members, that list counts from then on.
async fn discovered(
    config: &Config,
) -> Result<(upstream_balancer::Config, Option<Follower>), DiscoveryError> {
    let upstream = config.upstream.clone();
    let Some(discovery) = &config.discovery else { return Ok((upstream, None)) };
    let (found, follower) = discovery.find().await?;
    let follower = config.auto_sync.is_none().then_some(follower);
    let endpoints = endpoints(&found);
    let upstream =
        if endpoints.is_empty() { upstream } else { upstream_balancer::Config { endpoints, ..upstream } };
    Ok((upstream, follower))
}

async fn follow(follower: Follower, cluster: Arc<Cluster>) {
    let replace = |found: &[Found]| {
        cluster.replace(&endpoints(found));
    };
    follower.run(replace).await;
}

/// A name that is none cannot be dialled, and is left out.
fn endpoints(found: &[Found]) -> Vec<Endpoint> {
    found.iter().filter_map(|found| found.url().parse().ok()).collect()
}

/// A cluster that is away keeps nobody here.
async fn leave(registry: &Registry) {
    if timeout(LEAVE_TIMEOUT, registry.deregister()).await.is_err() {
        warn!(after = ?LEAVE_TIMEOUT, "leaving without telling etcd: the registration ends with its lease");
    }
}

/// Writers elsewhere must not wait for a proxy that is about to go.
async fn give_back(leasing: &Leasing) {
    if timeout(LEAVE_TIMEOUT, leasing.close()).await.is_err() {
        warn!(after = ?LEAVE_TIMEOUT, "leaving without giving keys back: they are leased until the lease ends");
    }
}

/// The workers, and the way to each.
fn seats(house: &House) -> (Vec<WorkerHandle>, Vec<Worker>) {
    let threads = house.config.worker_threads.unwrap_or_else(cores);
    (0..threads.max(1)).map(|_| worker::new(house.drain.clone())).unzip()
}

fn start_workers(
    workers: Vec<Worker>,
    house: &House,
    admin: &Admin,
) -> Result<Vec<oneshot::Receiver<()>>, ServerError> {
    let settings = ConnectionSettings {
        max_concurrent_streams: house.config.max_concurrent_streams,
        keepalive: house.config.server_keepalive,
    };
    let start = |(index, worker): (usize, Worker)| {
        let (house, admin, api) = (house.clone(), admin.clone(), json_gateway::Api::new()?);
        let settings = settings.clone();
        let tls = house.tls.clients.clone();
        let wire = move |tracker| {
            let drain = house.drain.clone();
            let (entrance, chores) = wiring::entrance(house, admin, api, tracker);
            chores.spawn();
            let entrance = Arc::new(entrance);
            move |stream| {
                let (entrance, settings) = (Arc::clone(&entrance), settings.clone());
                receive(stream, tls.clone(), entrance, settings, drain.clone())
            }
        };
        worker.start(index, wire).map_err(ServerError::Worker)
    };
    workers.into_iter().enumerate().map(start).collect()
}

/// Serves a client that has just connected, after a handshake where there is to be one.
fn receive(
    stream: TcpStream,
    tls: Option<TlsListener>,
    entrance: Arc<Entrance>,
    settings: ConnectionSettings,
    drain: CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let peer = worker::peer(&stream);
    match tls {
        None => {
            let client = entrance.clients.enter(peer);
            Either::Left(serve_connection(stream, client, entrance, settings, drain))
        }
        // On the heap, so that plain connections do not carry it along.
        Some(tls) => Either::Right(Box::pin(async move {
            if let Some(stream) = secured(tls, stream, peer, drain.clone()).await {
                let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certified = entrance.limits.certified(leaf);
                let client = entrance.clients.enter(peer).with_certificate(certified);
                serve_connection(stream, client, entrance, settings, drain).await;
            }
        })),
    }
}

/// The cores that this process may use, which a container's quota can make fewer than the machine has.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
