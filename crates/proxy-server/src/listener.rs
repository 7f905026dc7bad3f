//! The accept loop: every client connection goes to the worker with the least to do.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::worker::WorkerHandle;

/// etcd's listeners probe silent TCP connections so often.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
const BACKLOG: i32 = 4096;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Binds every address that the name stands for until one can be had.
///
/// # Errors
/// The last address's error.
pub(crate) async fn bind(address: &str) -> io::Result<TcpListener> {
    // A host that is left out means all addresses, as in Go.
    let name = address.strip_prefix(':').map_or_else(|| address.to_owned(), |port| format!("[::]:{port}"));
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "no such host");
    for candidate in tokio::net::lookup_host(name).await? {
        match bind_one(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts until the drain begins.
pub(crate) async fn accept(listener: TcpListener, workers: Vec<WorkerHandle>, drain: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = FIRST_PAUSE;
                hand_over(stream, peer, &workers);
            }
            Err(error) if is_of_one_connection(&error) => {
                debug!(%error, "connection ended before it was accepted")
            }
            Err(error) => {
                // Out of descriptors or memory: asking again at once would only burn the processor.
                error!(%error, retry_in = ?pause, "cannot accept connections");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn hand_over(stream: TcpStream, peer: SocketAddr, workers: &[WorkerHandle]) {
    let prepared = prepare(stream);
    match (prepared, workers.iter().min_by_key(|worker| worker.connections())) {
        (Ok(stream), Some(worker)) => worker.take(stream),
        (Ok(_), None) => error!("no worker to take connections"),
        (Err(error), _) => warn!(%error, %peer, "connection lost"),
    }
}

/// Leaves this runtime's reactor, so that the worker's can take the socket.
fn prepare(stream: TcpStream) -> io::Result<std::net::TcpStream> {
    stream.set_nodelay(true)?;
    let keepalive = socket2::TcpKeepalive::new().with_time(TCP_KEEPALIVE).with_interval(TCP_KEEPALIVE);
    socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    stream.into_std()
}
