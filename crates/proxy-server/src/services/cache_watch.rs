//! Where the cache's own Watch streams go: where those of clients go, without leaving the process.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use namespace::Namespaced;
use proto_gen::etcdserverpb::watch_server::WatchServer;
use tonic::body::Body;
use tonic::codegen::Service;
use upstream_balancer::Upstream;
use watch_coalesce::WatchService;

/// A Watch service as what tonic's generated client calls.
#[derive(Clone)]
pub(crate) enum CacheWatch {
    /// Shares watchers with the clients.
    Hub(WatchService),
    /// Has watchers of its own.
    Relay(WatchServer<Namespaced<Upstream>>),
}

impl Service<Request<Body>> for CacheWatch {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self {
            Self::Hub(hub) => {
                let response = hub.serve(request).map(Body::new);
                Box::pin(async move { Ok(response) })
            }
            Self::Relay(relay) => relay.call(request),
        }
    }
}
