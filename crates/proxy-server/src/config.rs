//! The validated configuration. (temporary)
use std::time::Duration;
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) listen_addr: String,
    pub(crate) advertise_client_url: String,
    pub(crate) upstream: upstream_balancer::Config,
    pub(crate) max_concurrent_streams: u32,
    pub(crate) keepalive_min_time: Duration,
    pub(crate) keepalive_interval: Duration,
    pub(crate) keepalive_timeout: Duration,
    pub(crate) worker_threads: usize,
    pub(crate) drain_timeout: Duration,
}
