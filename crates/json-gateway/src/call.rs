//! One request from its JSON to the service and back.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use http::{Extensions, Method, Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tonic::client::GrpcService;

use crate::answers::{self, Lines, Refusal};
use crate::documents::Documents;
use crate::frames::{Messages, status_of};
use crate::headers::{Metadata, takes_trailers};
use crate::request::frame;
use crate::routes::{Route, Routes};

type StdError = Box<dyn std::error::Error + Send + Sync>;

/// What a client may send behind the value that is its request, for its connection to be of use afterwards.
const MAX_REST_BYTES: usize = 64 << 10;

/// A request whose method is known.
pub(crate) struct Call<'a> {
    pub(crate) routes: &'a Arc<Routes>,
    pub(crate) route: &'a Route,
    pub(crate) max_value_bytes: usize,
    /// Of the request: what the server that has the gateway says to the service.
    pub(crate) extensions: Extensions,
}

impl Call<'_> {
    /// Calls the service.
    pub(crate) async fn answer<S, B>(
        &self,
        service: S,
        request: Request<B>,
    ) -> Result<Response<Body>, Refusal>
    where
        S: GrpcService<Body, ResponseBody: Send + 'static>,
        <S::ResponseBody as http_body::Body>::Error: Into<StdError>,
        S::ResponseBody: http_body::Body<Data = Bytes>,
        B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Send + Unpin + 'static,
    {
        let (head, body) = request.into_parts();
        let Metadata { headers, timeout } = Metadata::of_request(&head.headers)?;
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let answer = async {
            if self.route.server_streams {
                self.stream(service, headers, body, deadline).await
            } else {
                self.unary(service, headers, body, takes_trailers(&head.headers)).await
            }
        };
        match deadline {
            None => answer.await,
            Some(deadline) => match tokio::time::timeout_at(deadline, answer).await {
                // A member that notices it first may have other words for it.
                Ok(Err(_)) if Instant::now() >= deadline => Err(answers::deadline_exceeded().into()),
                Ok(answer) => answer,
                Err(_) => Err(answers::deadline_exceeded().into()),
            },
        }
    }

    async fn unary<S, B>(
        &self,
        service: S,
        metadata: HeaderMap,
        body: B,
        takes_trailers: bool,
    ) -> Result<Response<Body>, Refusal>
    where
        S: GrpcService<Body, ResponseBody: Send + 'static>,
        <S::ResponseBody as http_body::Body>::Error: Into<StdError>,
        S::ResponseBody: http_body::Body<Data = Bytes>,
        B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Unpin,
    {
        let mut requests = Requests::new(body, self.route, self.max_value_bytes);
        let request = requests.only().await?;
        let (head, mut messages) = self.send(service, metadata, Body::new(Full::new(request))).await?;
        let message = match messages.next().await {
            Some(Ok(message)) => message,
            Some(Err(status)) => return Err(Refusal::after(status, &head)),
            None => return Err(Status::internal("the call ended without an answer").into()),
        };
        // An answer is one only when its status has come.
        if let Some(Err(status)) = messages.next().await {
            return Err(Refusal::after(status, &head));
        }
        let trailers = takes_trailers.then(|| messages.trailers());
        answers::whole(self.routes, self.route.response, message, &head, trailers)
    }

    async fn stream<S, B>(
        &self,
        service: S,
        metadata: HeaderMap,
        body: B,
        deadline: Option<Instant>,
    ) -> Result<Response<Body>, Refusal>
    where
        S: GrpcService<Body, ResponseBody: Send + 'static>,
        <S::ResponseBody as http_body::Body>::Error: Into<StdError>,
        S::ResponseBody: http_body::Body<Data = Bytes>,
        B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Send + Unpin + 'static,
    {
        let mut requests = Requests::new(body, self.route, self.max_value_bytes);
        let (send_refusal, refusal) = oneshot::channel();
        let body = if self.route.client_streams {
            // What cannot be understood at once is refused before anything is asked for.
            let first = requests.first().await?;
            Body::new(RequestStream { first, requests: Some(requests), refusal: Some(send_refusal) })
        } else {
            Body::new(Full::new(requests.only().await?))
        };
        let (head, messages) = self.send(service, metadata, body).await?;
        let mut lines = Lines::new(Arc::clone(self.routes), self.route.response, messages, refusal, deadline);
        match lines.first().await {
            Ok(()) => Ok(answers::lines(lines, &head)),
            Err(status) => Err(Refusal::after(status, &head)),
        }
    }

    async fn send<S>(
        &self,
        mut service: S,
        metadata: HeaderMap,
        body: Body,
    ) -> Result<(HeaderMap, Messages<Body>), Refusal>
    where
        S: GrpcService<Body, ResponseBody: Send + 'static>,
        <S::ResponseBody as http_body::Body>::Error: Into<StdError>,
        S::ResponseBody: http_body::Body<Data = Bytes>,
    {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() =
            self.route.method.parse().map_err(|_| Status::internal("a method without a path"))?;
        *request.headers_mut() = metadata;
        *request.extensions_mut() = self.extensions.clone();
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        std::future::poll_fn(|cx| service.poll_ready(cx)).await.map_err(unreachable_service)?;
        let (head, body) = service.call(request).await.map_err(unreachable_service)?.into_parts();
        if head.headers.contains_key("grpc-status") {
            let status = status_of(&head.headers).err();
            let status = status.unwrap_or_else(|| Status::internal("the call ended without an answer"));
            return Err(status.into());
        }
        Ok((head.headers, Messages::new(Body::new(body))))
    }
}

fn unreachable_service(error: impl Into<StdError>) -> Refusal {
    Status::from_error(error.into()).into()
}

/// What a client has begun to say and not said to its end.
fn unreadable(error: impl Into<StdError>) -> Status {
    Status::invalid_argument(format!("cannot read the request: {}", error.into()))
}

/// The requests that a client sends, as gRPC frames.
struct Requests<B> {
    body: B,
    documents: Documents,
    message: prost_reflect::MessageDescriptor,
    ended: bool,
}

impl<B> Requests<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Unpin,
{
    fn new(body: B, route: &Route, max_value_bytes: usize) -> Self {
        let documents = Documents::new(max_value_bytes);
        Self { body, documents, message: route.request.clone(), ended: false }
    }

    /// The one request of a call that takes one: the first value, or a message without fields where nothing came.
    async fn only(&mut self) -> Result<Bytes, Refusal> {
        if self.body.size_hint().lower() > self.documents.max_bytes() as u64 {
            return Err(Refusal::too_large());
        }
        let request = match self.first().await? {
            Some(request) => request,
            None => frame(&self.message, None)?,
        };
        self.take_what_is_there();
        Ok(request)
    }

    async fn first(&mut self) -> Result<Option<Bytes>, Refusal> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await.transpose()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Refusal>>> {
        loop {
            match self.documents.next() {
                Ok(Some(value)) => return Poll::Ready(Some(self.frame(&value))),
                Ok(None) => {}
                Err(_) => return Poll::Ready(Some(Err(Refusal::too_large()))),
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.documents.push(data);
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(unreadable(error).into())));
                }
                None => {
                    self.ended = true;
                    return Poll::Ready(self.documents.rest().map(|rest| self.frame(&rest)));
                }
            }
        }
    }

    fn frame(&self, json: &[u8]) -> Result<Bytes, Refusal> {
        Ok(frame(&self.message, Some(json))?)
    }

    /// A connection whose request was not read to its end is closed, which nobody who keeps it wants.
    fn take_what_is_there(&mut self) {
        let mut taken = 0;
        while taken <= MAX_REST_BYTES && !self.ended {
            match pin!(self.body.frame()).now_or_never() {
                Some(Some(Ok(frame))) => taken += frame.data_ref().map_or(0, Bytes::len),
                Some(_) => self.ended = true,
                None => return,
            }
        }
    }
}

/// The requests of a client that sends many, for as long as it does.
struct RequestStream<B> {
    first: Option<Bytes>,
    /// None once it has ended.
    requests: Option<Requests<B>>,
    /// Tells the answer why the stream ended.
    refusal: Option<oneshot::Sender<Status>>,
}

impl<B> http_body::Body for RequestStream<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(requests) = &mut self.requests else { return Poll::Ready(None) };
        match ready!(requests.poll_next(cx)) {
            Some(Ok(request)) => Poll::Ready(Some(Ok(Frame::data(request)))),
            Some(Err(refusal)) => {
                self.requests = None;
                let status = refusal.into_status();
                if let Some(sender) = self.refusal.take() {
                    // An answer that has ended needs no reason any more.
                    let _ = sender.send(status.clone());
                }
                Poll::Ready(Some(Err(status)))
            }
            None => {
                self.requests = None;
                Poll::Ready(None)
            }
        }
    }
}
