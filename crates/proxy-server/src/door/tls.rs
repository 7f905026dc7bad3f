//! TLS of this process: its listeners, and the files behind all of it.

mod renewals;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tls_termination::{
    Counters, Error, Expiry, HandshakeFailure, Limits, Presence, SelfSigned, ServerTls, Source, TlsListener,
};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::config::{Config, ListenerTls};
pub(crate) use renewals::{Renewals, Tally};

/// Handshakes on the second address that may be under way at once.
const PENDING_ON_METRICS: usize = 512;

/// What there is of TLS.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// `None` where clients speak plain text.
    pub(crate) clients: Option<TlsListener>,
    pub(crate) metrics: Option<TlsListener>,
    /// Every certificate file of the process.
    pub(crate) sources: Vec<Source>,
    /// The certificate that the process makes for itself, where it does.
    pub(crate) self_signed: Option<SelfSigned>,
    /// What has happened on the listeners.
    pub(crate) counters: Arc<Counters>,
    /// What has become of renewals.
    pub(crate) renewed: Arc<Tally>,
}

impl Tls {
    /// Reads the certificate files, and makes the certificate that the process makes for itself.
    ///
    /// # Errors
    /// What is wrong with a file.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        if let Some(made) = &config.listener_tls.self_signed {
            make(made)?;
        }
        let counters = Arc::new(Counters::default());
        let listener = |tls: &Option<ServerTls>, limits: Limits| {
            tls.as_ref().map(|tls| TlsListener::new(tls, limits, Arc::clone(&counters))).transpose()
        };
        let clients = listener(&config.listener_tls.clients, Limits::default())?;
        let limits = Limits { pending: PENDING_ON_METRICS, ..Limits::default() };
        let metrics = listener(&config.listener_tls.metrics, limits)?;
        let listeners = [&clients, &metrics].into_iter().flatten().flat_map(TlsListener::sources);
        let sources = listeners.chain(config.upstream_files.iter().cloned()).collect();
        let self_signed = config.listener_tls.self_signed.clone();
        let tls = Self { clients, metrics, sources, self_signed, counters, renewed: Arc::default() };
        tls.warn_of_what_has_expired();
        Ok(tls)
    }

    /// Reads the certificate files, and does no more.
    ///
    /// # Errors
    /// What is wrong with a file.
    pub(crate) fn check(config: &Config) -> Result<(), Error> {
        let ListenerTls { clients, metrics, .. } = &config.listener_tls;
        [clients, metrics].into_iter().flatten().try_for_each(ServerTls::check)
    }

    /// As with etcd, what has expired is used: whether it is good enough is the peers' to say.
    fn warn_of_what_has_expired(&self) {
        let now = now();
        for Expiry { file, subject, .. } in self.expiries().filter(|expiry| expiry.days_from(now) < 0.0) {
            warn!(file = %file.display(), subject, "a certificate or revocation list in use has expired");
        }
    }

    /// Until when everything that is in use is good. A file that serves several purposes is there as often.
    pub(crate) fn expiries(&self) -> impl Iterator<Item = Expiry> {
        self.sources.iter().flat_map(Source::expiries)
    }
}

/// In seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn make(made: &SelfSigned) -> Result<(), Error> {
    let (cert, key) = (made.cert().display().to_string(), made.key().display().to_string());
    match made.ensure()? {
        Presence::Kept => return Ok(()),
        Presence::Renewed => warn!(path = cert, "the self-signed certificate is at its end and is replaced"),
        Presence::Created => warn!(names = made.names.join(","), "automatically generate certificates"),
    }
    info!(path = cert, "created cert file");
    info!(path = key, "created key file");
    Ok(())
}

/// A client's connection once it speaks TLS; `None` when it does not come to that, or the drain begins before.
pub(crate) async fn secured(
    tls: TlsListener,
    stream: TcpStream,
    peer: SocketAddr,
    drain: CancellationToken,
) -> Option<TlsStream<TcpStream>> {
    let ended = tokio::select! {
        ended = tls.handshake(stream) => ended,
        () = drain.cancelled() => return None,
    };
    ended.inspect_err(|failure| tell(failure, Some(peer))).ok()
}

/// What an operator has to see is a client that is not let in for its certificate; the rest is noise of the network.
/// The words are those of etcd's servers.
pub(crate) fn tell(failure: &HandshakeFailure, peer: Option<SocketAddr>) {
    let remote = peer.map(|peer| peer.to_string()).unwrap_or_default();
    if failure.reason.is_of_certificate() {
        warn!("remote-addr" = remote, error = %failure, "rejected connection on client endpoint");
    } else {
        debug!("remote-addr" = remote, error = %failure, "TLS handshake failed");
    }
}
