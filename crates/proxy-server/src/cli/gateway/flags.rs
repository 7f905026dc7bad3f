//! The flags as typed: every flag of `etcd gateway start`, and a few of our own.

use crate::cli::{
    flags::{Group, Kind, flag},
    go_values::GoDuration,
    typed::Line,
};
use Kind::{Bool, Duration, List, Text, Uint};

/// Every flag, in the order of the help.
#[rustfmt::skip]
pub(in crate::cli) const GROUPS: &[Group] = &[
    Group { heading: "Gateway", flags: &[
        flag("listen-addr", Text, "127.0.0.1:23790", "host:port", "Where clients connect"),
        flag("endpoints", List, "127.0.0.1:2379", "list", "The members: host:port, with or without a scheme, separated by commas"),
        flag("retry-delay", Duration, "1m", "duration", "How often an endpoint is tried again that was set aside; 0 means 5m"),
        flag("dial-timeout", Duration, "5s", "duration", "How long one endpoint may take to be connected to"),
        flag("drain-timeout", Duration, "30s", "duration", "Upon SIGTERM, how long connections may take to end"),
    ]},
    Group { heading: "Discovery through DNS", flags: &[
        flag("discovery-srv", Text, "", "domain", "Finds the members in this domain's SRV records"),
        flag("discovery-srv-name", Text, "", "suffix", "Suffix of the SRV records' service name"),
        flag("insecure-discovery", Bool, "false", "bool", "Takes SRV records without a check of the members' certificates"),
        flag("trusted-ca-file", Text, "", "file", "Authorities that these certificates must lead to (PEM); the system's without it"),
        flag("discovery-interval", Duration, "30s", "duration", "How often the SRV records are looked up again"),
        flag("dns-server", Text, "", "address[:port]", "The DNS server to ask for SRV records and members' names; the system's without it"),
    ]},
    Group { heading: "Observation", flags: &[
        flag("metrics-addr", Text, "", "url", "An address for metrics and health: http://host:port or unix://path"),
        flag("debug", Bool, "false", "bool", "Logs at debug level"),
    ]},
    Group { heading: "Process", flags: &[
        flag("worker-threads", Uint, "0", "n", "Threads that serve; 0 is one for each core that the process may use"),
        flag("version", Bool, "false", "bool", "Prints the version"),
    ]},
];

/// The values that were typed, or their defaults.
#[derive(Debug, Default)]
pub(super) struct Flags {
    pub(super) listen_addr: String,
    pub(super) endpoints: Vec<String>,
    pub(super) retry_delay: GoDuration,
    pub(super) dial_timeout: GoDuration,
    pub(super) drain_timeout: GoDuration,
    pub(super) discovery_srv: String,
    pub(super) discovery_srv_name: String,
    pub(super) insecure_discovery: bool,
    pub(super) trusted_ca_file: String,
    pub(super) discovery_interval: GoDuration,
    pub(super) dns_server: String,
    pub(super) metrics_addr: String,
    pub(super) debug: bool,
    pub(super) worker_threads: u64,
    pub(super) help: bool,
    pub(super) version: bool,
}

/// Every row of the table has a default, so an absent value means a row that is not in the table.
pub(super) fn read(line: &mut Line) -> Flags {
    Flags {
        listen_addr: line.take("listen-addr"),
        endpoints: line.list("endpoints"),
        retry_delay: line.take("retry-delay"),
        dial_timeout: line.take("dial-timeout"),
        drain_timeout: line.take("drain-timeout"),
        discovery_srv: line.take("discovery-srv"),
        discovery_srv_name: line.take("discovery-srv-name"),
        insecure_discovery: line.take("insecure-discovery"),
        trusted_ca_file: line.take("trusted-ca-file"),
        discovery_interval: line.take("discovery-interval"),
        dns_server: line.take("dns-server"),
        metrics_addr: line.take("metrics-addr"),
        debug: line.take("debug"),
        worker_threads: line.take("worker-threads"),
        help: line.take("help"),
        version: line.take("version"),
    }
}
