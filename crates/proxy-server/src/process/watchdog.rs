//! systemd's watchdog: it hears from us as long as every runtime gets on, and ends us when it does not.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use crate::process::init_daemon;
use crate::worker::WorkerHandle;

/// Tells systemd that all is well, where it asks, until the process ends. Runs on the runtime of `main`, so that one is
/// looked at by the way.
pub(crate) async fn run(workers: Vec<WorkerHandle>) {
    let Some(limit) = init_daemon::watchdog() else { return };
    info!(limit = ?limit, "systemd's watchdog is on");
    let mut ticks = interval(pause(limit));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match hung(&workers, pause(limit)).await {
            0 => init_daemon::well(),
            hung => {
                warn!(hung, of = workers.len(), "worker threads do not answer: the watchdog hears nothing")
            }
        }
    }
}

/// How many workers leave a knock unanswered for so long.
async fn hung(workers: &[WorkerHandle], patience: Duration) -> usize {
    let knocks = workers.iter().map(|worker| timeout(patience, worker.knock()));
    join_all(knocks).await.iter().filter(|answer| !matches!(answer, Ok(true))).count()
}

/// Three times within the limit, so that one late word does no harm.
fn pause(limit: Duration) -> Duration {
    (limit / 3).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::worker;

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_does_not_answer_is_missed_until_the_proxy_drains() {
        let drain = CancellationToken::new();
        let (handles, seats): (Vec<_>, Vec<_>) = (0..3).map(|_| worker::new(drain.clone())).unzip();
        assert_eq!(hung(&handles, Duration::from_secs(1)).await, 3, "nobody has started them");
        drain.cancel();
        assert_eq!(hung(&handles, Duration::from_secs(1)).await, 0, "who drains may take his time");
        drop(seats);
    }
}
