//! What the process is to do, every value meant and valid. Only the command line makes one.

use std::{fmt, path::PathBuf, time::Duration};

use json_gateway::Origins;
use namespace::Namespace;
use tls_termination::{SelfSigned, ServerTls, Source};
use upstream_balancer::Credentials;

use crate::door::limits::LimitsConfig;
use crate::log::{LogFormat, LogLevel};
use crate::process::discovery::DiscoveryConfig;
use crate::services::spans::TracingConfig;

/// The whole configuration of a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// `host:port` as given; whoever binds it resolves it.
    pub(crate) listen_addr: String,
    /// What MemberList answers; empty passes the members' own through.
    pub(crate) advertise_client_url: String,
    /// The cluster and how it is spoken to.
    pub(crate) upstream: upstream_balancer::Config,
    /// The certificate files behind it.
    pub(crate) upstream_files: Vec<Source>,
    /// TLS on the listeners.
    pub(crate) listener_tls: ListenerTls,
    /// Where else the members are looked for; they take the place of the endpoints in `upstream`.
    pub(crate) discovery: Option<DiscoveryConfig>,
    /// How often the cluster is asked for its members; `None` keeps to the endpoints as given.
    pub(crate) auto_sync: Option<Duration>,
    /// Where this proxy registers; `None` is nowhere.
    pub(crate) registration: Option<Registration>,
    /// Who the proxy itself is to etcd; `None` is nobody.
    pub(crate) credentials: Option<Credentials>,
    /// Where the clients' keys are, and how strictly clients are kept there.
    pub(crate) namespace: Namespace,
    /// How reads are shared.
    pub(crate) reads: Reads,
    /// How watchers are shared.
    pub(crate) watch: Watches,
    /// What is kept of serializable reads.
    pub(crate) cache: kv_cache::Config,
    /// Web pages that may read the JSON API's answers.
    pub(crate) origins: Origins,
    /// Which keys are owned so that linearizable reads of them are answered from memory.
    pub(crate) leasing: leasing_kv::Config,
    /// Pings on the clients' connections.
    pub(crate) server_keepalive: ServerKeepalive,
    /// Streams that one client connection may have open at once, at least one.
    pub(crate) max_concurrent_streams: u32,
    /// Threads that serve; `None` is one for each core that the process may use.
    pub(crate) worker_threads: Option<usize>,
    /// The second address for the pages.
    pub(crate) metrics_addr: Option<MetricsAddr>,
    /// Whether profiles are served.
    pub(crate) profiles: bool,
    /// Whether calls are timed.
    pub(crate) extensive_metrics: bool,
    /// Whether writes are refused.
    pub(crate) read_only: bool,
    /// How long a drain takes.
    pub(crate) drain: DrainTimes,
    /// What one client may take.
    pub(crate) limits: LimitsConfig,
    /// Where spans go; `None` is nowhere.
    pub(crate) tracing: Option<TracingConfig>,
    /// What the log shows, and how.
    pub(crate) log: Log,
    /// What the operator should read in the log once there is one.
    pub(crate) notices: Vec<Notice>,
    /// The flags as they were typed or have their defaults, for people to read.
    pub(crate) settings: Vec<Setting>,
    /// The files with certificates that are in use.
    pub(crate) certificates: Vec<CertificateFile>,
}

/// A flag and its value as text, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) flag: &'static str,
    pub(crate) value: String,
    /// Who gave it: a flag, a variable, a line of a file, or `default`.
    pub(crate) origin: String,
}

impl Setting {
    /// What the origin of a value is called that nobody has given.
    pub(crate) const DEFAULT: &str = "default";

    /// Whether nobody has given it.
    pub(crate) fn is_default(&self) -> bool {
        self.origin == Self::DEFAULT
    }
}

/// A file with certificates, and the flag that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFile {
    pub(crate) flag: &'static str,
    pub(crate) file: PathBuf,
}

/// What the log shows, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: LogLevel,
    pub(crate) format: LogFormat,
    /// Whether every message of every call is logged.
    pub(crate) messages: bool,
}

/// How reads are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Whether linearizable reads that come together share one transaction on etcd.
    pub(crate) coalesced: bool,
}

/// How long a drain takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DrainTimes {
    /// From the signal, and from the end of the registration, until the port is closed.
    pub(crate) delay: Duration,
    /// From then on, for the calls in progress.
    pub(crate) timeout: Duration,
}

/// Where this proxy registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    /// What stands in front of the proxies' keys, without the slash that follows it.
    pub(crate) prefix: String,
    /// How long a registration outlives its proxy, in seconds.
    pub(crate) ttl: i64,
}

/// How watchers are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watches {
    /// Whether watchers of one range share one watcher on etcd.
    pub(crate) coalesced: bool,
    /// Bytes of past events that are kept.
    pub(crate) history_bytes: usize,
}

/// TLS on the listeners; a listener without it speaks plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListenerTls {
    pub(crate) clients: Option<ServerTls>,
    /// That of the second address.
    pub(crate) metrics: Option<ServerTls>,
    /// The certificate that has to be made before the others can be read.
    pub(crate) self_signed: Option<SelfSigned>,
}

/// An address where nothing but the pages is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricsAddr {
    pub(crate) socket: MetricsSocket,
    pub(crate) is_tls: bool,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetricsSocket {
    /// `host:port`.
    Tcp(String),
    Unix(PathBuf),
}

/// Pings on the clients' connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerKeepalive {
    /// A client that pings more often than this is disconnected.
    pub(crate) min_time: Duration,
    /// How long a client is silent before it is pinged.
    pub(crate) interval: Duration,
    /// How long it may leave the ping unanswered.
    pub(crate) timeout: Duration,
}

/// Something about the configuration that belongs into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Connections to etcd accept any certificate.
    Unverified,
    /// Connections to etcd use TLS with these files.
    ClientTls(TlsFiles),
    /// Connections of clients use TLS with these files.
    ServerTls(TlsFiles),
    /// A flag that cannot have an effect beside the others.
    NoEffect { flag: &'static str, reason: &'static str },
    /// A plain endpoint, although there are TLS flags.
    PlainDespiteTlsFlags(String),
}

/// The files as etcd's log shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) trusted_ca: String,
    pub(crate) crl: String,
}

impl Config {
    /// Logs the notices.
    pub(crate) fn announce(&self) {
        self.notices.iter().for_each(Notice::log);
    }
}

impl Notice {
    fn log(&self) {
        match self {
            Self::Unverified => {
                tracing::warn!(
                    "--insecure-skip-tls-verify was given: the certificates of etcd are not verified"
                );
            }
            Self::ClientTls(files) => tracing::info!("tls-info" = %files, "gRPC proxy client TLS"),
            Self::ServerTls(files) => tracing::info!("tls-info" = %files, "gRPC proxy server TLS"),
            Self::NoEffect { flag, reason } => {
                tracing::warn!(flag = format!("--{flag}"), reason, "the flag has no effect");
            }
            Self::PlainDespiteTlsFlags(endpoint) => {
                tracing::warn!(endpoint, "endpoint is plain, TLS flags do not apply to it");
            }
        }
    }
}

/// etcd's form.
impl fmt::Display for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cert, key, trusted_ca, crl } = self;
        write!(f, "cert = {cert}, key = {key}, client-cert=, client-key=, trusted-ca = {trusted_ca}, ")?;
        write!(f, "client-cert-auth = false, crl-file = {crl}")
    }
}

/// The URL.
impl fmt::Display for MetricsAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.is_tls { "s" } else { "" };
        match &self.socket {
            MetricsSocket::Tcp(address) => write!(f, "http{s}://{address}"),
            MetricsSocket::Unix(path) => write!(f, "unix{s}://{}", path.display()),
        }
    }
}
