//! What the gateway is to do, every value meant and valid. Only the command line makes one.

use std::net::SocketAddr;
use std::time::Duration;

use dns_discovery::Resolver;
use tcp_gateway::Endpoint;

use crate::config::{Log, MetricsAddr};
use crate::process::discovery::DiscoveryConfig;

/// The whole configuration of a gateway.
#[derive(Clone, Debug)]
pub(crate) struct GatewayConfig {
    /// `host:port` as given; whoever binds it resolves it.
    pub(crate) listen_addr: String,
    /// Where connections go; at least one.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Where else endpoints are looked for; they take the place of those above.
    pub(crate) discovery: Option<DiscoveryConfig>,
    /// Whom to ask for the addresses of endpoints.
    pub(crate) resolver: Resolver,
    /// How often endpoints that were set aside are tried again.
    pub(crate) retry_delay: Duration,
    /// How long one endpoint may take to be connected to.
    pub(crate) dial_timeout: Duration,
    /// How long connections may take to end upon SIGTERM.
    pub(crate) drain_timeout: Duration,
    /// Where the pages are.
    pub(crate) metrics_addr: Option<MetricsAddr>,
    /// Threads that serve; `None` is one for each core that the process may use.
    pub(crate) worker_threads: Option<usize>,
    /// What the log shows, and how.
    pub(crate) log: Log,
}

impl GatewayConfig {
    /// What of it the gateway itself needs, and where it listens.
    pub(crate) fn meant(&self, listen: Option<SocketAddr>) -> tcp_gateway::Config {
        tcp_gateway::Config {
            retry_delay: self.retry_delay,
            dial_timeout: self.dial_timeout,
            resolver: self.resolver,
            listen,
            ..tcp_gateway::Config::new(self.endpoints.clone())
        }
    }

    /// `host:port` of each endpoint.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.endpoints.iter().map(ToString::to_string).collect()
    }
}
