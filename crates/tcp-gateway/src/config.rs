//! What an operator decides about a gateway, as meant values.

use std::net::SocketAddr;
use std::time::Duration;

use dns_discovery::Resolver;

use crate::Endpoint;

/// Where connections go, and how they get there.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where connections go. With none of them every connection is refused until [`crate::Gateway::replace`] names some.
    pub endpoints: Vec<Endpoint>,
    /// How often those that were set aside are tried again; more than nothing.
    pub retry_delay: Duration,
    /// How long looking up and connecting to one endpoint may take.
    pub dial_timeout: Duration,
    /// Whom to ask for the addresses of endpoints that are given by name. They are looked up whenever they are dialled.
    pub resolver: Resolver,
    /// Where the gateway itself listens, which is no endpoint.
    pub listen: Option<SocketAddr>,
    /// Pipes that bulk may take up at once in each [`crate::Station`], of two descriptors each; what finds none is
    /// copied.
    pub pipes: usize,
}

impl Config {
    /// These endpoints, with a retry after a minute, dials of 5 seconds and 64 pipes.
    pub fn new(endpoints: Vec<Endpoint>) -> Self {
        Self {
            endpoints,
            retry_delay: Duration::from_secs(60),
            dial_timeout: Duration::from_secs(5),
            resolver: Resolver::System,
            listen: None,
            pipes: 64,
        }
    }
}
