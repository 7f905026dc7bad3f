//! Streams over a WebSocket, as etcd's server has them: each message of the client is a request, each answer a message.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use http::header::{
    AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tonic::Status;
use tonic::body::Body;
use tonic::client::GrpcService;

use crate::answers::Refusal;
use crate::gateway::{Answer, Gateway};

type StdError = Box<dyn std::error::Error + Send + Sync>;

/// Clients send messages of up to 8 MB, whatever becomes of what is in them.
const LEAST_MESSAGE_LIMIT: usize = 8 << 20;
/// Messages of the client that wait to be read.
const QUEUE: usize = 4;
const SUPPORTED_VERSION: &str = "13";
/// Browsers cannot set headers for a WebSocket: they name a protocol, and the token behind it.
const BEARER: &str = "Bearer";

/// The talk over a WebSocket that a client was granted.
#[derive(Debug)]
pub struct Talk<S> {
    gateway: Gateway<S>,
    upgrade: OnUpgrade,
    head: Parts,
}

/// Whether a request is for a WebSocket.
pub(crate) fn is_asked_for<B>(request: &Request<B>) -> bool {
    *request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && names(request.headers(), &CONNECTION, "upgrade")
        && names(request.headers(), &UPGRADE, "websocket")
}

/// Whether one of the words of a header is this one.
fn names(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    let mut texts = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    texts.any(|text| text.split(',').any(|found| found.trim().eq_ignore_ascii_case(word)))
}

/// Grants a WebSocket.
pub(crate) fn open<S, B>(gateway: Gateway<S>, request: &mut Request<B>) -> Answer<S> {
    match grant(request) {
        Ok((response, upgrade, head)) => Answer { response, talk: Some(Talk { gateway, upgrade, head }) },
        Err(refusal) => refusal.into_response().into(),
    }
}

fn grant<B>(request: &mut Request<B>) -> Result<(Response<Body>, OnUpgrade, Parts), Refusal> {
    let headers = request.headers();
    let key = headers.get(SEC_WEBSOCKET_KEY);
    let key = key.ok_or_else(|| Status::invalid_argument("a WebSocket needs Sec-WebSocket-Key"))?;
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != SUPPORTED_VERSION) {
        return Err(Status::invalid_argument("unsupported version of WebSocket: 13 is supported").into());
    }
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_| Status::internal("a key that is no header"))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answered = response.headers_mut();
    answered.insert(UPGRADE, HeaderValue::from_static("websocket"));
    answered.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    answered.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if names(headers, &SEC_WEBSOCKET_PROTOCOL, BEARER) {
        answered.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(BEARER));
    }
    let head = as_post(request);
    Ok((response, hyper::upgrade::on(request), head))
}

/// The request that the client would have sent if it had not wanted a WebSocket.
fn as_post<B>(request: &Request<B>) -> Parts {
    let (mut head, ()) = Request::new(()).into_parts();
    head.method = Method::POST;
    head.uri = request.uri().clone();
    head.headers = request.headers().clone();
    head.extensions = request.extensions().clone();
    head.extensions.remove::<OnUpgrade>();
    if let Some(token) = token_of_protocol(&head.headers) {
        head.headers.insert(AUTHORIZATION, token);
    }
    head
}

/// The token behind `Bearer` in the protocols. etcd wants it without that word, newer ones take it with it too.
fn token_of_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let words: Vec<&str> = protocols.flat_map(|text| text.split(',')).map(str::trim).collect();
    let token = words.windows(2).find(|pair| pair.first() == Some(&BEARER))?.last().copied()?;
    HeaderValue::from_str(token).ok()
}

impl<S> Talk<S>
where
    S: GrpcService<Body, ResponseBody: Send + 'static, Future: Send> + Clone + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<StdError>,
    S::ResponseBody: http_body::Body<Data = Bytes>,
{
    /// Talks until the client leaves or its call ends. When `stop` resolves, the client is not listened to any more, as
    /// if it had sent its last request.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { gateway, upgrade, head } = self;
        // A client that left at once has nothing to be told.
        let Ok(upgraded) = upgrade.await else { return };
        let limit = gateway.max_value_bytes().max(LEAST_MESSAGE_LIMIT);
        let limits = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
        let (mut sink, stream) = socket.split();
        let (send, receive) = mpsc::channel(QUEUE);
        let request = Request::from_parts(head, Received(receive));
        let farewell = {
            let heard = pin!(hear(stream, send, stop));
            let told = pin!(async { tell(&mut sink, gateway.answer_http(request).await).await });
            match select(heard, told).await {
                Either::Left((farewell, _)) => farewell,
                Either::Right(((), _)) => Some(close_frame(CloseCode::Normal, "")),
            }
        };
        if let Some(farewell) = farewell {
            // Whoever is gone hears nothing.
            let _ = sink.send(Message::Close(Some(farewell))).await;
        }
    }
}

fn close_frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
}

/// Hands on what the client says until it leaves, and gives what it is to be told about that.
async fn hear(
    mut stream: impl Stream<Item = Result<Message, Error>> + Unpin,
    send: mpsc::Sender<Bytes>,
    stop: impl Future<Output = ()>,
) -> Option<CloseFrame> {
    let mut stop = pin!(stop);
    let mut send = Some(send);
    loop {
        let message = match &send {
            None => stream.next().await,
            Some(_) => match select(stream.next(), stop.as_mut()).await {
                Either::Left((message, _)) => message,
                Either::Right(((), _)) => {
                    send = None;
                    continue;
                }
            },
        };
        let data = match message {
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Binary(data))) => data,
            // Pings are answered by the library.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Err(Error::Capacity(_))) => {
                return Some(close_frame(CloseCode::Size, "message too large"));
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
        };
        if let Some(requests) = &send
            && requests.send(data).await.is_err()
        {
            // The call wants no more requests, but may still answer.
            send = None;
        }
    }
}

/// Sends an answer, a message for each line.
async fn tell(sink: &mut (impl Sink<Message> + Unpin), answer: Response<Body>) {
    let mut body = answer.into_body();
    let mut line = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        let mut rest = data.as_ref();
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            line.extend_from_slice(head);
            rest = tail.get(1..).unwrap_or_default();
            if !say(sink, line.split().freeze()).await {
                return;
            }
        }
        line.extend_from_slice(rest);
    }
    if !line.is_empty() {
        say(sink, line.freeze()).await;
    }
}

/// Whether the client was there to hear it.
async fn say(sink: &mut (impl Sink<Message> + Unpin), line: Bytes) -> bool {
    match Utf8Bytes::try_from(line) {
        Ok(text) => sink.send(Message::Text(text)).await.is_ok(),
        Err(_) => false,
    }
}

/// What a client says, as the body of a request.
struct Received(mpsc::Receiver<Bytes>);

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_token_may_come_as_a_protocol() {
        let token = |text: &str| token_of_protocol(&headers(&[("sec-websocket-protocol", text)]));
        assert_eq!(token("Bearer, abc.1").unwrap(), "abc.1");
        assert_eq!(token("Bearer,abc.1").unwrap(), "abc.1");
        for none in ["Bearer", "json, abc", "abc, Bearer", ""] {
            assert_eq!(token(none), None, "{none}");
        }
    }

    #[test]
    fn a_websocket_is_asked_for_by_two_headers() {
        let asks = |pairs: &[(&str, &str)]| {
            let mut request = Request::new(());
            *request.headers_mut() = headers(pairs);
            is_asked_for(&request)
        };
        assert!(asks(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")]));
        assert!(!asks(&[("connection", "keep-alive"), ("upgrade", "websocket")]));
        assert!(!asks(&[("connection", "upgrade"), ("upgrade", "h2c")]));
        assert!(!asks(&[]));
    }
}
