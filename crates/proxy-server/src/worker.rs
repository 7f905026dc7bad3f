//! A worker: one thread with one single-threaded runtime, on which its share of the clients lives.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::net::TcpStream;
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

/// The way to hand connections to a worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerHandle {
    // Unbounded, but each entry is an open descriptor, of which the process has a bounded number, or a knock, of which
    // there is one at a time.
    errands: UnboundedSender<Errand>,
    load: Arc<AtomicUsize>,
    accepted: Arc<AtomicU64>,
    runtime: Arc<OnceLock<Handle>>,
    drain: CancellationToken,
}

/// A worker that has not started yet.
#[derive(Debug)]
pub(crate) struct Worker {
    errands: UnboundedReceiver<Errand>,
    runtime: Arc<OnceLock<Handle>>,
    drain: CancellationToken,
}

#[derive(Debug)]
enum Errand {
    Serve(std::net::TcpStream, Load),
    Answer(oneshot::Sender<()>),
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
        self.accepted.fetch_add(1, Ordering::Relaxed);
        // A worker that has ended is draining, and so is whoever accepts: the connection just closes.
        let _ = self.errands.send(Errand::Serve(stream, Load(Arc::clone(&self.load))));
    }

    /// How many connections the worker has been given since the start.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How its runtime is, once it has started.
    #[cfg_attr(not(feature = "pprof"), expect(dead_code, reason = "only profiles ask"))]
    pub(crate) fn runtime(&self) -> Option<RuntimeMetrics> {
        self.runtime.get().map(Handle::metrics)
    }

    /// Resolves when the worker's runtime has come to it. False where the worker has ended and had no reason to; one
    /// that drains takes no more errands.
    pub(crate) fn knock(&self) -> impl Future<Output = bool> + use<> {
        let (answer, answered) = oneshot::channel();
        let _ = self.errands.send(Errand::Answer(answer));
        let drain = self.drain.clone();
        async move {
            tokio::select! {
                answered = answered => answered.is_ok() || drain.is_cancelled(),
                () = drain.cancelled() => true,
            }
        }
    }
}

/// Where a client is. Of one that is gone already, nobody asks.
pub(crate) fn peer(stream: &TcpStream) -> SocketAddr {
    stream.peer_addr().unwrap_or((Ipv6Addr::UNSPECIFIED, 0).into())
}

/// A worker, and the way to hand connections to it. It ends after the drain began.
pub(crate) fn new(drain: CancellationToken) -> (WorkerHandle, Worker) {
    let (send, errands) = unbounded_channel();
    let (load, runtime) = (Arc::default(), Arc::default());
    let worker = Worker { errands, runtime: Arc::clone(&runtime), drain: drain.clone() };
    (WorkerHandle { errands: send, load, accepted: Arc::default(), runtime, drain }, worker)
}

impl Worker {
    /// Starts the worker's thread. `wire` is called on it, so that what it makes belongs to the worker's runtime, and
    /// gives what serves a connection; the worker also waits for what it puts into the tracker. The receiver resolves when the last connection has ended after the drain began.
    ///
    /// # Errors
    /// When the system gives no thread or no runtime.
    pub(crate) fn start<S, F>(
        self,
        index: usize,
        wire: impl FnOnce(TaskTracker) -> S + Send + 'static,
    ) -> io::Result<oneshot::Receiver<()>>
    where
        S: Fn(TcpStream) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // It is started once.
        let _ = self.runtime.set(runtime.handle().clone());
        let (ended, end) = oneshot::channel();
        std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            runtime.block_on(async {
                let tracker = TaskTracker::new();
                let serve = wire(tracker.clone());
                self.work(tracker, serve).await;
            });
            // Nobody waits any more where the drain's deadline has passed.
            let _ = ended.send(());
        })?;
        Ok(end)
    }

    async fn work<F: Future<Output = ()> + Send + 'static>(
        mut self,
        tracker: TaskTracker,
        serve: impl Fn(TcpStream) -> F,
    ) {
        loop {
            let errand = tokio::select! {
                errand = self.errands.recv() => errand,
                () = self.drain.cancelled() => break,
            };
            match errand {
                Some(Errand::Serve(stream, load)) => match TcpStream::from_std(stream) {
                    Ok(stream) => {
                        let served = serve(stream);
                        tracker.spawn(async move {
                            served.await;
                            drop(load);
                        });
                    }
                    Err(error) => warn!(%error, "connection lost"),
                },
                // Who knocked may have lost his patience.
                Some(Errand::Answer(answer)) => drop(answer.send(())),
                None => break,
            }
        }
        tracker.close();
        tracker.wait().await;
    }
}
