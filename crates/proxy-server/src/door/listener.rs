//! The accept loop: every client connection goes to the worker with the least to do.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::door::limits::ConnectionLimit;
use crate::worker::WorkerHandle;

/// etcd's listeners probe silent TCP connections so often.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Accepts until the drain begins.
pub(crate) async fn accept(
    listener: TcpListener,
    workers: Vec<WorkerHandle>,
    room: ConnectionLimit,
    drain: CancellationToken,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = FIRST_PAUSE;
                if room.admits(workers.iter().map(WorkerHandle::connections).sum()) {
                    hand_over(stream, peer, &workers);
                } else {
                    warn!(%peer, "connection refused: there are as many as --max-connections allows");
                }
            }
            Err(error) if is_of_one_connection(&error) => {
                debug!(%error, "connection ended before it was accepted")
            }
            Err(error) => {
                // Out of descriptors or memory: asking again at once would only burn the processor.
                error!(%error, retry_in = ?pause, "cannot accept connections");
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = drain.cancelled() => return,
                }
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
