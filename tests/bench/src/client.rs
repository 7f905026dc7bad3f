//! A lean gRPC client on bare h2: a call costs the generator as little as can be, and every answer is checked.

use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream, client};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};
use http::{Method, Request, StatusCode, Uri, Version};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::{Error, Result};

/// Windows so large that no benchmark waits for an update of one.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 64 << 20;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// A compression flag and four bytes of length stand before every gRPC message.
pub(crate) const PREFIX: usize = 5;

/// Opens connections to one address, all alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Connector {
    address: SocketAddr,
    stream_window: u32,
}

impl Connector {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream_window: STREAM_WINDOW }
    }

    /// Streams that hold back their sender when so many bytes are unread.
    pub(crate) fn stream_window(mut self, bytes: u32) -> Self {
        self.stream_window = bytes;
        self
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Connection::over(stream, self.stream_window).await
    }
}

/// One HTTP/2 connection. Clones share it; it closes when the last of them goes.
#[derive(Clone)]
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    headers: HeaderMap,
}

impl Connection {
    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        stream_window: u32,
    ) -> Result<Self> {
        let (requests, connection) = client::Builder::new()
            .initial_window_size(stream_window)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false)
            .handshake(stream)
            .await?;
        // What goes wrong with the connection shows in the calls on it.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { requests, headers: headers() })
    }

    /// Sends one message and returns the one that answers it. Anything but an answer with status 0 is an error.
    pub(crate) async fn call(&mut self, method: &Uri, message: &impl Message) -> Result<Bytes> {
        poll_fn(|context| self.requests.poll_ready(context)).await?;
        let (response, mut body) = self.requests.send_request(self.request(method), false)?;
        body.send_data(frame(message)?, true)?;
        let (head, mut body) = response.await?.into_parts();
        if head.status != StatusCode::OK {
            return Err(format!("{method}: HTTP status {}", head.status).into());
        }
        let data = collect(&mut body).await?;
        let trailers = body.trailers().await?;
        check(method, trailers.as_ref().unwrap_or(&head.headers))?;
        unframe(data).ok_or_else(|| format!("{method}: the answer is not one whole message").into())
    }

    /// Opens a stream that stays open, and sends `messages` (framed, any number of them) on it.
    pub(crate) async fn open(&mut self, method: &Uri, messages: Bytes) -> Result<OpenStream> {
        poll_fn(|context| self.requests.poll_ready(context)).await?;
        let (response, mut requests) = self.requests.send_request(self.request(method), false)?;
        requests.send_data(messages, false)?;
        Ok(OpenStream { requests, response: Some(response), body: None })
    }

    fn request(&self, method: &Uri) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = method.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// A stream in both directions; reset when dropped.
pub(crate) struct OpenStream {
    requests: SendStream<Bytes>,
    response: Option<ResponseFuture>,
    body: Option<RecvStream>,
}

impl OpenStream {
    /// Sends more `messages` (framed, any number of them).
    pub(crate) fn send(&mut self, messages: Bytes) -> Result<()> {
        Ok(self.requests.send_data(messages, false)?)
    }

    /// The next piece of the answer, cut wherever the sender cut it. The end of the stream is an error.
    pub(crate) async fn data(&mut self) -> Result<Bytes> {
        if let Some(response) = self.response.take() {
            let (head, body) = response.await?.into_parts();
            if head.status != StatusCode::OK || head.headers.contains_key(GRPC_STATUS) {
                return Err(format!("the stream was refused: {head:?}").into());
            }
            self.body = Some(body);
        }
        let body = self.body.as_mut().ok_or("the stream was refused before")?;
        match body.data().await {
            Some(chunk) => {
                let chunk = chunk?;
                body.flow_control().release_capacity(chunk.len())?;
                Ok(chunk)
            }
            None => Err(format!("the stream ended: {:?}", body.trailers().await?).into()),
        }
    }
}

fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
        (TE, HeaderValue::from_static("trailers")),
    ])
}

/// The message with its prefix, encoded once into one buffer of the right size.
pub(crate) fn frame(message: &impl Message) -> Result<Bytes> {
    let length = message.encoded_len();
    let mut buffer = BytesMut::with_capacity(PREFIX + length);
    buffer.put_u8(0);
    buffer.put_u32(u32::try_from(length)?);
    message.encode(&mut buffer)?;
    Ok(buffer.freeze())
}

/// The message of a body that holds exactly one, uncompressed.
fn unframe(mut data: Bytes) -> Option<Bytes> {
    let compressed = data.try_get_u8().ok()?;
    let length = usize::try_from(data.try_get_u32().ok()?).ok()?;
    (compressed == 0 && length == data.len()).then_some(data)
}

/// The whole body. It nearly always is one frame, and is then not copied.
async fn collect(body: &mut RecvStream) -> Result<Bytes> {
    let mut first = Bytes::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        first = if first.is_empty() { chunk } else { joined(&first, &chunk) };
    }
    Ok(first)
}

fn joined(first: &Bytes, second: &Bytes) -> Bytes {
    let mut whole = BytesMut::with_capacity(first.len() + second.len());
    whole.extend_from_slice(first);
    whole.extend_from_slice(second);
    whole.freeze()
}

fn check(method: &Uri, trailers: &HeaderMap) -> Result<()> {
    let text = |name| trailers.get(name).map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()));
    match text(GRPC_STATUS).as_deref() {
        Some("0") => Ok(()),
        Some(code) => {
            let message = text(GRPC_MESSAGE).unwrap_or_default();
            Err(Error::from(format!("{method}: grpc-status {code}: {message}")))
        }
        None => Err(format!("{method}: an answer without grpc-status").into()),
    }
}

#[cfg(test)]
mod tests {
    use http::Response;
    use proto_gen::etcdserverpb::{PutRequest, PutResponse, ResponseHeader};

    use super::*;

    /// What a scripted server answers: data frames, and the trailers if any.
    struct Script {
        data: Vec<Bytes>,
        trailers: Option<HeaderMap>,
    }

    fn status(code: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (GRPC_STATUS, HeaderValue::from_static(code)),
            (GRPC_MESSAGE, HeaderValue::from_static("as scripted")),
        ])
    }

    fn answer() -> PutResponse {
        PutResponse { header: Some(ResponseHeader { revision: 7, ..Default::default() }), prev_kv: None }
    }

    async fn serve(stream: tokio::io::DuplexStream, script: Script) {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        let last = script.data.len().saturating_sub(usize::from(script.trailers.is_none()));
        for (place, data) in script.data.into_iter().enumerate() {
            body.send_data(data, place == last).unwrap();
        }
        if let Some(trailers) = script.trailers {
            body.send_trailers(trailers).unwrap();
        }
        while connection.accept().await.is_some() {}
    }

    async fn call(script: Script) -> Result<Bytes> {
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::spawn(serve(far, script));
        let mut connection = Connection::over(near, STREAM_WINDOW).await?;
        let method = Uri::from_static("http://localhost/etcdserverpb.KV/Put");
        connection.call(&method, &PutRequest::default()).await
    }

    #[tokio::test]
    async fn an_answer_with_status_zero_is_returned() {
        let data = vec![frame(&answer()).unwrap()];
        let message = call(Script { data, trailers: Some(status("0")) }).await.unwrap();
        assert_eq!(PutResponse::decode(message).unwrap(), answer());
    }

    #[tokio::test]
    async fn an_answer_in_pieces_is_put_together() {
        let mut whole = frame(&answer()).unwrap();
        let data = vec![whole.split_to(3), whole.split_to(4), whole];
        let message = call(Script { data, trailers: Some(status("0")) }).await.unwrap();
        assert_eq!(PutResponse::decode(message).unwrap(), answer());
    }

    #[tokio::test]
    async fn any_other_status_is_an_error_that_says_which() {
        let data = vec![frame(&answer()).unwrap()];
        let error = call(Script { data, trailers: Some(status("14")) }).await.unwrap_err();
        assert!(error.to_string().ends_with("grpc-status 14: as scripted"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_without_status_is_an_error() {
        let data = vec![frame(&answer()).unwrap()];
        assert!(call(Script { data, trailers: None }).await.is_err());
    }

    #[tokio::test]
    async fn status_zero_without_a_whole_message_is_an_error() {
        for data in [vec![], vec![frame(&answer()).unwrap().split_to(6)]] {
            assert!(call(Script { data, trailers: Some(status("0")) }).await.is_err());
        }
    }
}
