//! `Discovery`: the SRV records of a cluster's clients.

use crate::resolver::{LookupError, Resolver, Service};

/// What etcd calls the service, to which TLS and the operator's suffix are added.
const SERVICE: &str = "etcd-client";

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The domain.
    pub domain: String,
    /// What follows the service's name after a dash; nothing follows where it is empty.
    pub suffix: String,
    /// Whom to ask.
    pub resolver: Resolver,
}

/// A member that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub service: Service,
    /// Whether it speaks TLS there.
    pub tls: bool,
}

/// Neither name has records. The words are etcd's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dns lookup errors: {} and {}", .0.0, .0.1)]
pub struct DiscoveryError(Box<(LookupError, LookupError)>);

impl Discovery {
    /// All members, those with TLS first.
    ///
    /// # Errors
    /// When there are records under neither name.
    pub async fn find(&self) -> Result<Vec<Found>, DiscoveryError> {
        let (tls, plain) = (self.name(true), self.name(false));
        let (tls, plain) = tokio::join!(self.resolver.services(&tls), self.resolver.services(&plain));
        if let (Err(tls), Err(plain)) = (&tls, &plain) {
            return Err(DiscoveryError(Box::new((tls.clone(), plain.clone()))));
        }
        let found = |services: Result<Vec<Service>, LookupError>, tls| {
            services.unwrap_or_default().into_iter().map(move |service| Found { service, tls })
        };
        Ok(found(tls, true).chain(found(plain, false)).collect())
    }

    fn name(&self, tls: bool) -> String {
        let tls = if tls { "-ssl" } else { "" };
        let dash = if self.suffix.is_empty() { "" } else { "-" };
        format!("_{SERVICE}{tls}{dash}{}._tcp.{}", self.suffix, self.domain)
    }
}

impl Found {
    /// The URL by which etcd's clients know it.
    pub fn url(&self) -> String {
        let Service { host, port, .. } = &self.service;
        let scheme = if self.tls { "https" } else { "http" };
        if host.contains(':') {
            format!("{scheme}://[{host}]:{port}")
        } else {
            format!("{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(suffix: &str) -> [String; 2] {
        let discovery = Discovery {
            domain: "example.com".to_owned(),
            suffix: suffix.to_owned(),
            resolver: Resolver::System,
        };
        [discovery.name(true), discovery.name(false)]
    }

    #[test]
    fn the_names_are_etcds() {
        assert_eq!(names(""), ["_etcd-client-ssl._tcp.example.com", "_etcd-client._tcp.example.com"]);
        assert_eq!(names("a"), ["_etcd-client-ssl-a._tcp.example.com", "_etcd-client-a._tcp.example.com"]);
    }

    #[test]
    fn a_member_has_a_url() {
        let service = Service { priority: 0, weight: 0, port: 2379, host: "m0.example.com".to_owned() };
        let found = Found { service, tls: true };
        assert_eq!(found.url(), "https://m0.example.com:2379");
    }
}
