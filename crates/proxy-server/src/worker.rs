//! A worker: one thread with one single-threaded runtime, on which its share of the clients lives.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;
use watch_coalesce::Relay;

use crate::connection::{ConnectionSettings, serve_connection};
use crate::router::Router;

/// The way to hand connections to a worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerHandle {
    // Unbounded, but each entry is an open descriptor, of which the process has a bounded number.
    connections: UnboundedSender<(std::net::TcpStream, Load)>,
    load: Arc<AtomicUsize>,
}

/// Counts one connection until it is dropped.
#[derive(Debug)]
struct Load(Arc<AtomicUsize>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WorkerHandle {
    /// How many connections the worker has.
    pub(crate) fn connections(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Gives the worker one connection more.
    pub(crate) fn take(&self, stream: std::net::TcpStream) {
        self.load.fetch_add(1, Ordering::Relaxed);
        // A worker that has ended is draining, and so is whoever accepts: the connection just closes.
        let _ = self.connections.send((stream, Load(Arc::clone(&self.load))));
    }
}

/// Starts a worker's thread. `wire` is called on it, so that what it makes belongs to the worker's runtime.
/// The receiver resolves when the last connection has ended after the drain began.
///
/// # Errors
/// When the system gives no thread or no runtime.
pub(crate) fn start(
    index: usize,
    wire: impl FnOnce() -> (Router, Relay) + Send + 'static,
    settings: ConnectionSettings,
    drain: CancellationToken,
) -> io::Result<(WorkerHandle, oneshot::Receiver<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (connections, received) = unbounded_channel();
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        runtime.block_on(async {
            let (router, relay) = wire();
            tokio::spawn(relay.run());
            work(received, Arc::new(router), settings, drain).await;
        });
        // Nobody waits any more where the drain's deadline has passed.
        let _ = ended.send(());
    })?;
    Ok((WorkerHandle { connections, load: Arc::default() }, end))
}

async fn work(
    mut received: UnboundedReceiver<(std::net::TcpStream, Load)>,
    router: Arc<Router>,
    settings: ConnectionSettings,
    drain: CancellationToken,
) {
    let tracker = TaskTracker::new();
    loop {
        let (stream, load) = tokio::select! {
            received = received.recv() => match received {
                Some(connection) => connection,
                None => break,
            },
            () = drain.cancelled() => break,
        };
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                let served = serve_connection(stream, Arc::clone(&router), settings.clone(), drain.clone());
                tracker.spawn(async move {
                    served.await;
                    drop(load);
                });
            }
            Err(error) => warn!(%error, "connection lost"),
        }
    }
    tracker.close();
    tracker.wait().await;
}
