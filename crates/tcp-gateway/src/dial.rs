//! From an endpoint to a connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::within::relieve;
use crate::{Config, Endpoint};

/// A peer that vanished without a word is found out by probes so far apart.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("lookup {host}: {reason}")]
    Lookup { host: String, reason: io::Error },
    #[error("dial tcp {address}: connect: {reason}")]
    Connect { address: SocketAddr, reason: io::Error },
    #[error("dial tcp {address}: that is where this gateway listens")]
    Itself { address: SocketAddr },
    #[error("dial tcp {endpoint}: no connection within {limit:?}")]
    Timeout { endpoint: String, limit: Duration },
}

impl DialError {
    /// Whether this process, not the endpoint, is at fault: it has run out of descriptors, ports or memory.
    pub(crate) fn is_our_own(&self) -> bool {
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        let (Self::Connect { reason, .. } | Self::Lookup { reason, .. }) = self else { return false };
        matches!(reason.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
            || matches!(reason.raw_os_error(), Some(ENFILE | EMFILE))
    }
}

/// Connects to the first address of the endpoint that answers.
pub(crate) async fn dial(endpoint: &Endpoint, config: &Config) -> Result<TcpStream, DialError> {
    let limit = config.dial_timeout;
    timeout(limit, attempt(endpoint, config))
        .await
        .unwrap_or_else(|_| Err(DialError::Timeout { endpoint: endpoint.to_string(), limit }))
}

async fn attempt(endpoint: &Endpoint, config: &Config) -> Result<TcpStream, DialError> {
    let listen = config.listen;
    let host = endpoint.host.as_str();
    let lookup = |reason| DialError::Lookup { host: host.to_owned(), reason };
    let mut last = lookup(io::Error::new(io::ErrorKind::NotFound, "no such host"));
    for address in config.resolver.addresses(host, endpoint.port).await.map_err(lookup)? {
        last = match TcpStream::connect(address).await {
            Ok(stream) if is_itself(&stream, listen) => DialError::Itself { address },
            Ok(stream) => match prepare(&stream) {
                Ok(()) => return Ok(stream),
                Err(reason) => DialError::Connect { address, reason },
            },
            Err(reason) => DialError::Connect { address, reason },
        };
    }
    Err(last)
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    relieve(stream);
    let keepalive = TcpKeepalive::new().with_time(TCP_KEEPALIVE).with_interval(TCP_KEEPALIVE);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Who listens on every address is reached by each address of this machine, and one connects to those from the very
/// same address.
fn is_itself(stream: &TcpStream, listen: Option<SocketAddr>) -> bool {
    let (Some(listen), Ok(peer), Ok(local)) = (listen, stream.peer_addr(), stream.local_addr()) else {
        return false;
    };
    let is_here = peer.ip().to_canonical() == listen.ip().to_canonical()
        || (listen.ip().is_unspecified() && peer.ip() == local.ip());
    peer.port() == listen.port() && is_here
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    async fn dialled(listen: Option<SocketAddr>, port: u16) -> Result<TcpStream, DialError> {
        let config = Config { listen, ..Config::new(Vec::new()) };
        dial(&Endpoint::new("127.0.0.1", port), &config).await
    }

    #[tokio::test]
    async fn a_gateway_does_not_dial_itself() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(dialled(None, address.port()).await.is_ok());
        let everywhere = SocketAddr::from(([0, 0, 0, 0], address.port()));
        for listen in [address, everywhere] {
            let error = dialled(Some(listen), address.port()).await.unwrap_err();
            assert_eq!(error.to_string(), format!("dial tcp {address}: that is where this gateway listens"));
        }
        let elsewhere = SocketAddr::from(([127, 0, 0, 1], address.port() ^ 1));
        assert!(dialled(Some(elsewhere), address.port()).await.is_ok());
    }

    #[tokio::test]
    async fn nobody_there_is_said_as_go_says_it() {
        // Held, so that nobody else listens there, and not listened on.
        let held = TcpSocket::new_v4().unwrap();
        held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let free = held.local_addr().unwrap();
        let error = dialled(None, free.port()).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("dial tcp {free}: connect: ")), "{error}");
        assert!(!error.is_our_own());
    }
}
