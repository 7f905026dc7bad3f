//! The two halves of a counted call: the request as it is read, and the answer, whose end is the call's end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::codegen::StdError;
use tonic::{Code, Status};
use upstream_balancer::Prefixes;

use super::{CountedCall, Counts};
use crate::door::clients::ClientCall;
use crate::services::message_log::Listener;
use crate::services::spans::CallSpan;

const GRPC_STATUS: &str = "grpc-status";

/// A request's body: a client's, or one that was made in this process.
#[derive(Debug)]
pub(crate) struct RequestBody {
    source: Source,
    /// Only where a client may send more than one message.
    messages: Option<Box<Received>>,
    listener: Listener,
}

#[derive(Debug)]
enum Source {
    Client(Incoming),
    Own(Body),
}

#[derive(Debug)]
struct Received {
    prefixes: Prefixes,
    counts: Arc<[Counts]>,
    index: usize,
}

/// An answer's body, which tells how the call has ended.
#[derive(Debug)]
pub(crate) struct CountedBody {
    body: Body,
    call: Option<CountedCall>,
    /// Held until the answer has been given.
    client: Option<ClientCall>,
    listener: Listener,
    prefixes: Prefixes,
}

impl From<Incoming> for RequestBody {
    fn from(body: Incoming) -> Self {
        Self { source: Source::Client(body), messages: None, listener: None }
    }
}

impl From<Body> for RequestBody {
    fn from(body: Body) -> Self {
        Self { source: Source::Own(body), messages: None, listener: None }
    }
}

impl RequestBody {
    /// Everything that is read is heard.
    pub(crate) fn heard_by(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// Counts the messages that `call` receives.
    pub(crate) fn of_call(mut self, call: Option<&CountedCall>) -> Self {
        let streaming = call.filter(|call| call.kind.client_streams());
        self.messages = streaming.map(|call| {
            Box::new(Received {
                prefixes: Prefixes::default(),
                counts: Arc::clone(&call.counts),
                index: call.index,
            })
        });
        self
    }
}

impl Received {
    fn count(&mut self, mut data: &[u8]) {
        while self.prefixes.next(&mut data).is_some() {
            if let Some(counts) = self.counts.get(self.index) {
                counts.received.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let frame = match &mut self.source {
            Source::Client(body) => {
                ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(Into::into))
            }
            Source::Own(body) => ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(Into::into)),
        };
        if let (Some(messages), Some(Ok(frame))) = (&mut self.messages, &frame)
            && let Some(data) = frame.data_ref()
        {
            messages.count(data);
        }
        if let (Some(listener), Some(Ok(frame))) = (&mut self.listener, &frame)
            && let Some(data) = frame.data_ref()
        {
            listener.hear(data);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Client(body) => body.is_end_stream(),
            Source::Own(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Client(body) => body.size_hint(),
            Source::Own(body) => body.size_hint(),
        }
    }
}

impl CountedBody {
    /// The answer to a call, or to what is none.
    pub(crate) fn of(answer: Response<Body>, mut call: Option<CountedCall>) -> Response<Self> {
        if let Some(call) = &mut call {
            call.read_code(answer.headers());
        }
        answer.map(|body| Self { body, call, client: None, listener: None, prefixes: Prefixes::default() })
    }

    /// Everything that is answered is heard.
    pub(crate) fn heard_by(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// The span ends with the call.
    pub(crate) fn traced(mut self, span: CallSpan) -> Self {
        if let Some(call) = &mut self.call {
            call.span = span;
        }
        self
    }

    /// The answer to a call of this client.
    pub(crate) fn of_client(mut self, call: ClientCall) -> Self {
        self.client = Some(call);
        self
    }

    fn count(&mut self, mut data: &[u8]) {
        let streaming = self.call.as_ref().filter(|call| call.kind.server_streams());
        let Some(counts) = streaming.and_then(CountedCall::counts) else { return };
        while self.prefixes.next(&mut data).is_some() {
            counts.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl CountedCall {
    /// The code, where the headers or trailers say it.
    fn read_code(&mut self, headers: &HeaderMap) {
        if let Some(code) = headers.get(GRPC_STATUS) {
            self.code = Some(Code::from_bytes(code.as_bytes()));
        }
    }
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let (Some(listener), Some(Ok(frame))) = (&mut self.listener, &frame)
            && let Some(data) = frame.data_ref()
        {
            listener.hear(data);
        }
        match (&frame, &mut self.call) {
            (Some(Ok(frame)), Some(call)) => match (frame.data_ref(), frame.trailers_ref()) {
                (Some(data), _) => self.count(data),
                (None, Some(trailers)) => call.read_code(trailers),
                (None, None) => {}
            },
            (Some(Err(status)), Some(call)) => call.code = Some(status.code()),
            (None, Some(call)) => call.code = call.code.or(Some(Code::Unknown)),
            (_, None) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
