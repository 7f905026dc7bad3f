//! `etcd-grpc-proxy status`: what a running proxy says of itself, in the terminal.

use std::io::{self, IsTerminal as _, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tls_termination::ClientTls;

/// How long the proxy may take at each step.
const PATIENCE: Duration = Duration::from_secs(10);
/// No status page comes near to this.
const MAX_BYTES: u64 = 64 << 20;
/// Up to the left, and away with what is there.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// What is asked, and of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusQuery {
    pub(crate) address: Address,
    pub(crate) tls: ClientTls,
    /// Asks anew after so long, until somebody ends it.
    pub(crate) again: Option<Duration>,
    pub(crate) as_json: bool,
}

/// Where a proxy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `host:port`.
    Plain(String),
    /// `host:port`.
    Tls(String),
    Unix(PathBuf),
}

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
enum StatusError {
    #[error("cannot reach {address}: {reason}")]
    Unreachable { address: String, reason: io::Error },
    #[error(transparent)]
    Tls(#[from] tls_termination::Error),
    #[error("{address} has no status page: a proxy with --metrics-addr has it there only")]
    Absent { address: String },
    #[error("{address} does not answer as a proxy does: {line}")]
    Strange { address: String, line: String },
}

impl Address {
    /// `host:port`, or a URL.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let host = rest.split('/').next().unwrap_or_default();
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        match scheme {
            "http" if has_port => Some(Self::Plain(host.to_owned())),
            "https" if has_port => Some(Self::Tls(host.to_owned())),
            "unix" if !rest.is_empty() => Some(Self::Unix(rest.into())),
            _ => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Plain(host) | Self::Tls(host) => host.clone(),
            Self::Unix(path) => path.display().to_string(),
        }
    }
}

impl StatusQuery {
    /// Shows it, once or again and again. A proxy that cannot be reached is a failure, unless it was reached before:
    /// who watches wants to see it come back.
    pub(crate) fn run(&self) -> ExitCode {
        let mut was_reached = false;
        loop {
            match self.fetch() {
                Ok(page) => {
                    was_reached = true;
                    if self.show(&page).is_err() {
                        // Whoever read has gone.
                        return ExitCode::SUCCESS;
                    }
                }
                Err(error) => {
                    eprintln!("{error}");
                    if !was_reached {
                        return ExitCode::FAILURE;
                    }
                }
            }
            match self.again {
                Some(interval) => std::thread::sleep(interval),
                None => return ExitCode::SUCCESS,
            }
        }
    }

    fn show(&self, page: &str) -> io::Result<()> {
        let mut out = io::stdout();
        let clear = if self.again.is_some() && out.is_terminal() { CLEAR } else { "" };
        writeln!(out, "{clear}{}", page.trim_end())?;
        if self.again.is_some() && clear.is_empty() {
            writeln!(out)?;
        }
        out.flush()
    }

    fn fetch(&self) -> Result<String, StatusError> {
        let unreachable = |reason| StatusError::Unreachable { address: self.address.shown(), reason };
        let answer = match &self.address {
            Address::Plain(host) => dial(host).and_then(|stream| self.ask(stream)),
            Address::Unix(path) => UnixStream::connect(path).and_then(|stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                self.ask(stream)
            }),
            Address::Tls(host) => {
                let (mut config, _) = self.tls.load()?;
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                dial(host).and_then(|stream| self.ask(secured(host, config, stream)?))
            }
        };
        self.read(&answer.map_err(unreachable)?)
    }

    fn ask(&self, mut stream: impl Read + Write) -> io::Result<String> {
        let suffix = if self.as_json { "json" } else { "txt" };
        let host = self.address.shown();
        write!(stream, "GET /proxy/status.{suffix} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
        stream.flush()?;
        let mut answer = Vec::new();
        match stream.take(MAX_BYTES).read_to_end(&mut answer) {
            // TLS without a goodbye: HTTP says itself whether all is there.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
        }
    }

    fn read(&self, answer: &str) -> Result<String, StatusError> {
        let address = self.address.shown();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
        let line = head.lines().next().unwrap_or_default();
        match line.split(' ').nth(1) {
            Some("200") => Ok(body.to_owned()),
            Some("404") => Err(StatusError::Absent { address }),
            _ => Err(StatusError::Strange { address, line: line.escape_debug().take(80).collect() }),
        }
    }
}

fn dial(host: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn secured(
    host: &str,
    config: rustls::ClientConfig,
    stream: TcpStream,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}
