//! The door: an HTTP request in, a streaming response out.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
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
        let deadline = timeout(request.headers()).map(|after| Box::pin(tokio::time::sleep(after)));
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

/// gRPC's `grpc-timeout`: up to eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_grpc_writes_it() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", HeaderValue::from_static(value));
            timeout(&headers)
        };
        assert_eq!(of("5S"), Some(Duration::from_secs(5)));
        assert_eq!(of("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(of("123456789S"), None);
        assert_eq!(of("S"), None);
        assert_eq!(of("5x"), None);
    }
}
