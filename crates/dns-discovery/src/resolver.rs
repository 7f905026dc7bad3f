//! `Resolver`: names to addresses, and services to names.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::net::lookup_host;

/// How long one question to one server may take, and how often it is asked.
const TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// Whom to ask. Cheap to clone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolver {
    /// The system, by its own rules: hosts file, search domains, and the servers that it is configured for.
    #[default]
    System,
    /// This DNS server. The hosts file still counts.
    Server(SocketAddr),
}

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// The smaller the sooner.
    pub priority: u16,
    /// The name, without the dot that ends it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The share among those of the same priority.
    pub weight: u16,
}

/// Why a name has no answer, in the words of Go's library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("lookup {name}{server}: {reason}", server = on(.server))]
pub struct LookupError {
    name: String,
    server: Option<SocketAddr>,
    reason: String,
}

impl Resolver {
    /// The addresses of a host, of which there is at least one. An address is its own.
    ///
    /// # Errors
    /// When the name has none, or nobody could be asked.
    pub async fn addresses(self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<SocketAddr> = match (self, host.parse::<IpAddr>()) {
            (_, Ok(address)) => vec![SocketAddr::new(address, port)],
            (Self::System, Err(_)) => lookup_host((host, port)).await?.collect(),
            (Self::Server(_), Err(_)) => {
                let (resolver, _) = self.open().map_err(io::Error::other)?;
                let found = resolver.lookup_ip(host).await;
                let found = found.map_err(|error| io::Error::other(worded(&error)))?;
                found.iter().map(|address| SocketAddr::new(address, port)).collect()
            }
        };
        if found.is_empty() { Err(io::Error::other(NO_SUCH_HOST)) } else { Ok(found) }
    }

    /// The SRV records of a name, those of the best priority first.
    ///
    /// # Errors
    /// When there is none, or nobody could be asked.
    pub async fn services(self, name: &str) -> Result<Vec<Service>, LookupError> {
        let refused = |server, reason| LookupError { name: name.to_owned(), server, reason };
        let (resolver, server) = self.open().map_err(|error| refused(None, error.to_string()))?;
        let answer = resolver.lookup(name, RecordType::SRV).await;
        let answer = answer.map_err(|error| refused(server, worded(&error)))?;
        let mut services: Vec<Service> =
            answer.answers().iter().filter_map(|record| service(&record.data)).collect();
        services.sort();
        services.dedup();
        if services.is_empty() { Err(refused(server, NO_SUCH_HOST.to_owned())) } else { Ok(services) }
    }

    /// A resolver for one question, and the server that it asks first. It belongs to the runtime that asks.
    fn open(self) -> Result<(TokioResolver, Option<SocketAddr>), NetError> {
        let mut builder = match self {
            Self::System => TokioResolver::builder_tokio()?,
            Self::Server(server) => {
                TokioResolver::builder_with_config(only(server), TokioRuntimeProvider::default())
            }
        };
        let ResolverOpts { timeout, attempts, cache_size, .. } = builder.options_mut();
        (*timeout, *attempts, *cache_size) = (TIMEOUT, ATTEMPTS, 0);
        let server = if let Self::Server(server) = self { Some(server) } else { None };
        Ok((builder.build()?, server))
    }
}

const NO_SUCH_HOST: &str = "no such host";

fn only(server: SocketAddr) -> ResolverConfig {
    let at = |mut connection: ConnectionConfig| {
        connection.port = server.port();
        connection
    };
    let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
    let mut named = NameServerConfig::udp_and_tcp(server.ip());
    named.connections = connections;
    ResolverConfig::from_parts(None, Vec::new(), vec![named])
}

/// A target that is only a dot says that there is no such service (RFC 2782).
fn service(data: &RData) -> Option<Service> {
    let RData::SRV(record) = data else { return None };
    let host = record.target.to_utf8();
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    if host.is_empty() {
        return None;
    }
    Some(Service { priority: record.priority, weight: record.weight, port: record.port, host })
}

fn worded(error: &NetError) -> String {
    match error {
        NetError::Timeout => "i/o timeout".to_owned(),
        _ if error.is_nx_domain() || error.is_no_records_found() => NO_SUCH_HOST.to_owned(),
        _ => error.to_string(),
    }
}

fn on(server: &Option<SocketAddr>) -> String {
    server.map(|server| format!(" on {server}")).unwrap_or_default()
}

impl fmt::Display for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system's"),
            Self::Server(server) => server.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    #[tokio::test]
    async fn an_address_is_its_own() {
        for resolver in [Resolver::System, Resolver::Server(SocketAddr::from(([127, 0, 0, 1], 1)))] {
            assert_eq!(resolver.addresses("::1", 7).await.unwrap(), ["[::1]:7".parse().unwrap()]);
        }
    }

    /// A server that answers one question with the bytes that follow its id.
    async fn server(answer: &'static [u8]) -> Resolver {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let mut reply = question[..2].to_vec();
                reply.extend_from_slice(answer);
                // The question as it was asked stands between the head and the answer.
                let ends = 12 + question[12..length].iter().position(|byte| *byte == 0).unwrap() + 5;
                reply.splice(12..12, question[12..ends].iter().copied());
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Resolver::Server(address)
    }

    const ONE_SRV: &[u8] =
        b"\x85\x80\0\x01\0\x01\0\0\0\0\xc0\x0c\0\x21\0\x01\0\0\0\0\0\x0c\0\x01\0\x02\x09\x4b\x02m0\x01x\0";
    const NOBODY: &[u8] = b"\x85\x80\0\x01\0\x01\0\0\0\0\xc0\x0c\0\x21\0\x01\0\0\0\0\0\x07\0\0\0\0\0\0\0";
    const NX_DOMAIN: &[u8] = b"\x85\x83\0\x01\0\0\0\0\0\0";

    #[tokio::test]
    async fn services_come_without_the_dot_that_ends_their_names() {
        let found = server(ONE_SRV).await.services("_a._tcp.x.").await.unwrap();
        assert_eq!(found, [Service { priority: 1, weight: 2, port: 2379, host: "m0.x".to_owned() }]);
    }

    #[tokio::test]
    async fn a_service_that_is_nowhere_is_none() {
        for answer in [NOBODY, NX_DOMAIN] {
            let resolver = server(answer).await;
            let said = resolver.services("_a._tcp.x.").await.unwrap_err().to_string();
            assert_eq!(said, format!("lookup _a._tcp.x. on {resolver}: no such host"));
        }
    }
}
