//! A client of etcd's streams over a WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::patience::soon;

/// One WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    socket: WebSocketStream<TcpStream>,
    /// How the server answered the handshake.
    pub handshake: Response<Option<Vec<u8>>>,
}

impl WebSocket {
    /// Opens one with these headers.
    ///
    /// # Errors
    /// The server's answer, when it grants none.
    pub async fn open(address: &str, path: &str, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{address}{path}").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        let tcp = soon("a TCP connection", TcpStream::connect(address)).await.expect("a TCP connection");
        let limits = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let opened = tokio_tungstenite::client_async_with_config(request, tcp, Some(limits));
        let (socket, handshake) = soon("a handshake", opened).await?;
        Ok(Self { socket, handshake })
    }

    /// Sends a message.
    pub async fn send(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.expect("room for a message");
    }

    /// Sends what is no text. The server may close before it has all of it.
    pub async fn send_raw(&mut self, message: Message) {
        let _ = soon("room for a message", self.socket.send(message)).await;
    }

    /// The next message as JSON; none when the server has closed.
    pub async fn next(&mut self) -> Option<Value> {
        match self.next_raw().await? {
            Message::Text(text) => Some(serde_json::from_str(&text).expect("JSON in every message")),
            _ => None,
        }
    }

    /// The `result` of the next message.
    pub async fn result(&mut self) -> Value {
        let mut message = self.next().await.expect("a message more");
        assert!(message.get("result").is_some(), "no result: {message}");
        message["result"].take()
    }

    /// The next message, whatever it is; none at the end.
    pub async fn next_raw(&mut self) -> Option<Message> {
        soon("a message", self.socket.next()).await.and_then(Result::ok)
    }

    /// Why the server has closed, as far as it said.
    pub async fn farewell(&mut self) -> Option<CloseFrame> {
        loop {
            if let Message::Close(frame) = self.next_raw().await? {
                return frame;
            }
        }
    }
}
