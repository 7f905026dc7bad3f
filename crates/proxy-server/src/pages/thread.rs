//! The thread on which the pages are answered, so that whoever looks at the proxy never stands in the way of a call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use admin_http::Admin;
use hyper_util::rt::TokioIo;
use tls_termination::TlsListener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

use crate::config::{MetricsAddr, MetricsSocket};
use crate::door::activation::Pages;
use crate::door::bind::{bind, bind_unix};
use crate::door::tls;
use crate::server::ServerError;

/// Connections to the second address that are served at once; more wait.
const MAX_CONNECTIONS: usize = 512;
/// After an error that is not one connection's.
const PAUSE: Duration = Duration::from_millis(250);

/// The second address, bound and not yet of any runtime.
#[derive(Debug)]
pub(crate) struct Listener {
    address: MetricsAddr,
    tls: Option<TlsListener>,
    socket: Socket<std::net::TcpListener, std::os::unix::net::UnixListener>,
}

#[derive(Debug)]
enum Socket<T, U> {
    Tcp(T),
    Unix(U),
}

impl Listener {
    /// Binds the address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(crate) async fn bind(address: &MetricsAddr, tls: Option<TlsListener>) -> Result<Self, ServerError> {
        let socket = match &address.socket {
            MetricsSocket::Tcp(host) => {
                Socket::Tcp(bind(host).await?.into_std().map_err(ServerError::MetricsListener)?)
            }
            MetricsSocket::Unix(path) => {
                Socket::Unix(bind_unix(path)?.into_std().map_err(ServerError::MetricsListener)?)
            }
        };
        Ok(Self::of(address, tls, socket))
    }

    /// Takes a socket that systemd has opened at this address.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(crate) fn inherited(
        address: &MetricsAddr,
        tls: Option<TlsListener>,
        socket: Pages,
    ) -> Result<Self, ServerError> {
        let socket = match socket {
            Pages::Tcp(socket) => socket.set_nonblocking(true).map(|()| Socket::Tcp(socket)),
            Pages::Unix(socket) => socket.set_nonblocking(true).map(|()| Socket::Unix(socket)),
        };
        Ok(Self::of(address, tls, socket.map_err(ServerError::Inherited)?))
    }

    fn of(
        address: &MetricsAddr,
        tls: Option<TlsListener>,
        socket: Socket<std::net::TcpListener, std::os::unix::net::UnixListener>,
    ) -> Self {
        info!(%address, "gRPC proxy listening for metrics");
        Self { address: address.clone(), tls, socket }
    }
}

/// Starts the thread, with what the pages need to run beside them. It ends with the process: whoever waits for the
/// drain to end may still look.
///
/// # Errors
/// When the system gives no thread or no runtime.
pub(crate) fn start(
    worker: admin_http::Worker,
    beside: impl Future<Output = ()> + Send + 'static,
    admin: Admin,
    listener: Option<Listener>,
) -> Result<(), ServerError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServerError::Runtime)?;
    let run = move || {
        runtime.block_on(async {
            tokio::spawn(beside);
            if let Some(listener) = listener {
                tokio::spawn(serve(listener, admin));
            }
            worker.run().await;
        });
    };
    std::thread::Builder::new().name("admin".to_owned()).spawn(run).map_err(ServerError::Worker)?;
    Ok(())
}

async fn serve(listener: Listener, admin: Admin) {
    let Listener { address, tls, socket } = listener;
    let served = match socket {
        Socket::Tcp(socket) => TcpListener::from_std(socket).map(Socket::Tcp),
        Socket::Unix(socket) => UnixListener::from_std(socket).map(Socket::Unix),
    };
    match served {
        Ok(socket) => {
            info!("gRPC proxy server metrics URL serving");
            accept(&socket, &address, tls.as_ref(), &admin).await;
        }
        Err(error) => warn!(%error, %address, "cannot serve the metrics URL"),
    }
}

async fn accept(
    socket: &Socket<TcpListener, UnixListener>,
    address: &MetricsAddr,
    tls: Option<&TlsListener>,
    admin: &Admin,
) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
        let visit = Visit { admin: admin.clone(), tls: tls.cloned(), room: Arc::clone(&room), permit };
        let accepted = match socket {
            Socket::Tcp(socket) => {
                socket.accept().await.map(|(stream, peer)| tokio::spawn(visit.receive(stream, Some(peer))))
            }
            Socket::Unix(socket) => {
                socket.accept().await.map(|(stream, _)| tokio::spawn(visit.receive(stream, None)))
            }
        };
        if let Err(error) = accepted {
            warn!(%error, %address, "cannot accept connections");
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// One connection, and its share of the room.
struct Visit {
    admin: Admin,
    tls: Option<TlsListener>,
    room: Arc<Semaphore>,
    permit: OwnedSemaphorePermit,
}

impl Visit {
    async fn receive(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Option<SocketAddr>,
    ) {
        let Self { admin, tls, room, permit } = self;
        let Some(tls) = tls else {
            admin.serve_connection(TokioIo::new(stream)).await;
            return drop(permit);
        };
        // Handshakes have bounds of their own. Those that never end must not take the room of those that have.
        drop(permit);
        match tls.handshake(stream).await {
            Ok(stream) => {
                let _permit = room.acquire().await;
                admin.serve_connection(TokioIo::new(stream)).await;
            }
            Err(failure) => tls::tell(&failure, peer),
        }
    }
}
