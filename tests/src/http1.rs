//! Just enough HTTP/1 to read pages, and to send what no client would.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::patience::CALL;

/// The body of a GET, if the server answered 200.
pub async fn get(address: &str, path: &str) -> Option<String> {
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    let answer = exchange(address, request.as_bytes()).await.ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split_whitespace().nth(1).filter(|status| *status == "200").map(|_| body.to_owned())
}

/// What a server says about a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body as it was sent.
    pub body: String,
}

impl Page {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn parse(answer: &[u8]) -> Option<Self> {
        let answer = String::from_utf8_lossy(answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
        let header =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Some(Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() })
    }
}

/// Asks for a path by a method, over a connection of its own.
pub async fn page(address: &str, method: &str, path: &str) -> std::io::Result<Page> {
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    let answer = exchange(address, request.as_bytes()).await?;
    Page::parse(&answer).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}

/// Sends bytes and returns all that comes back until the peer closes.
pub async fn exchange(address: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let conversation = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request).await?;
        stream.read_to_end(&mut answer).await
    };
    match tokio::time::timeout(CALL, conversation).await {
        Ok(result) => result.map(|_| answer),
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
