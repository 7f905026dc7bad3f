//! One client connection: HTTP/1.1 or HTTP/2, told apart by its first bytes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, BufWriter};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::config::ServerKeepalive;
use crate::door::client_io::{ClientIo, Heard, PREFACE};
use crate::door::clients::ClientSeat;
use crate::door::entrance::Entrance;

/// A connection that has not said what it speaks after so long is closed.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// What may wait for a slow reader, in bytes for each stream.
const SEND_BUFFER: usize = 256 << 10;
/// Frames that are written at once. The HTTP/2 library writes every longer frame by itself, and events of watchers are
/// such frames. With TLS it is as much as one record holds.
const WRITE_BUFFER: usize = 16 << 10;
const MAX_HEADER_LIST_BYTES: u32 = 1 << 20;
/// Clients cancel thousands of calls at once for good reasons; only an endless flood must end.
const MAX_PENDING_RESETS: usize = 20_000;

/// What an operator decides about client connections.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) max_concurrent_streams: u32,
    pub(crate) keepalive: ServerKeepalive,
}

/// Serves a connection until it ends, or until its calls have ended after the drain began.
pub(crate) async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: ClientSeat,
    entrance: Arc<Entrance>,
    settings: ConnectionSettings,
    drain: CancellationToken,
) {
    let stream = BufWriter::with_capacity(WRITE_BUFFER, stream);
    let io = ClientIo::new(stream, settings.keepalive.min_time, client.traffic());
    let heard = io.heard();
    let service = service_fn(move |request| entrance.answer(request, &client).map(Ok::<_, Infallible>));
    let builder = builder(&settings);
    let mut connection = std::pin::pin!(builder.serve_connection_with_upgrades(TokioIo::new(io), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = silence(heard) => return debug!("connection closed: no request within {HANDSHAKE_TIMEOUT:?}"),
    };
    if let Err(error) = ended {
        debug!(%error, "connection ended");
    }
}

fn builder(settings: &ConnectionSettings) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Clients keep connections for requests to come, and the library's time for a head runs from the last answer on.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.max_concurrent_streams)
        .keep_alive_interval(Some(settings.keepalive.interval))
        .keep_alive_timeout(settings.keepalive.timeout)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .max_local_error_reset_streams(Some(MAX_PENDING_RESETS));
    builder
}

/// Resolves when the client has let the time for its first words pass.
async fn silence(heard: Heard) {
    tokio::time::sleep(HANDSHAKE_TIMEOUT).await;
    if heard.bytes() >= PREFACE.len() as u64 {
        std::future::pending::<()>().await;
    }
}
