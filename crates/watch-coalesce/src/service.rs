//! The door: an HTTP request in, a streaming response out.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tonic::Status;

use crate::body::WatchBody;
use crate::groups::SessionRef;
use crate::hub::Shared;
use crate::key::Caller;
use crate::quota::Quota;
use crate::shard::Shard;

/// Serves etcd's `Watch` service; cheap to clone. A tower service that tonic's server can mount, or call
/// [`WatchService::serve`] from a router of your own.
#[derive(Clone, Debug)]
pub struct WatchService {
    shared: Arc<Shared>,
    shard: Arc<Shard>,
    index: u32,
}

impl WatchService {
    pub(crate) fn new(shared: Arc<Shared>, shard: Arc<Shard>, index: u32) -> Self {
        Self { shared, shard, index }
    }

    /// Answers one Watch call. A [`Quota`] in the request's extensions holds for its watchers. The response's body reads the requests and must be polled on the door's runtime.
    pub fn serve<B>(&self, request: Request<B>) -> Response<WatchBody<B>>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let me = SessionRef { shard: self.index, key: self.shard.add_session() };
        let caller = Caller::of(request.headers());
        let deadline = proto_gen::timeout(request.headers()).map(|after| Box::pin(tokio::time::sleep(after)));
        let quota = request.extensions().get::<Quota>().cloned();
        match self.shared.with(|groups, _| groups.enter(caller, me)) {
            Ok(class) => {
                let (shared, shard) = (self.shared.clone(), self.shard.clone());
                respond(WatchBody::new(shared, shard, me, class, request.into_body(), deadline, quota))
            }
            Err(status) => {
                self.shard.remove_session(me.key);
                respond(WatchBody::refused(status))
            }
        }
    }
}

impl<B> tower_service::Service<Request<B>> for WatchService
where
    B: Body<Data = Bytes> + Unpin,
{
    type Response = Response<WatchBody<B>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(match request.uri().path() {
            "/etcdserverpb.Watch/Watch" => self.serve(request),
            path => respond(WatchBody::refused(Status::unimplemented(format!("unknown method {path}")))),
        }))
    }
}

impl tonic::server::NamedService for WatchService {
    const NAME: &'static str = "etcdserverpb.Watch";
}

fn respond<B>(body: WatchBody<B>) -> Response<WatchBody<B>> {
    let mut response = Response::new(body);
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
