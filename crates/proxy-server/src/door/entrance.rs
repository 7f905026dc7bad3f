//! The way in for a client's request: gRPC to the router, everything else to the HTTP door.

use std::future::ready;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either};
use http::{Method, Request, Response, Version};
use hyper::body::Incoming;

use crate::door::clients::{ClientSeat, ClientShard};
use crate::door::http_door::{HttpDoor, has_grpc_type};
use crate::door::limits::Limits;
use crate::services::calls::{CountedBody, RequestBody};
use crate::services::in_process::OnBehalfOf;
use crate::services::message_log::MessageLog;
use crate::services::router::Router;
use crate::services::spans::Spans;

/// Everything that one runtime serves.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) router: Arc<Router>,
    pub(crate) http: HttpDoor,
    /// Those who come in here.
    pub(crate) clients: ClientShard,
    pub(crate) messages: MessageLog,
    pub(crate) limits: Limits,
    pub(crate) spans: Spans,
}

impl Entrance {
    /// Answers one request, whatever it is.
    pub(crate) fn answer(
        &self,
        request: Request<Incoming>,
        client: &ClientSeat,
    ) -> impl Future<Output = Response<CountedBody>> + Send + use<> {
        if speaks_grpc(&request) {
            Either::Left(self.answer_call(request, client))
        } else {
            Either::Right(self.answer_http(request, client))
        }
    }

    fn answer_call(
        &self,
        mut request: Request<Incoming>,
        client: &ClientSeat,
    ) -> impl Future<Output = Response<CountedBody>> + Send + use<> {
        if let Err(refusal) = self.limits.apply(client, &mut request) {
            return Either::Left(ready(self.router.refuse(&request, refusal)));
        }
        let call = client.begin();
        let span = self.spans.begin(&mut request, client.peer());
        let (requests, answers) = self.messages.listen(request.uri().path(), client.peer());
        let request = request.map(|body| RequestBody::from(body).heard_by(requests));
        let finished = |body: CountedBody| body.of_client(call).heard_by(answers).traced(span);
        Either::Right(self.router.call(request).map(|answer| answer.map(finished)))
    }

    /// Boxed, because it is larger than that of a gRPC call, which would have to have room for it.
    fn answer_http(
        &self,
        mut request: Request<Incoming>,
        client: &ClientSeat,
    ) -> BoxFuture<'static, Response<CountedBody>> {
        let http = self.http.clone();
        if !json_gateway::owns(request.uri().path()) {
            return Box::pin(async move { CountedBody::of(http.answer(request).await, None) });
        }
        if let Err(refusal) = self.limits.apply(client, &mut request) {
            return Box::pin(ready(CountedBody::of(json_gateway::refuse(refusal), None)));
        }
        let call = client.begin();
        request.extensions_mut().insert(OnBehalfOf(client.peer()));
        Box::pin(
            async move { CountedBody::of(http.answer(request).await, None).map(|body| body.of_client(call)) },
        )
    }
}

/// gRPC is POST with a content type of its own over HTTP/2, whatever the path.
fn speaks_grpc<B>(request: &Request<B>) -> bool {
    request.method() == Method::POST
        && request.version() == Version::HTTP_2
        && has_grpc_type(request.headers())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, version: Version, content_type: &str) -> Request<()> {
        let request = Request::builder().method(method).version(version).uri("/health");
        request.header(http::header::CONTENT_TYPE, content_type).body(()).unwrap()
    }

    #[test]
    fn grpc_is_told_by_its_content_type_whatever_the_path() {
        for grpc in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
            assert!(speaks_grpc(&request(Method::POST, Version::HTTP_2, grpc)), "{grpc}");
        }
        for other in ["application/grpc-web", "application/json", ""] {
            assert!(!speaks_grpc(&request(Method::POST, Version::HTTP_2, other)), "{other}");
        }
        assert!(!speaks_grpc(&request(Method::POST, Version::HTTP_11, "application/grpc")));
        assert!(!speaks_grpc(&request(Method::GET, Version::HTTP_2, "application/grpc")));
    }
}
