//! What etcd's gateway makes sure of before it listens: every host has an address, and none of them is its own.

use std::io;
use std::net::{IpAddr, UdpSocket};

use dns_discovery::Resolver;
use tcp_gateway::Endpoint;

use crate::cli::split_host_port;

/// Why the gateway does not start. The words are etcd's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    #[error("failed to resolve listen host: {0}")]
    Listen(String),
    #[error("failed to resolve endpoint host: {0}")]
    Endpoint(String),
    #[error(
        "SRV or endpoint ({endpoint}->{address}:{port}) should not resolve to the gateway listen addr ({listen})"
    )]
    Itself { endpoint: String, address: IpAddr, port: u16, listen: String },
}

/// Looks up every host.
pub(crate) async fn check(listen: &str, endpoints: &[Endpoint], resolver: Resolver) -> Result<(), HostError> {
    let (host, port) = split_host_port(listen).unwrap_or((listen, ""));
    let refused = || HostError::Listen(host.to_owned());
    let own = addresses(host, Resolver::System).await.map_err(|_| refused())?;
    for endpoint in endpoints {
        let found = addresses(&endpoint.host, resolver).await;
        let found = found.map_err(|_| HostError::Endpoint(endpoint.host.clone()))?;
        if endpoint.port.to_string() != port {
            continue;
        }
        if let Some(address) = found.into_iter().find(|address| is_own(*address, &own)) {
            let (endpoint, port) = (endpoint.to_string(), endpoint.port);
            return Err(HostError::Itself { endpoint, address, port, listen: listen.to_owned() });
        }
    }
    Ok(())
}

/// Go has no address for no name.
async fn addresses(host: &str, resolver: Resolver) -> io::Result<Vec<IpAddr>> {
    if host.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(resolver.addresses(host, 0).await?.into_iter().map(|address| address.ip()).collect())
}

/// Who listens on every address is reached by each address of this machine, which is one that can be bound. etcd's
/// gateway lets that pass and then talks to itself.
fn is_own(address: IpAddr, own: &[IpAddr]) -> bool {
    own.contains(&address)
        || (own.iter().any(IpAddr::is_unspecified) && UdpSocket::bind((address, 0)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(listen: &str, host: &str, port: u16) -> String {
        check(listen, &[Endpoint::new(host, port)], Resolver::System)
            .await
            .map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[tokio::test]
    async fn a_gateway_does_not_begin_in_front_of_itself() {
        let itself = |named: &str, listen: &str| {
            format!(
                "SRV or endpoint ({named}:7->127.0.0.1:7) should not resolve to the gateway listen addr ({listen})"
            )
        };
        assert_eq!(said("127.0.0.1:7", "127.0.0.1", 7).await, itself("127.0.0.1", "127.0.0.1:7"));
        assert_eq!(said("localhost:7", "127.0.0.1", 7).await, itself("127.0.0.1", "localhost:7"));
        assert_eq!(said("0.0.0.0:7", "127.0.0.1", 7).await, itself("127.0.0.1", "0.0.0.0:7"));
        assert_eq!(said("127.0.0.1:7", "127.0.0.1", 8).await, "");
        assert_eq!(said("0.0.0.0:7", "192.0.2.1", 7).await, "");
    }

    #[tokio::test]
    async fn hosts_without_an_address_are_named() {
        assert_eq!(said(":7", "127.0.0.1", 8).await, "failed to resolve listen host: ");
        assert_eq!(said("127.0.0.1:7", "", 8).await, "failed to resolve endpoint host: ");
    }
}
