//! TLS on accepted connections.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    Counters, Error, HandshakeFailure, Reason, ServerTls, Source, pending::Pending, server::LiveConfig,
};

/// What handshakes may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long one may take.
    pub time: Duration,
    /// How many may be under way at once; one more ends the oldest. At least 1.
    pub pending: usize,
}

/// etcd's time; as many as a crowd that comes back at once may need.
impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), pending: 4096 }
    }
}

/// Makes TLS connections of accepted ones, by what the certificate files hold at the moment. A clone is the same.
#[derive(Clone, Debug)]
pub struct TlsListener {
    config: Arc<LiveConfig>,
    pending: Arc<Pending>,
    time: Duration,
    counters: Arc<Counters>,
}

impl TlsListener {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(tls: &ServerTls, limits: Limits, counters: Arc<Counters>) -> Result<Self, Error> {
        let config = Arc::new(LiveConfig::new(tls)?);
        Ok(Self { config, pending: Pending::new(limits.pending), time: limits.time, counters })
    }

    /// The files that it follows.
    pub fn sources(&self) -> Vec<Source> {
        self.config.sources()
    }

    /// Handshakes under way.
    pub fn pending(&self) -> usize {
        self.pending.count()
    }

    /// Makes a TLS connection of an accepted one. It always ends in time.
    ///
    /// # Errors
    /// Why there is none. The client was told, where it could be.
    pub async fn handshake<S>(&self, stream: S) -> Result<TlsStream<S>, HandshakeFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (_seat, noticed) = self.pending.take();
        let accepting = TlsAcceptor::from(self.config.present()).accept(stream);
        let ended = tokio::select! {
            biased;
            ended = timeout(self.time, accepting) => match ended {
                Ok(ended) => ended.map_err(HandshakeFailure::from),
                Err(_) => Err(HandshakeFailure::new(Reason::Timeout, format!("not done within {:?}", self.time))),
            },
            _ = noticed => Err(HandshakeFailure::new(Reason::Crowded, "too many handshakes under way")),
        };
        self.counters.note(ended.as_ref().err().map(|failure| failure.reason));
        ended
    }
}
