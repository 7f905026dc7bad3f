//! The address of a member, in the forms that etcd's own clients accept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use http::uri::Authority;

/// Where a member listens and whether it speaks TLS there.
///
/// Accepted forms: `host:port`, `http://host:port`, `https://host:port`, `unix:path` and `unixs:path`. A path after
/// the port is ignored, as etcd's client does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    text: String,
    address: Address,
    scheme: Scheme,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Tcp(Authority),
    Unix(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    /// The form `host:port`, which leaves it to the TLS flags.
    Unsaid,
    Plain,
    Tls,
}

/// Why a text is not an endpoint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseEndpointError {
    /// Nothing there.
    #[error("endpoint is empty")]
    Empty,
    /// A scheme that no etcd client speaks.
    #[error("endpoint {0:?}: unknown scheme {1:?} (must be one of: http, https, unix, unixs)")]
    UnknownScheme(String, String),
    /// `host:port` without a usable port.
    #[error("endpoint {0:?}: want host:port with a port from 1 to 65535")]
    NoPort(String),
    /// A unix socket without a path.
    #[error("endpoint {0:?}: want a path after the scheme")]
    NoPath(String),
}

impl Endpoint {
    /// Whether to speak TLS, where `unsaid` decides for the form `host:port`.
    pub fn is_tls(&self, unsaid: bool) -> bool {
        match self.scheme {
            Scheme::Unsaid => unsaid,
            Scheme::Plain => false,
            Scheme::Tls => true,
        }
    }

    /// `host:port` or the path of the socket: the name by which the logs call the member.
    pub fn address(&self) -> String {
        match &self.address {
            Address::Tcp(authority) => authority.to_string(),
            Address::Unix(path) => path.display().to_string(),
        }
    }

    pub(crate) fn dial_address(&self) -> &Address {
        &self.address
    }

    /// What the `:authority` of a request says.
    pub(crate) fn authority(&self) -> Authority {
        match &self.address {
            Address::Tcp(authority) => authority.clone(),
            Address::Unix(_) => Authority::from_static("localhost"),
        }
    }

    /// The name that a certificate must carry.
    pub(crate) fn host(&self) -> String {
        self.authority().host().trim_start_matches('[').trim_end_matches(']').to_owned()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ParseEndpointError::Empty);
        }
        let (scheme, address) = if let Some(path) = text.strip_prefix("unix:") {
            (Scheme::Plain, unix(text, path)?)
        } else if let Some(path) = text.strip_prefix("unixs:") {
            (Scheme::Tls, unix(text, path)?)
        } else {
            match text.split_once("://") {
                None => (Scheme::Unsaid, tcp(text, text)?),
                Some(("http", rest)) => (Scheme::Plain, tcp(text, rest)?),
                Some(("https", rest)) => (Scheme::Tls, tcp(text, rest)?),
                Some((other, _)) => {
                    return Err(ParseEndpointError::UnknownScheme(text.to_owned(), other.to_owned()));
                }
            }
        };
        Ok(Self { text: text.to_owned(), address, scheme })
    }
}

fn unix(text: &str, path: &str) -> Result<Address, ParseEndpointError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(ParseEndpointError::NoPath(text.to_owned()));
    }
    Ok(Address::Unix(Path::new(path).to_owned()))
}

fn tcp(text: &str, rest: &str) -> Result<Address, ParseEndpointError> {
    let authority = rest.split('/').next().unwrap_or(rest);
    let refuse = || ParseEndpointError::NoPort(text.to_owned());
    let (host, port) = authority.rsplit_once(':').ok_or_else(refuse)?;
    let is_port = port.parse::<u16>().is_ok_and(|port| port != 0);
    let is_host = !host.is_empty() && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')));
    if !(is_port && is_host) {
        return Err(refuse());
    }
    authority.parse().map(Address::Tcp).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_form_of_etcds_clients_is_accepted() {
        let forms = [
            ("127.0.0.1:2379", "127.0.0.1:2379", None),
            ("http://etcd-0.etcd:2379", "etcd-0.etcd:2379", Some(false)),
            ("https://etcd-0.etcd:2379/", "etcd-0.etcd:2379", Some(true)),
            ("[::1]:2379", "[::1]:2379", None),
            ("unix:///run/etcd.sock", "/run/etcd.sock", Some(false)),
            ("unix:etcd.sock", "etcd.sock", Some(false)),
            ("unixs:///run/etcd.sock", "/run/etcd.sock", Some(true)),
        ];
        for (text, address, tls) in forms {
            let endpoint = endpoint(text);
            assert_eq!(endpoint.address(), address, "{text}");
            assert_eq!(endpoint.is_tls(true), tls.unwrap_or(true), "{text}");
            assert_eq!(endpoint.is_tls(false), tls.unwrap_or(false), "{text}");
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_refused_by_name() {
        for text in
            ["localhost", "localhost:", "localhost:0", "localhost:65536", ":2379", "::1:2379", "a b:1"]
        {
            assert_eq!(text.parse::<Endpoint>(), Err(ParseEndpointError::NoPort(text.into())), "{text}");
        }
        assert_eq!("".parse::<Endpoint>(), Err(ParseEndpointError::Empty));
        assert_eq!("unix:".parse::<Endpoint>(), Err(ParseEndpointError::NoPath("unix:".into())));
        let ftp = "ftp://a:1".parse::<Endpoint>();
        assert_eq!(ftp, Err(ParseEndpointError::UnknownScheme("ftp://a:1".into(), "ftp".into())));
    }

    #[test]
    fn the_host_of_a_certificate_has_neither_port_nor_brackets() {
        assert_eq!(endpoint("https://[::1]:2379").host(), "::1");
        assert_eq!(endpoint("https://etcd:2379").host(), "etcd");
    }
}
