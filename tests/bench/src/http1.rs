//! A lean HTTP/1.1 client for JSON: a connection that is kept, one request at a time.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Result;

/// No answer of a benchmark's is larger.
const LARGEST: usize = 1 << 20;

/// One connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Http1 {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: Vec::new(), answer: Vec::new() })
    }

    /// Posts JSON, and gives the body of the answer. Any code but 200 is an error.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Result<&str> {
        use std::io::Write as _;
        self.request.clear();
        write!(
            self.request,
            "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let (from, to) = loop {
            if let Some(body) = place_of_body(&self.answer)?
                && self.answer.len() >= body.1
            {
                break body;
            }
            if self.answer.len() > LARGEST || self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(format!("{path}: the answer is not whole").into());
            }
        };
        Ok(std::str::from_utf8(self.answer.get(from..to).unwrap_or_default())?)
    }
}

/// Where the body begins and ends, once the head has come.
fn place_of_body(answer: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(answer.get(..head).unwrap_or_default())?;
    let mut lines = text.lines();
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("answered with {status:?}").into());
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse::<usize>().ok())
        .ok_or("an answer without a length")?;
    let from = head + 4;
    Ok(Some((from, from + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_found_once_its_head_has_come() {
        let answer = b"HTTP/1.1 200 OK\r\nDate: x\r\ncontent-length:  5\r\n\r\nhello";
        assert_eq!(place_of_body(answer).unwrap(), Some((48, 53)));
        assert_eq!(answer.get(48..).unwrap(), b"hello");
        assert_eq!(place_of_body(answer.get(..40).unwrap()).unwrap(), None);
        assert!(place_of_body(b"HTTP/1.1 404 Not Found\r\n\r\n").is_err());
        assert!(place_of_body(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
