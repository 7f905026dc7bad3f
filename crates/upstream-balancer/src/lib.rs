//! (in the making) The public types that the command line fills in.
#![allow(missing_docs)]

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

/// One member's address as the operator gave it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    scheme: Scheme,
    address: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Bare,
    Http,
    Https,
    Unix,
    Unixs,
}

/// Which member serves a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    #[default]
    Pin,
    RoundRobin,
    LeastInFlight,
}

/// HTTP/2 pings on the connections to the members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keepalive {
    pub interval: Duration,
    pub timeout: Duration,
    pub permit_without_stream: bool,
}

/// What an upstream is made of.
#[derive(Clone, Debug)]
pub struct Config {
    pub endpoints: Vec<Endpoint>,
    pub tls: Option<Arc<rustls::ClientConfig>>,
    pub policy: Policy,
    pub connections: usize,
    pub dial_timeout: Duration,
    pub keepalive: Option<Keepalive>,
    pub max_send_bytes: usize,
    pub max_recv_bytes: usize,
}

/// Why a text is not an [`Endpoint`] or not a [`Policy`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("invalid endpoint {0:?}")]
    Endpoint(String),
    #[error("invalid balancer {0:?} (must be one of: pin, round-robin, least-in-flight)")]
    Policy(String),
}

impl Endpoint {
    /// Whether the connection is made with TLS; `default_tls` decides for an address without a scheme.
    pub fn is_tls(&self, default_tls: bool) -> bool {
        match self.scheme {
            Scheme::Https | Scheme::Unixs => true,
            Scheme::Http | Scheme::Unix => false,
            Scheme::Bare => default_tls,
        }
    }
}

impl FromStr for Endpoint {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let prefixes = [
            ("https://", Scheme::Https),
            ("http://", Scheme::Http),
            ("unixs://", Scheme::Unixs),
            ("unixs:", Scheme::Unixs),
            ("unix://", Scheme::Unix),
            ("unix:", Scheme::Unix),
        ];
        let cut = prefixes.iter().find_map(|(prefix, scheme)| Some((*scheme, text.strip_prefix(prefix)?)));
        let (scheme, address) = cut.unwrap_or((Scheme::Bare, text));
        if address.is_empty() || address.contains("://") {
            return Err(ParseError::Endpoint(text.to_owned()));
        }
        Ok(Self { scheme, address: address.to_owned() })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.scheme {
            Scheme::Bare => "",
            Scheme::Http => "http://",
            Scheme::Https => "https://",
            Scheme::Unix => "unix:",
            Scheme::Unixs => "unixs:",
        };
        write!(f, "{prefix}{}", self.address)
    }
}

impl FromStr for Policy {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "pin" => Ok(Self::Pin),
            "round-robin" => Ok(Self::RoundRobin),
            "least-in-flight" => Ok(Self::LeastInFlight),
            _ => Err(ParseError::Policy(text.to_owned())),
        }
    }
}
