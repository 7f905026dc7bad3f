//! A connection that is for the pages alone.

use std::convert::Infallible;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

use crate::admin::Admin;

/// Who has not sent a request's head after so long is disconnected.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_STREAMS: u32 = 64;

impl Admin {
    /// Serves a connection, HTTP/1.1 or HTTP/2, until it ends. A client that keeps it open and asks nothing is
    /// disconnected.
    pub async fn serve_connection(&self, io: impl Read + Write + Unpin + Send + 'static) {
        let admin = self.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let admin = admin.clone();
            let (head, _) = request.into_parts();
            async move { Ok::<_, Infallible>(admin.answer(head.method, head.uri).await) }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .keep_alive_interval(Some(HEAD_TIMEOUT))
            .keep_alive_timeout(HEAD_TIMEOUT);
        if let Err(error) = builder.serve_connection(io, service).await {
            tracing::debug!(error, "connection to the pages ended");
        }
    }
}
