//! What the flags mean for members that DNS names.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dns_discovery::{Discovery, Resolver};

use crate::cli::Refusal;
use crate::cli::go_values::{GoDuration, quote};
use crate::process::discovery::{Certificates, DiscoveryConfig};

const DNS_PORT: u16 = 53;

/// The flags that the proxy and the gateway have in common.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct DiscoveryFlags<'a> {
    pub(in crate::cli) srv: &'a str,
    pub(in crate::cli) srv_name: &'a str,
    pub(in crate::cli) insecure: bool,
    pub(in crate::cli) interval: GoDuration,
    pub(in crate::cli) dns_server: &'a str,
}

/// Where to look for members, and what they have to show; nowhere without a domain. `trusted` is what their certificates
/// are held against.
pub(in crate::cli) fn config(
    flags: &DiscoveryFlags<'_>,
    trusted: Option<Arc<rustls::ClientConfig>>,
) -> Result<Option<DiscoveryConfig>, Refusal> {
    let resolver = resolver(flags.dns_server)?;
    let interval = flags.interval.positive().ok_or_else(|| {
        Refusal::new(format!("invalid discovery-interval {} (must be positive)", flags.interval))
    })?;
    if !flags.is_asked_for() {
        return Ok(None);
    }
    let discovery = Discovery { domain: flags.srv.to_owned(), suffix: flags.srv_name.to_owned(), resolver };
    let certificates = if flags.insecure { None } else { Some(Certificates(trusted.ok_or_else(nobody)?)) };
    Ok(Some(DiscoveryConfig { discovery, certificates, interval }))
}

fn nobody() -> Refusal {
    Refusal::new("--discovery-srv: there is nobody to trust the members' certificates by")
}

impl DiscoveryFlags<'_> {
    /// Whether members are to be looked for at all.
    pub(in crate::cli) fn is_asked_for(&self) -> bool {
        !self.srv.is_empty()
    }

    /// The name that every member may show instead of its own: etcd's check of members asks for it.
    pub(in crate::cli) fn name_of_all(&self) -> Option<String> {
        self.is_asked_for().then(|| self.srv.trim_end_matches('.').to_owned())
    }
}

/// Whom to ask for names: an address, with a port or without.
pub(in crate::cli) fn resolver(given: &str) -> Result<Resolver, Refusal> {
    if given.is_empty() {
        return Ok(Resolver::System);
    }
    let address = given.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
    let server = address.or_else(|_| given.parse()).map_err(|_| {
        Refusal::new(format!("invalid dns-server {} (must be an address, or address:port)", quote(given)))
    })?;
    Ok(Resolver::Server(server))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address_with_or_without_a_port() {
        let server = |given| resolver(given).unwrap().to_string();
        assert_eq!(resolver(""), Ok(Resolver::System));
        assert_eq!(server("127.0.0.1"), "127.0.0.1:53");
        assert_eq!(server("127.0.0.1:5353"), "127.0.0.1:5353");
        assert_eq!(server("::1"), "[::1]:53");
        assert_eq!(server("[::1]:5353"), "[::1]:5353");
        for bad in ["ns.example.com", "127.0.0.1:", "127.0.0.1:x", "53"] {
            let words = format!("invalid dns-server {bad:?} (must be an address, or address:port)");
            assert_eq!(resolver(bad), Err(Refusal::new(words)));
        }
    }
}
