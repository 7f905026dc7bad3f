//! Who is one client.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use rustls::pki_types::CertificateDer;

use super::ClientKey;
use crate::door::clients::ClientSeat;

/// The part of an IPv6 address that one customer has for himself.
const NETWORK: u128 = u128::MAX << 64;

/// A client, as limits tell it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ClientId {
    Address(IpAddr),
    /// A hash of its token that only this process can make: no secret is kept.
    Credential([u64; 2]),
    Certificate(Certified),
}

/// A hash of whom a certificate names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Certified([u64; 2]);

/// Tells clients apart.
#[derive(Debug)]
pub(super) struct Identities {
    key: ClientKey,
    hashes: [RandomState; 2],
}

impl Identities {
    pub(super) fn by(key: ClientKey) -> Self {
        Self { key, hashes: [RandomState::new(), RandomState::new()] }
    }

    pub(super) fn of(&self, client: &ClientSeat, headers: &HeaderMap) -> ClientId {
        let shown = match self.key {
            ClientKey::Address => None,
            ClientKey::Credential => self.credential(headers),
            ClientKey::Certificate => client.certified().map(ClientId::Certificate),
        };
        shown.unwrap_or_else(|| ClientId::Address(network(client.peer().ip())))
    }

    /// The token that etcd would look at.
    fn credential(&self, headers: &HeaderMap) -> Option<ClientId> {
        let token = headers.get("token").or_else(|| headers.get("authorization"))?.as_bytes();
        Some(ClientId::Credential(self.hashed(token)))
    }

    /// By its subject, which stays when it is renewed, or by the whole where it names nobody.
    pub(super) fn certified(&self, leaf: &CertificateDer<'_>) -> Option<Certified> {
        let is_looked_at = self.key == ClientKey::Certificate;
        is_looked_at.then(|| {
            let subject = tls_termination::subject(leaf);
            Certified(self.hashed(subject.as_deref().unwrap_or(leaf)))
        })
    }

    fn hashed(&self, bytes: &[u8]) -> [u64; 2] {
        self.hashes.each_ref().map(|hash| hash.hash_one(bytes))
    }
}

/// An IPv4 address, or the network of an IPv6 address, which has more addresses than anybody could count.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::door::clients::ClientShard;

    fn id(key: ClientKey, peer: &str, headers: &[(&'static str, &'static str)]) -> (Identities, ClientId) {
        let identities = Identities::by(key);
        let found = of(&identities, peer, headers);
        (identities, found)
    }

    fn of(identities: &Identities, peer: &str, headers: &[(&'static str, &'static str)]) -> ClientId {
        let peer: SocketAddr = peer.parse().unwrap();
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        identities.of(&ClientShard::default().enter(peer), &headers)
    }

    #[test]
    fn an_address_is_one_client_and_so_is_a_network_of_ipv6() {
        let (identities, first) = id(ClientKey::Address, "10.0.0.1:1", &[("token", "t")]);
        assert_eq!(of(&identities, "[::ffff:10.0.0.1]:2", &[]), first);
        assert_ne!(of(&identities, "10.0.0.2:1", &[]), first);
        let v6 = of(&identities, "[2001:db8::1]:1", &[]);
        assert_eq!(of(&identities, "[2001:db8::ffff:2]:1", &[]), v6);
        assert_ne!(of(&identities, "[2001:db8:0:1::1]:1", &[]), v6);
    }

    #[test]
    fn a_credential_is_one_client_wherever_it_comes_from() {
        let (identities, first) = id(ClientKey::Credential, "10.0.0.1:1", &[("token", "t")]);
        assert_eq!(of(&identities, "10.0.0.2:1", &[("authorization", "x"), ("token", "t")]), first);
        assert_ne!(of(&identities, "10.0.0.1:1", &[("authorization", "x")]), first);
        assert_eq!(of(&identities, "10.0.0.1:1", &[]), ClientId::Address("10.0.0.1".parse().unwrap()));
    }
}
