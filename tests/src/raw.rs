//! HTTP/2 by hand: for what a well-behaved gRPC client would never send.

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

use crate::patience::soon;

/// One HTTP/2 connection.
#[derive(Clone, Debug)]
pub struct RawConnection {
    address: String,
    send: SendRequest<Bytes>,
}

/// What came back for one request.
#[derive(Debug)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers of the answer.
    pub headers: HeaderMap,
    /// The body, gRPC's frame headers included.
    pub body: Bytes,
    /// The trailers; empty if there were none.
    pub trailers: HeaderMap,
}

impl RawAnswer {
    /// `grpc-status` and the decoded `grpc-message` (empty or left out is the same), from the trailers or from an
    /// answer of headers only.
    #[must_use]
    pub fn grpc(&self) -> (Option<String>, String) {
        (self.either("grpc-status"), percent_decoded(&self.either("grpc-message").unwrap_or_default()))
    }

    fn either(&self, name: &str) -> Option<String> {
        let value = self.trailers.get(name).or_else(|| self.headers.get(name))?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }
}

impl RawConnection {
    /// Connects to `address`.
    pub async fn connect(address: &str) -> Self {
        let tcp = soon("a TCP connection", TcpStream::connect(address)).await.expect("a TCP connection");
        // Without a budget of its own for small answers to streams that it has reset: those are its test's purpose.
        let handshake = client::Builder::new().data_frame_budget(usize::MAX).handshake(tcp);
        let (send, connection) = soon("an HTTP/2 handshake", handshake).await.expect("a handshake");
        tokio::spawn(connection);
        let send = soon("the settings", send.ready()).await.expect("the settings of the server");
        Self { address: address.to_owned(), send }
    }

    /// How many streams the server lets this connection have at once, by its SETTINGS.
    #[must_use]
    pub fn max_concurrent_streams(&self) -> usize {
        self.send.current_max_send_streams()
    }

    /// Opens a stream for a gRPC call and sends no body yet.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> (ResponseFuture, SendStream<Bytes>) {
        let mut send = self.send.clone().ready().await.expect("room for a stream");
        send.send_request(self.request("application/grpc", path, headers), false).expect("a stream")
    }

    /// One gRPC call with this body as it stands, answered or reset.
    pub async fn call(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<RawAnswer, h2::Error> {
        let (answer, mut stream) = self.open(path, headers).await;
        stream.send_data(body, true)?;
        soon(path, collect(answer)).await
    }

    /// The same under another content type.
    pub async fn call_as(&self, content_type: &str, path: &str, body: Bytes) -> Result<RawAnswer, h2::Error> {
        let mut send = self.send.clone().ready().await?;
        let (answer, mut stream) = send.send_request(self.request(content_type, path, &[]), false)?;
        stream.send_data(body, true)?;
        soon(path, collect(answer)).await
    }

    /// A GET.
    pub async fn get(&self, path: &str) -> Result<RawAnswer, h2::Error> {
        let mut send = self.send.clone().ready().await?;
        let request = Request::get(format!("http://{}{path}", self.address)).body(()).expect("a request");
        let (answer, _) = send.send_request(request, true)?;
        soon(path, collect(answer)).await
    }

    fn request(&self, content_type: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", content_type)
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a valid request")
    }
}

/// Waits for the whole answer.
pub async fn collect(answer: ResponseFuture) -> Result<RawAnswer, h2::Error> {
    let (head, mut body) = answer.await?.into_parts();
    let bytes = read(&mut body).await?;
    let trailers = body.trailers().await?.unwrap_or_default();
    Ok(RawAnswer { status: head.status.as_u16(), headers: head.headers, body: bytes, trailers })
}

async fn read(body: &mut RecvStream) -> Result<Bytes, h2::Error> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        bytes.put(chunk);
    }
    Ok(bytes.freeze())
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(b"%??"),
        }
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A gRPC frame around an encoded message.
#[must_use]
pub fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a message of less than 4 GiB"));
    frame.put_slice(message);
    frame.freeze()
}
