//! From an endpoint to an HTTP/2 connection whose peer has proved that it lives.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Ping, PingPong};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Endpoint;
use crate::config::Config;
use crate::endpoint::Address;
use crate::pool::Lane;

/// Resolve, connect, handshakes and the first ping together. A stopped process still accepts connections, so only
/// the ping's answer counts.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

const HTTP_2: &[u8] = b"h2";
const MAX_HEADER_LIST_BYTES: u32 = 1 << 20;
/// The HTTP/2 library ends connections on which too many small frames go unread. Answers to calls that were cancelled
/// meanwhile are such frames, and etcd is no attacker: windows bound what it can send.
const SMALL_FRAMES_BUDGET: usize = 1 << 30;

/// A connection that was just opened, not yet driven by a task.
pub(crate) struct Dialed {
    pub(crate) sender: SendRequest<Bytes>,
    pub(crate) connection: h2::client::Connection<Heard<Box<dyn Io>>, Bytes>,
    pub(crate) ping_pong: PingPong,
    /// Bytes received so far.
    pub(crate) heard: Arc<AtomicU64>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("connect: {0}")]
    Connect(io::Error),
    #[error("the endpoint wants TLS, but no TLS configuration is given")]
    NoTls,
    #[error("{0:?} is not a name that a certificate can carry")]
    NoServerName(String),
    #[error("tls handshake: {0}")]
    Tls(io::Error),
    #[error("http/2 handshake: {0}")]
    Http2(h2::Error),
    #[error("no answer within {ATTEMPT_TIMEOUT:?}")]
    Timeout,
}

impl DialError {
    /// Whether this process, not the member, is at fault: it has run out of descriptors, ports or memory.
    pub(crate) fn is_our_own(&self) -> bool {
        use io::ErrorKind::{AddrNotAvailable, OutOfMemory};
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        let Self::Connect(error) = self else { return false };
        matches!(error.kind(), AddrNotAvailable | OutOfMemory)
            || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
    }
}

pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// An I/O object that counts what it hears.
pub(crate) struct Heard<I> {
    io: I,
    heard: Arc<AtomicU64>,
}

pub(crate) async fn dial(config: &Config, endpoint: &Endpoint, lane: Lane) -> Result<Dialed, DialError> {
    timeout(ATTEMPT_TIMEOUT, attempt(config, endpoint, lane)).await.unwrap_or(Err(DialError::Timeout))
}

async fn attempt(config: &Config, endpoint: &Endpoint, lane: Lane) -> Result<Dialed, DialError> {
    let heard = Arc::new(AtomicU64::new(0));
    let io = Heard { io: connect(config, endpoint, HTTP_2).await?, heard: Arc::clone(&heard) };
    let windows = lane.windows();
    let (sender, mut connection) = h2::client::Builder::new()
        .enable_push(false)
        .initial_window_size(windows.stream)
        .initial_connection_window_size(windows.connection)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .data_frame_budget(SMALL_FRAMES_BUDGET)
        .handshake::<_, Bytes>(io)
        .await
        .map_err(DialError::Http2)?;
    let Some(mut ping_pong) = connection.ping_pong() else {
        return Err(DialError::Http2(h2::Reason::INTERNAL_ERROR.into()));
    };
    tokio::select! {
        pong = ping_pong.ping(Ping::opaque()) => pong.map_err(DialError::Http2)?,
        ended = &mut connection => {
            let error = ended.err().unwrap_or_else(|| h2::Reason::NO_ERROR.into());
            return Err(DialError::Http2(error));
        }
    };
    Ok(Dialed { sender, connection, ping_pong, heard })
}

/// An open connection whose TLS handshake, if there is one, has settled on `protocol`.
pub(crate) async fn connect(
    config: &Config,
    endpoint: &Endpoint,
    protocol: &[u8],
) -> Result<Box<dyn Io>, DialError> {
    let io: Box<dyn Io> = match endpoint.dial_address() {
        Address::Tcp(authority) => {
            let port = authority.port_u16().unwrap_or_default();
            let found =
                config.resolver.addresses(&endpoint.host(), port).await.map_err(DialError::Connect)?;
            let stream = TcpStream::connect(found.as_slice()).await.map_err(DialError::Connect)?;
            stream.set_nodelay(true).map_err(DialError::Connect)?;
            Box::new(stream)
        }
        Address::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(DialError::Connect)?),
    };
    if !endpoint.is_tls(config.tls.is_some()) {
        return Ok(io);
    }
    let mut tls = config.tls.clone().ok_or(DialError::NoTls)?;
    if tls.alpn_protocols != [protocol] {
        Arc::make_mut(&mut tls).alpn_protocols = vec![protocol.to_vec()];
    }
    let host = endpoint.host();
    let name = ServerName::try_from(host.clone()).map_err(|_| DialError::NoServerName(host))?;
    Ok(Box::new(TlsConnector::from(tls).connect(name, io).await.map_err(DialError::Tls)?))
}

impl<I: AsyncRead + Unpin> AsyncRead for Heard<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        let read = buffer.filled().len().saturating_sub(before);
        if read > 0 {
            self.heard.fetch_add(read as u64, Ordering::Relaxed);
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Heard<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
