//! What an operator decides about the way to the cluster, as meant values.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use dns_discovery::Resolver;

use crate::Endpoint;
use crate::unary::GRPC_OVERHEAD_BYTES;

/// Where the cluster is and how to speak to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The members, in the order given. Never empty.
    pub endpoints: Vec<Endpoint>,
    /// For the endpoints that speak TLS; without it a TLS endpoint cannot be dialled.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Whom to ask for the addresses of members that are given by name. They are looked up whenever they are dialled.
    pub resolver: Resolver,
    /// Which of the healthy members takes a call.
    pub policy: Policy,
    /// HTTP/2 connections for each member, runtime and [`crate::Lane`]; at least 1.
    pub connections: usize,
    /// How long a call may wait for a member before it ends with `Unavailable`.
    pub dial_timeout: Duration,
    /// Pings as the operator wants them instead of those that find a black hole by default.
    pub keepalive: Option<Keepalive>,
    /// Largest request message in bytes, as etcd's `--max-request-bytes`.
    pub max_send_bytes: usize,
    /// Largest response message in bytes.
    pub max_recv_bytes: usize,
}

impl Config {
    /// Largest message in bytes that a server of this configuration should take from its clients: what is above
    /// [`Config::max_send_bytes`] is then still refused in etcd's own words.
    pub fn max_client_bytes(&self) -> usize {
        self.max_send_bytes.saturating_add(GRPC_OVERHEAD_BYTES)
    }
}

/// HTTP/2 pings to members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence after which a ping is sent.
    pub interval: Duration,
    /// How long its answer may take.
    pub timeout: Duration,
    /// Whether a connection without calls is pinged too.
    pub permit_without_stream: bool,
}

/// Which of the healthy members takes a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// One at random, for all calls, until it fails.
    #[default]
    Pin,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest calls in flight.
    LeastInFlight,
}

/// A word that names no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown balancer {0:?} (must be one of: pin, round-robin, least-in-flight)")]
pub struct UnknownPolicy(String);

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "pin" => Ok(Self::Pin),
            "round-robin" => Ok(Self::RoundRobin),
            "least-in-flight" => Ok(Self::LeastInFlight),
            _ => Err(UnknownPolicy(word.to_owned())),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pin => "pin",
            Self::RoundRobin => "round-robin",
            Self::LeastInFlight => "least-in-flight",
        })
    }
}
