//! Just enough HTTP/1 to read `/metrics`, `/health` and `/version`, and to send what no client would.

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
