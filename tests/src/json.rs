//! A client of etcd's HTTP/JSON API, over HTTP/1.1 or HTTP/2, whose connection stays open.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::patience::soon;

/// One connection.
#[derive(Debug)]
pub struct JsonConnection {
    address: String,
    send: Send,
    headers: Vec<(String, String)>,
}

#[derive(Debug)]
enum Send {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct JsonAnswer {
    /// HTTP's code.
    pub status: u16,
    /// HTTP's headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: String,
}

/// An answer that goes on.
#[derive(Debug)]
pub struct JsonStream {
    /// HTTP's code.
    pub status: u16,
    body: Incoming,
    buffer: Vec<u8>,
}

impl JsonAnswer {
    /// The body as JSON; one that is none fails the test.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }
}

impl JsonConnection {
    /// Connects over HTTP/1.1.
    pub async fn connect(address: &str) -> Self {
        let tcp = soon("a TCP connection", TcpStream::connect(address)).await.expect("a TCP connection");
        let (send, connection) = http1::handshake(TokioIo::new(tcp)).await.expect("a handshake");
        tokio::spawn(connection);
        Self { address: address.to_owned(), send: Send::Http1(send), headers: Vec::new() }
    }

    /// Connects over HTTP/2, without asking first.
    pub async fn connect_http2(address: &str) -> Self {
        let tcp = soon("a TCP connection", TcpStream::connect(address)).await.expect("a TCP connection");
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_reset_streams(100).initial_connection_window_size(16 << 20);
        let (send, connection) = builder.handshake(TokioIo::new(tcp)).await.expect("a handshake");
        tokio::spawn(connection);
        Self { address: address.to_owned(), send: Send::Http2(send), headers: Vec::new() }
    }

    /// The same with a header on every request.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Posts to a path, and reads the whole answer.
    pub async fn post(&mut self, path: &str, body: impl Into<Bytes>) -> JsonAnswer {
        self.ask(Method::POST, path, body).await
    }

    /// The same by any method.
    pub async fn ask(&mut self, method: Method, path: &str, body: impl Into<Bytes>) -> JsonAnswer {
        soon(path, async {
            let answer = self.send(method, path, body.into()).await;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.expect("a whole answer").to_bytes();
            let body = String::from_utf8(body.to_vec()).expect("an answer in UTF-8");
            JsonAnswer { status: head.status.as_u16(), headers: head.headers, body }
        })
        .await
    }

    /// Posts to a path whose answer goes on.
    pub async fn open(&mut self, path: &str, body: impl Into<Bytes>) -> JsonStream {
        let answer = soon(path, self.send(Method::POST, path, body.into())).await;
        JsonStream { status: answer.status().as_u16(), body: answer.into_body(), buffer: Vec::new() }
    }

    /// Posts to a path, and gives the beginning of the answer.
    pub async fn post_raw(&mut self, path: &str, body: impl Into<Bytes>) -> Response<Incoming> {
        soon(path, self.send(Method::POST, path, body.into())).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Response<Incoming> {
        let is_http1 = matches!(self.send, Send::Http1(_));
        let uri = if is_http1 { path.to_owned() } else { format!("http://{}{path}", self.address) };
        let mut request = Request::builder().method(method).uri(uri);
        if is_http1 {
            request = request.header("host", &self.address);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).expect("a request");
        match &mut self.send {
            Send::Http1(send) => {
                send.ready().await.expect("a connection that is kept");
                send.send_request(request).await
            }
            Send::Http2(send) => send.send_request(request).await,
        }
        .expect("an answer")
    }
}

impl JsonStream {
    /// The next line as JSON; none at the end.
    pub async fn line(&mut self) -> Option<Value> {
        soon("a line", async {
            loop {
                if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.buffer.drain(..=end).collect();
                    return Some(serde_json::from_slice(&line).expect("JSON on every line"));
                }
                let frame = self.body.frame().await?.expect("a stream that is not cut off");
                self.buffer.extend_from_slice(&frame.into_data().unwrap_or_default());
            }
        })
        .await
    }

    /// The `result` of the next line.
    pub async fn result(&mut self) -> Value {
        let mut line = self.line().await.expect("a line more");
        assert!(line.get("result").is_some(), "no result: {line}");
        line["result"].take()
    }
}
