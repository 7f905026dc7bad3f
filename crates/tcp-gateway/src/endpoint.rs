//! The address of a member, with the rank that DNS may give it.

use std::fmt;

/// A host and a port, and how much traffic it is to get beside the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address, without brackets and without the dot that ends a name in DNS. A name is looked up
    /// whenever it is dialled.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Those with a larger number get nothing while one with a smaller number can be dialled (RFC 2782).
    pub priority: u16,
    /// The share among those of the same priority. Where some have a weight, those without get next to nothing; where
    /// none has, they take turns.
    pub weight: u16,
}

impl Endpoint {
    /// An endpoint like all others.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, priority: 0, weight: 0 }
    }

    /// Whether it is the same place.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }
}

/// `host:port`, with brackets around an IPv6 address.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}
