//! The proxy as a server that its own process can call: the way of a client, without a connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::codegen::Service;

use crate::services::calls::{CountedBody, RequestBody};
use crate::services::message_log::MessageLog;
use crate::services::router::Router;
use crate::services::spans::Spans;

/// What tonic's generated clients call, and the JSON gateway.
#[derive(Clone)]
pub(crate) struct InProcess {
    router: Arc<Router>,
    messages: MessageLog,
    spans: Spans,
}

/// On whose behalf this process calls itself, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnBehalfOf(pub(crate) SocketAddr);

impl InProcess {
    /// Calls that nobody hears.
    pub(crate) fn new(router: Arc<Router>) -> Self {
        Self { router, messages: MessageLog::default(), spans: Spans::default() }
    }

    /// The same, with a log for the messages of calls that are on somebody's behalf, and spans for those calls.
    pub(crate) fn observed_by(self, messages: MessageLog, spans: Spans) -> Self {
        Self { messages, spans, ..self }
    }
}

impl Service<Request<Body>> for InProcess {
    type Response = Response<CountedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let client = request.extensions().get::<OnBehalfOf>().copied();
        let observed = client.map(|OnBehalfOf(peer)| {
            let span = self.spans.begin(&mut request, peer);
            (span, self.messages.listen(request.uri().path(), peer))
        });
        let (span, (requests, answers)) = observed.unwrap_or_default();
        let request = request.map(|body| RequestBody::from(body).heard_by(requests));
        let answer = self.router.call(request);
        Box::pin(async move { Ok(answer.await.map(|body| body.heard_by(answers).traced(span))) })
    }
}
