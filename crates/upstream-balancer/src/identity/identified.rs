//! `Identified`: a service whose calls carry the proxy's own token.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, StdError};

use super::{Identity, TOKEN, Token};

/// Wraps a gRPC service, such as one that tonic's generated clients call. What etcd refuses for the sake of the token
/// goes back as it is; the next call gets a new token.
#[derive(Clone, Debug)]
pub struct Identified<S> {
    identity: Identity,
    inner: S,
}

impl<S> Identified<S> {
    pub(super) fn new(identity: Identity, inner: S) -> Self {
        Self { identity, inner }
    }
}

impl<S, B> Service<Request<Body>> for Identified<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<StdError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // What is ready is this service; its clone need not be.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let identity = self.identity.clone();
        Box::pin(async move {
            let token = match identity.token().await {
                Ok(token) => token,
                Err(status) => return Ok(status.into_http()),
            };
            if let Some(token) = &token {
                request.headers_mut().insert(TOKEN, token.clone());
            }
            let response = inner.call(request).await?;
            let heeding = Heeding { identity, token };
            heeding.heed(response.headers());
            Ok(response.map(|body| Body::new(HeededBody { body: Body::new(body), heeding })))
        })
    }
}

/// Looks for the status, which comes with the headers or at the end.
struct Heeding {
    identity: Identity,
    token: Option<Token>,
}

impl Heeding {
    fn heed(&self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.identity.heed(self.token.as_ref(), &status);
        }
    }
}

struct HeededBody {
    body: Body,
    heeding: Heeding,
}

impl http_body::Body for HeededBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            self.heeding.heed(trailers);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
