//! `Monitor`: tries endpoints again that were set aside.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::dial::dial;
use crate::gateway::Gateway;
use crate::remotes::Remote;

/// The work that goes on beside the connections. Run it once.
#[derive(Debug)]
pub struct Monitor {
    gateway: Gateway,
}

impl Monitor {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    /// Goes on for as long as it is polled.
    pub async fn run(self) {
        let delay = self.gateway.config().retry_delay;
        loop {
            sleep_until(Instant::now() + delay).await;
            let mut tries = JoinSet::new();
            for remote in self.gateway.set_aside() {
                tries.spawn(retry(self.gateway.clone(), remote));
            }
            tries.join_all().await;
        }
    }
}

/// A connection that is closed again at once, as etcd's gateway tries it.
async fn retry(gateway: Gateway, remote: Arc<Remote>) {
    match dial(&remote.endpoint, gateway.config()).await {
        Ok(_) => gateway.answered(&remote),
        Err(error) => {
            let interval = gateway.config().retry_delay.as_secs_f64();
            let message = "failed to activate endpoint (stay inactive for another interval)";
            warn!(address = %remote.endpoint, interval, %error, "{message}");
        }
    }
}
