//! The proxy as a server that its own process can call: the way of a client, without a connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::codegen::Service;

use crate::calls::{CountedBody, RequestBody};
use crate::router::Router;

/// What tonic's generated clients call.
#[derive(Clone)]
pub(crate) struct InProcess(pub(crate) Arc<Router>);

impl Service<Request<Body>> for InProcess {
    type Response = Response<CountedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let router = Arc::clone(&self.0);
        Box::pin(async move { Ok(router.call(request.map(RequestBody::from)).await) })
    }
}
