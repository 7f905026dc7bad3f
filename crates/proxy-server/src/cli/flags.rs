//! The flags as typed: every flag of `etcd grpc-proxy start`, and a few of our own.

use super::go_values::GoDuration;

/// What a flag's value is, by pflag's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Text,
    List,
    Int,
    Uint,
    Uint32,
    Duration,
}

/// One row of the table of flags.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: &'static str,
    /// What the help calls the value.
    pub(super) value: &'static str,
    pub(super) help: &'static str,
}

/// A heading of the help with the flags under it.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) heading: &'static str,
    pub(super) flags: &'static [Flag],
}

/// The values that were typed, or their defaults, before anybody asked what they mean together.
#[derive(Debug, Default)]
pub(super) struct Flags {
    pub(super) listen_addr: String,
    pub(super) advertise_client_url: String,
    pub(super) max_concurrent_streams: u32,
    pub(super) grpc_keepalive_min_time: GoDuration,
    pub(super) grpc_keepalive_interval: GoDuration,
    pub(super) grpc_keepalive_timeout: GoDuration,
    pub(super) read_only: bool,
    pub(super) drain_delay: GoDuration,
    pub(super) drain_timeout: GoDuration,
    pub(super) config_file: String,
    pub(super) cors: Vec<String>,

    pub(super) max_connections: u64,
    pub(super) max_watches_per_client: u64,
    pub(super) client_qps: u64,
    pub(super) client_burst: u64,
    pub(super) client_key: String,

    pub(super) endpoints: Vec<String>,
    pub(super) endpoints_auto_sync_interval: GoDuration,
    pub(super) user: String,
    pub(super) password_file: String,
    pub(super) balancer: String,
    pub(super) upstream_connections: u64,
    pub(super) read_coalescing: String,
    pub(super) watch_coalescing: String,
    pub(super) watch_history_bytes: u64,
    pub(super) cache_max_entries: u64,
    pub(super) cache_max_bytes: u64,
    pub(super) cache_max_age: GoDuration,
    pub(super) dial_keepalive_time: GoDuration,
    pub(super) dial_keepalive_timeout: GoDuration,
    pub(super) permit_without_stream: bool,
    pub(super) max_send_bytes: i64,
    pub(super) max_recv_bytes: i64,

    pub(super) cert: String,
    pub(super) key: String,
    pub(super) cacert: String,
    pub(super) insecure_skip_tls_verify: bool,

    pub(super) cert_file: String,
    pub(super) key_file: String,
    pub(super) trusted_ca_file: String,
    pub(super) client_crl_file: String,
    pub(super) client_crl_mode: String,
    pub(super) listen_cipher_suites: Vec<String>,
    pub(super) tls_min_version: String,
    pub(super) tls_max_version: String,
    pub(super) tls_curve_preferences: Vec<String>,
    pub(super) auto_tls: bool,
    pub(super) self_signed_cert_validity: u64,
    pub(super) data_dir: String,

    pub(super) discovery_srv: String,
    pub(super) discovery_srv_name: String,
    pub(super) insecure_discovery: bool,
    pub(super) discovery_interval: GoDuration,
    pub(super) dns_server: String,

    pub(super) namespace: String,
    pub(super) namespace_policy: String,
    pub(super) resolver_prefix: String,
    pub(super) resolver_ttl: i64,
    pub(super) experimental_serializable_ordering: bool,
    pub(super) experimental_leasing_prefix: String,
    pub(super) leasing_session_ttl: i64,

    pub(super) metrics_addr: String,
    pub(super) metrics_cert_file: String,
    pub(super) metrics_key_file: String,
    pub(super) metrics_client_cert_auth: String,
    pub(super) metrics: String,
    pub(super) enable_pprof: bool,
    pub(super) experimental_enable_grpc_logging: bool,

    pub(super) enable_distributed_tracing: bool,
    pub(super) distributed_tracing_address: String,
    pub(super) distributed_tracing_service_name: String,
    pub(super) distributed_tracing_instance_id: String,
    pub(super) distributed_tracing_sampling_rate: i64,
    pub(super) debug: bool,
    pub(super) log_level: String,
    pub(super) log_format: String,
    pub(super) worker_threads: u64,
    pub(super) help: bool,
    pub(super) version: bool,
}

/// Every flag, in the order of the help.
pub(super) fn all() -> impl Iterator<Item = &'static Flag> {
    GROUPS.iter().flat_map(|group| group.flags)
}

pub(super) const fn flag(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    value: &'static str,
    help: &'static str,
) -> Flag {
    Flag { name, kind, default, value, help }
}

use Kind::{Bool, Duration, Int, List, Text, Uint, Uint32};

/// Every flag, in the order of the help.
#[rustfmt::skip]
pub(super) const GROUPS: &[Group] = &[
    Group { heading: "Clients", flags: &[
        flag("listen-addr", Text, "127.0.0.1:23790", "host:port", "Where clients connect"),
        flag("advertise-client-url", Text, "127.0.0.1:23790", "address", "What MemberList names as the members' client URL; \"\" tells the real members"),
        flag("max-concurrent-streams", Uint32, "4294967295", "n", "Streams that one client connection may have open"),
        flag("grpc-keepalive-min-time", Duration, "5s", "duration", "Clients that ping more often than this are disconnected"),
        flag("grpc-keepalive-interval", Duration, "2h", "duration", "Pings a client that was silent for this long"),
        flag("grpc-keepalive-timeout", Duration, "20s", "duration", "Disconnects a client that leaves a ping unanswered for this long"),
        flag("read-only", Bool, "false", "bool", "Refuses writes; leases, locks and elections are writes too"),
        flag("drain-delay", Duration, "0s", "duration", "Upon SIGTERM, how long clients are still served after /readyz has said no, before the port is closed"),
        flag("drain-timeout", Duration, "30s", "duration", "After that, how long calls in progress may take to end"),
        flag("cors", List, "*", "list", "Web pages that may read the JSON API's answers, by their origins (https://host:port), separated by commas; * is all"),
    ]},
    Group { heading: "Limits", flags: &[
        flag("max-connections", Uint, "0", "n", "Connections of all clients together; 0 sets no limit"),
        flag("max-watches-per-client", Uint, "0", "n", "Watchers of one client over all its streams; 0 sets no limit"),
        flag("client-qps", Uint, "0", "n", "Calls of one client in a second; 0 sets no limit"),
        flag("client-burst", Uint, "0", "n", "Calls of one client that may come at once after some quiet; 0 is a second's"),
        flag("client-key", Text, "address", "what", "Who is one client: an address (of IPv6 a /64), a credential (a token of etcd's) or a certificate (its subject)"),
    ]},
    Group { heading: "etcd", flags: &[
        flag("endpoints", List, "127.0.0.1:2379", "list", "The members: host:port, http://, https://, unix: or unixs:, separated by commas"),
        flag("endpoints-auto-sync-interval", Duration, "0s", "duration", "Asks the cluster for its members this often; 0 never does"),
        flag("user", Text, "", "name[:password]", "Who the proxy itself is to etcd, for what it asks on its own behalf; also ETCD_GRPC_PROXY_USER"),
        flag("password-file", Text, "", "file", "That user's password; also ETCD_GRPC_PROXY_PASSWORD"),
        flag("balancer", Text, "pin", "policy", "Which member serves a call: pin, round-robin or least-in-flight"),
        flag("upstream-connections", Uint, "1", "n", "HTTP/2 connections for each member, worker thread and kind of traffic"),
        flag("dial-keepalive-time", Duration, "0s", "duration", "Pings a member that was silent for this long; 0 leaves it to the balancer"),
        flag("dial-keepalive-timeout", Duration, "20s", "duration", "Gives up a member that leaves a ping unanswered for this long"),
        flag("permit-without-stream", Bool, "false", "bool", "Pings members while no call is in progress, too"),
        flag("max-send-bytes", Int, "1572864", "bytes", "The largest message sent to etcd; 0 means 2 MiB"),
        flag("max-recv-bytes", Int, "2147483647", "bytes", "The largest message taken from etcd"),
    ]},
    Group { heading: "Reads", flags: &[
        flag("read-coalescing", Text, "on", "on|off", "Whether linearizable reads that come together share one transaction on etcd"),
    ]},
    Group { heading: "Watches", flags: &[
        flag("watch-coalescing", Text, "on", "on|off", "Whether watchers of one range share one watcher on etcd"),
        flag("watch-history-bytes", Uint, "67108864", "bytes", "Past events kept in memory for watchers that come back or read slowly"),
    ]},
    Group { heading: "Serializable reads", flags: &[
        flag("cache-max-entries", Uint, "8192", "n", "Answers to serializable reads kept in memory; 0 keeps none"),
        flag("cache-max-bytes", Uint, "67108864", "bytes", "Memory for answers to serializable reads; 0 keeps none"),
        flag("cache-max-age", Duration, "1s", "duration", "How old such an answer may be, so that it lacks what was changed elsewhere; 0 keeps none"),
    ]},
    Group { heading: "TLS to etcd", flags: &[
        flag("cert", Text, "", "file", "Client certificate (PEM), without a common name"),
        flag("key", Text, "", "file", "Private key of the client certificate (PEM)"),
        flag("cacert", Text, "", "file", "Authorities that etcd's certificates must lead to (PEM); the system's without it"),
        flag("insecure-skip-tls-verify", Bool, "false", "bool", "Takes any certificate of etcd's. For tests only"),
    ]},
    Group { heading: "TLS to clients", flags: &[
        flag("cert-file", Text, "", "file", "Server certificate (PEM)"),
        flag("key-file", Text, "", "file", "Private key of the server certificate (PEM)"),
        flag("trusted-ca-file", Text, "", "file", "Asks clients for a certificate that leads to one of these (PEM)"),
        flag("client-crl-file", Text, "", "file", "Revoked client certificates (DER or PEM)"),
        flag("client-crl-mode", Text, "etcd", "etcd|strict", "A serial number in the list is revoked (etcd), or the list's issuer, signature and age count (strict)"),
        flag("listen-cipher-suites", List, "", "list", "TLS 1.2 cipher suites by their IANA names"),
        flag("tls-min-version", Text, "TLS1.2", "version", "Oldest TLS version: TLS1.2 or TLS1.3"),
        flag("tls-max-version", Text, "", "version", "Newest TLS version; \"\" sets no limit"),
        flag("tls-curve-preferences", List, "", "list", "Curves of every TLS connection: X25519, P-256, P-384, X25519MLKEM768, SecP256r1MLKEM768"),
        flag("auto-tls", Bool, "false", "bool", "Makes a self-signed certificate"),
        flag("self-signed-cert-validity", Uint, "1", "years", "How long the self-signed certificate is good for"),
        flag("data-dir", Text, "default.proxy", "folder", "Where the self-signed certificate is kept"),
    ]},
    Group { heading: "Discovery through DNS", flags: &[
        flag("discovery-srv", Text, "", "domain", "Finds the members in this domain's SRV records"),
        flag("discovery-srv-name", Text, "", "suffix", "Suffix of the SRV records' service name"),
        flag("insecure-discovery", Bool, "false", "bool", "Takes SRV records without a check of the members' certificates"),
        flag("discovery-interval", Duration, "30s", "duration", "How often the SRV records are looked up again"),
        flag("dns-server", Text, "", "address[:port]", "The DNS server to ask for SRV records and members' names; the system's without it"),
    ]},
    Group { heading: "Keys and registration", flags: &[
        flag("namespace", Text, "", "prefix", "Puts every key of the clients under this prefix"),
        flag("namespace-policy", Text, "permissive", "policy", "What reaches beyond the namespace is let through (permissive) or refused (strict)"),
        flag("resolver-prefix", Text, "", "prefix", "Registers this proxy in etcd under this prefix"),
        flag("resolver-ttl", Int, "0", "seconds", "How long a registration outlives its proxy"),
        flag("experimental-serializable-ordering", Bool, "false", "bool", "Serializable reads never go back in time"),
        flag("experimental-leasing-prefix", Text, "", "prefix", "Answers linearizable reads from memory, of keys leased by keys under this prefix"),
        flag("leasing-session-ttl", Int, "60", "seconds", "How long such keys stay leased to a proxy that is cut off"),
    ]},
    Group { heading: "Observation", flags: &[
        flag("metrics-addr", Text, "", "url", "A second address for metrics and health: http://, https:// or unix://"),
        flag("metrics-cert-file", Text, "", "file", "Server certificate of that address, where it is not the clients' (PEM)"),
        flag("metrics-key-file", Text, "", "file", "Private key of that certificate (PEM)"),
        flag("metrics-client-cert-auth", Text, "on", "on|off", "Whether --trusted-ca-file holds for that address too"),
        flag("metrics", Text, "basic", "basic|extensive", "extensive adds how long calls take, as a histogram for each method"),
        flag("enable-pprof", Bool, "false", "bool", "Serves profiles under /debug/pprof"),
        flag("experimental-enable-grpc-logging", Bool, "false", "bool", "Logs every message, with keys and values cut short and without passwords and tokens"),
        flag("enable-distributed-tracing", Bool, "false", "bool", "Sends spans to an OpenTelemetry collector; in builds with the feature otel"),
        flag("distributed-tracing-address", Text, "localhost:4317", "host:port", "The collector, which is spoken to in OTLP over gRPC"),
        flag("distributed-tracing-service-name", Text, "etcd", "name", "The service that spans name"),
        flag("distributed-tracing-instance-id", Text, "", "name", "The service's instance that spans name"),
        flag("distributed-tracing-sampling-rate", Int, "0", "n", "Traces of a million that begin here and are kept"),
        flag("debug", Bool, "false", "bool", "Logs at debug level"),
        flag("log-level", Text, "info", "level", "What is logged: debug, info, warn or error"),
        flag("log-format", Text, "json", "json|console", "How it is logged; console is for people"),
    ]},
    Group { heading: "Process", flags: &[
        flag("config-file", Text, "", "file", "Reads what is not on the command line and not in the environment from this file (.toml, .yaml, .yml)"),
        flag("worker-threads", Uint, "0", "n", "Threads that serve; 0 is one for each core that the process may use"),
        flag("version", Bool, "false", "bool", "Prints the version"),
    ]},
];
