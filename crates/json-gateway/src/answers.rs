//! What a client is answered: one message, a line for each message of a stream, or an error.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TRAILER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::Full;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::code::{error_body, error_line, http_code};
use crate::frames::Messages;
use crate::headers::{pass_on_headers, passed_on_trailers};
use crate::routes::Routes;
use crate::schema::MessageId;
use crate::writer::Writer;

/// What is written before the client must take it, in bytes.
const PIECE_BYTES: usize = 64 << 10;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: Status,
    code: StatusCode,
    /// As they are passed on.
    headers: HeaderMap,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        let code = http_code(status.code());
        Self { status, code, headers: HeaderMap::new() }
    }
}

impl Refusal {
    /// The service's, after headers that it had sent before.
    pub(crate) fn after(status: Status, head: &HeaderMap) -> Self {
        let mut refusal = Self::from(status);
        pass_on_headers(head, &mut refusal.headers);
        refusal
    }

    /// Of a body that is larger than it may be, in Go's words.
    pub(crate) fn too_large() -> Self {
        let status = Status::resource_exhausted("http: request body too large");
        Self { code: StatusCode::PAYLOAD_TOO_LARGE, ..Self::from(status) }
    }

    pub(crate) fn into_status(self) -> Status {
        self.status
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::new(Full::from(error_body(&self.status))));
        *response.status_mut() = self.code;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        if self.status.code() == Code::Unauthenticated
            && let Ok(message) = HeaderValue::from_str(self.status.message())
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, message);
        }
        response
    }
}

/// gRPC's words in Go.
pub(crate) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("context deadline exceeded")
}

/// One message, and the service's trailers where the client takes them.
pub(crate) fn whole(
    routes: &Arc<Routes>,
    id: MessageId,
    message: Bytes,
    head: &HeaderMap,
    trailers: Option<&HeaderMap>,
) -> Result<Response<Body>, Refusal> {
    let trailers = trailers.map(passed_on_trailers).filter(|trailers| !trailers.is_empty());
    let mut piece = String::with_capacity(PIECE_BYTES.min(256 + 2 * message.len()));
    let mut writer = Writer::new(id, message, &mut piece);
    let complete = writer
        .write(&routes.schema, &mut piece, PIECE_BYTES)
        .map_err(|error| Status::internal(error.to_string()))?;
    let mut headers = HeaderMap::new();
    pass_on_headers(head, &mut headers);
    headers.insert(CONTENT_TYPE, JSON);
    for name in trailers.iter().flat_map(HeaderMap::keys) {
        headers.append(TRAILER, HeaderValue::from(name.clone()));
    }
    let body = if complete && trailers.is_none() {
        Body::new(Full::from(piece))
    } else {
        let writer = (!complete).then_some(writer);
        Body::new(Pieces { routes: Arc::clone(routes), piece: Some(piece), writer, trailers })
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    Ok(response)
}

/// A message that is written as the client takes it.
struct Pieces {
    routes: Arc<Routes>,
    /// The first one.
    piece: Option<String>,
    /// None at the end of the message.
    writer: Option<Writer>,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if let Some(first) = this.piece.take() {
            return Poll::Ready(Some(Ok(Frame::data(first.into()))));
        }
        let Some(writer) = &mut this.writer else {
            return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        };
        let mut piece = String::with_capacity(PIECE_BYTES);
        match writer.write(&this.routes.schema, &mut piece, PIECE_BYTES) {
            Ok(true) => this.writer = None,
            Ok(false) => {}
            Err(error) => {
                this.writer = None;
                return Poll::Ready(Some(Err(Status::internal(error.to_string()))));
            }
        }
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.piece.is_none() && self.writer.is_none() && self.trailers.is_none()
    }
}

/// A stream, a line for each message.
pub(crate) fn lines(lines: Lines, head: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::new(lines));
    pass_on_headers(head, response.headers_mut());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// `{"result":…}` for each message, `{"error":…}` at an end that is none.
pub(crate) struct Lines {
    routes: Arc<Routes>,
    id: MessageId,
    messages: Messages<Body>,
    /// Of the line that is being written.
    writer: Option<Writer>,
    piece: String,
    /// What is wrong with the client's own stream.
    refusal: Option<oneshot::Receiver<Status>>,
    deadline: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Lines {
    pub(crate) fn new(
        routes: Arc<Routes>,
        id: MessageId,
        messages: Messages<Body>,
        refusal: oneshot::Receiver<Status>,
        deadline: Option<Instant>,
    ) -> Self {
        let deadline = deadline.map(|deadline| Box::pin(sleep_until(deadline)));
        let (piece, refusal) = (String::new(), Some(refusal));
        Self { routes, id, messages, writer: None, piece, refusal, deadline, ended: false }
    }

    /// Waits for the first message, or for the end of the stream.
    pub(crate) async fn first(&mut self) -> Result<(), Status> {
        match std::future::poll_fn(|cx| self.poll_message(cx)).await {
            Some(Ok(message)) => self.begin(message),
            Some(Err(status)) => return Err(status),
            None => self.ended = true,
        }
        Ok(())
    }

    fn begin(&mut self, message: Bytes) {
        self.piece.push_str("{\"result\":");
        self.writer = Some(Writer::new(self.id, message, &mut self.piece));
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        if let Some(status) = self.refused(cx) {
            return Poll::Ready(Some(Err(status)));
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            self.deadline = None;
            return Poll::Ready(Some(Err(deadline_exceeded())));
        }
        let next = ready!(self.messages.poll_next(cx));
        // The service ends too when it learns what is wrong with the client's stream, and knows no better reason.
        Poll::Ready(match next {
            None | Some(Err(_)) => self.refused(cx).map(Err).or(next),
            next => next,
        })
    }

    fn refused(&mut self, cx: &mut Context<'_>) -> Option<Status> {
        match self.refusal.as_mut()?.poll_unpin(cx) {
            Poll::Pending => None,
            Poll::Ready(refused) => {
                self.refusal = None;
                refused.ok()
            }
        }
    }

    /// Writes until there is enough for the client to take; pending with nothing written means that nothing came.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        loop {
            if let Some(writer) = &mut self.writer {
                match writer.write(&self.routes.schema, &mut self.piece, PIECE_BYTES) {
                    Ok(true) => {
                        self.piece.push_str("}\n");
                        self.writer = None;
                    }
                    Ok(false) => return Poll::Ready(Ok(())),
                    Err(error) => {
                        self.ended = true;
                        return Poll::Ready(Err(Status::internal(error.to_string())));
                    }
                }
            }
            if self.ended || self.piece.len() >= PIECE_BYTES {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.poll_message(cx)) {
                Some(Ok(message)) => self.begin(message),
                Some(Err(status)) => {
                    self.piece.push_str(&error_line(&status));
                    self.ended = true;
                }
                None => self.ended = true,
            }
        }
    }
}

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let written = self.poll_piece(cx);
        if let Poll::Ready(Err(status)) = written {
            return Poll::Ready(Some(Err(status)));
        }
        if !self.piece.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.piece).into()))));
        }
        if written.is_pending() { Poll::Pending } else { Poll::Ready(None) }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.writer.is_none() && self.piece.is_empty()
    }
}
