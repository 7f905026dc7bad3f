//! The life of the TCP gateway: look at the hosts, bind, serve, drain. The words of its log are etcd's.

mod config;
mod hosts;
mod metrics;
mod pages;

use admin_http::Admin;
use dns_discovery::{DiscoveryError, Found, Service};
use futures_util::future::join_all;
use tcp_gateway::{Endpoint, Gateway};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::door::bind::bind;
use crate::door::limits::Limits;
use crate::door::listener::accept;
use crate::log::LevelSwitch;
use crate::pages::thread::{self, Listener};
use crate::process::discovery::Follower;
use crate::process::init_daemon;
use crate::process::signals::Signals;
use crate::server::{ServerError, cores};
use crate::worker::{self, Worker, WorkerHandle};

pub(crate) use config::GatewayConfig;
pub(crate) use hosts::HostError;

/// Serves until a signal, then drains.
///
/// # Errors
/// When it cannot start. A gateway that has started ends well.
pub(crate) async fn serve(mut config: GatewayConfig, level: LevelSwitch) -> Result<(), ServerError> {
    let mut signals = Signals::listen(level).map_err(ServerError::Signals)?;
    info!(args = ?std::env::args_os().collect::<Vec<_>>(), "Running: ");
    let follower = discover(&mut config).await?;
    hosts::check(&config.listen_addr, &config.endpoints, config.resolver).await?;
    let listener = bind(&config.listen_addr).await?;
    let metrics_listener = match &config.metrics_addr {
        Some(address) => Some(Listener::bind(address, None).await?),
        None => None,
    };

    let (leaving, drain) = (CancellationToken::new(), CancellationToken::new());
    let (gateway, monitor) = Gateway::new(config.meant(listener.local_addr().ok()));
    let threads = config.worker_threads.unwrap_or_else(cores).max(1);
    let (workers, seats): (Vec<WorkerHandle>, Vec<Worker>) =
        (0..threads).map(|_| worker::new(drain.clone())).unzip();
    if let Some(metrics_listener) = metrics_listener {
        let (admin, admin_worker) = Admin::new(pages::all(&gateway, &workers, &leaving));
        thread::start(admin_worker, std::future::ready(()), admin, Some(metrics_listener))?;
    }
    let ends = start_workers(seats, &gateway)?;
    tokio::spawn(monitor.run());
    follower.map(|follower| tokio::spawn(follow(follower, gateway)));
    init_daemon::ready();
    info!(endpoints = ?config.addresses(), "ready to proxy client requests");
    serve_until_signal(&config, listener, workers, ends, [leaving, drain], &mut signals).await;
    Ok(())
}

/// Puts the members that DNS names, where it is asked, in the place of the endpoints.
async fn discover(config: &mut GatewayConfig) -> Result<Option<Follower>, DiscoveryError> {
    let Some(discovery) = &config.discovery else { return Ok(None) };
    let (found, follower) = discovery.find().await?;
    if !found.is_empty() {
        config.endpoints = endpoints(&found);
    }
    Ok(Some(follower))
}

async fn follow(follower: Follower, gateway: Gateway) {
    follower.run(|found| gateway.replace(endpoints(found))).await;
}

fn endpoints(found: &[Found]) -> Vec<Endpoint> {
    let endpoint = |found: &Found| {
        let Service { host, port, priority, weight } = found.service.clone();
        Endpoint { host, port, priority, weight }
    };
    found.iter().map(endpoint).collect()
}

fn start_workers(workers: Vec<Worker>, gateway: &Gateway) -> Result<Vec<oneshot::Receiver<()>>, ServerError> {
    let start = |(index, worker): (usize, Worker)| {
        let gateway = gateway.clone();
        let wire = move |_| {
            let station = gateway.station();
            move |stream| {
                let station = station.clone();
                async move { station.serve(stream).await }
            }
        };
        worker.start(index, wire).map_err(ServerError::Worker)
    };
    workers.into_iter().enumerate().map(start).collect()
}

/// A connection of etcd's clients goes on for as long as both sides live, and there is no way to ask them to leave:
/// the drain gives those that end by themselves the time to do so.
async fn serve_until_signal(
    config: &GatewayConfig,
    listener: TcpListener,
    workers: Vec<WorkerHandle>,
    ends: Vec<oneshot::Receiver<()>>,
    [leaving, drain]: [CancellationToken; 2],
    signals: &mut Signals,
) {
    let room = Limits::default().connections(None);
    let accepting = tokio::spawn(accept(listener, workers, room, drain.clone()));
    signals.end().await;
    init_daemon::stopping();
    leaving.cancel();
    info!(address = %config.listen_addr, "stop listening for client requests");
    drain.cancel();
    let drained = async {
        // A worker that has panicked has no connections left either.
        let _ = accepting.await;
        join_all(ends).await;
    };
    tokio::select! {
        ended = timeout(config.drain_timeout, drained) => match ended {
            Ok(_) => info!("all connections ended"),
            Err(_) => warn!(after = ?config.drain_timeout, "closing the connections that are left"),
        },
        () = signals.end() => warn!("closing the connections that are left: second signal"),
    }
}
