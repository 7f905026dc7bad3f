//! `Station`: the gateway on one runtime.

use std::sync::Arc;

use tokio::net::TcpStream;
use tracing::{debug, warn};

use crate::chunk::Scratch;
use crate::counters::Traffic;
use crate::dial::dial;
use crate::gateway::Gateway;
#[cfg(target_os = "linux")]
use crate::pipe::Pipes;
use crate::relay::relay;
use crate::remotes::Remote;
use crate::within::relieve;

/// Serves the connections of one runtime; cheap to clone. Connections of one station share a buffer and pipes, so
/// runtimes that share no station do not wait for each other.
#[derive(Clone, Debug)]
pub struct Station {
    gateway: Gateway,
    means: Arc<Means>,
}

/// What bytes get across with.
#[derive(Debug)]
pub(crate) struct Means {
    pub(crate) scratch: Scratch,
    #[cfg(target_os = "linux")]
    pub(crate) pipes: Pipes,
    pub(crate) traffic: Arc<Traffic>,
    splices: bool,
}

impl Means {
    /// Whether there are pipes to be had at all.
    pub(crate) fn can_splice(&self) -> bool {
        self.splices
    }
}

impl Station {
    pub(crate) fn new(gateway: Gateway) -> Self {
        let most = gateway.config().pipes;
        let means = Means {
            scratch: Scratch::new(),
            #[cfg(target_os = "linux")]
            pipes: Pipes::new(most),
            traffic: gateway.counters().shard(),
            splices: most > 0 && cfg!(target_os = "linux"),
        };
        Self { gateway, means: Arc::new(means) }
    }

    /// Connects a client to an endpoint and carries both ways until the connection ends. A client for whom there is
    /// no endpoint is disconnected.
    pub async fn serve(&self, client: TcpStream) {
        let Some((remote, stream)) = self.connect().await else {
            self.gateway.counters().refused.increment();
            return;
        };
        let _open = Open::count(Arc::clone(&remote));
        // Small messages wait for nobody. A client that has gone meanwhile is noticed by whoever reads from it.
        let _ = client.set_nodelay(true);
        relieve(&client);
        if let Err(error) = relay(client, stream, &self.means).await {
            self.gateway.counters().broken.increment();
            debug!(address = %remote.endpoint, %error, "connection broke off");
        }
    }

    /// A connection to the first endpoint that takes one.
    async fn connect(&self) -> Option<(Arc<Remote>, TcpStream)> {
        let mut tried = Vec::new();
        while let Some(remote) = self.gateway.choose(&tried) {
            match dial(&remote.endpoint, self.gateway.config()).await {
                Ok(stream) => {
                    remote.dials.increment();
                    self.gateway.answered(&remote);
                    return Some((remote, stream));
                }
                Err(error) if error.is_our_own() => {
                    warn!(address = %remote.endpoint, %error, "cannot dial any endpoint");
                    return None;
                }
                Err(error) => self.gateway.failed(&remote, &error),
            }
            tried.push(remote);
        }
        None
    }
}

/// Counts one open connection until it is dropped.
struct Open(Arc<Remote>);

impl Open {
    fn count(remote: Arc<Remote>) -> Self {
        remote.connections.increment();
        Self(remote)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.sub(1);
    }
}
