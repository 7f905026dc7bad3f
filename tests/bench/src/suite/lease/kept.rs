//! Many leases that their clients keep alive for long.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http::Uri;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

use super::pings::{GRANT, KEEP_ALIVE, Pinged, grant_these, leases, pings};
use super::{CONNECTIONS, STREAMS};
use crate::client::Connection;
use crate::load::{DIGITS, SLOWEST, connect};
use crate::suite::Figures;
use crate::target::Target;
use crate::usage::Usage;
use crate::watching::keep_alive_streams;
use crate::{Result, process};

pub(super) const TTL: i64 = 20;
/// Between two pings of one lease, as etcd's own clients do it: a third of the TTL.
const INTERVAL: Duration = Duration::from_millis(TTL.unsigned_abs() * 1000 / 3);

/// In how much time all clients come.
pub(super) const COMING: Duration = Duration::from_secs(13);

pub(super) async fn measure(target: &Target, count: i64, keep: Duration) -> Result<Figures> {
    let connections = connect(CONNECTIONS, target).await?;
    let method = target.method(KEEP_ALIVE)?;
    let (direct, grant) = (connect(CONNECTIONS, &target.past()).await?, target.past().method(GRANT)?);
    let (before, streams) = (Usage::now(target)?, keep_alive_streams(target).await?);
    let began = tokio::time::Instant::now();
    let latency = Histogram::new_with_bounds(1, SLOWEST, DIGITS)?;
    let kept = Arc::new(Mutex::new(Kept { pings: 0, lost: 0, latency }));
    let mut clients = JoinSet::new();
    let both = connections.iter().zip(&direct).cycle();
    for (place, (connection, direct)) in (0..STREAMS).zip(both) {
        let client = Client {
            leases: (1..=count).filter(|lease| *lease as usize % STREAMS == place).collect(),
            // Spread, as clients that do not know of each other are.
            begins: began + COMING.mul_f64(place as f64 / STREAMS as f64),
            until: began + COMING + keep,
            kept: Arc::clone(&kept),
        };
        let granted = (direct.clone(), grant.clone());
        clients.spawn(client.run(granted, connection.clone(), method.clone()));
    }
    // The streams stay open, so that no lease is left before all are counted.
    let mut open = Vec::new();
    while let Some(client) = clients.join_next().await {
        open.extend(client??);
    }
    let (pings, answered_late, [p50, p99]) = {
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let quantile = |quantile| kept.latency.value_at_quantile(quantile) as f64 / 1e3;
        (kept.pings, kept.lost, [0.5, 0.99].map(quantile))
    };
    let missing = (count as usize).saturating_sub(leases(target).await?);
    let spent = Usage::now(target)?.since(&before);
    let per_ping = |cpu: Duration| cpu.as_secs_f64() * 1e6 / pings as f64;
    let mut figures = Figures::from([
        ("p50", p50),
        ("p99", p99),
        ("pings", pings as f64 / spent.elapsed.as_secs_f64()),
        ("lost", answered_late.max(missing as u64) as f64),
        ("streams", (keep_alive_streams(target).await? - streams) as f64),
        ("etcd_cpu", per_ping(spent.etcd)),
        ("load_cpu", per_ping(spent.load)),
    ]);
    if let (Some(proxy), Some(cpu)) = (target.proxy, spent.proxy) {
        figures.insert("proxy_cpu", per_ping(cpu));
        figures.insert("proxy_rss", process::resident(proxy)? as f64 / f64::from(1 << 20));
    }
    Ok(figures)
}

/// One stream and the leases that are pinged on it.
struct Client {
    leases: Vec<i64>,
    begins: tokio::time::Instant,
    until: tokio::time::Instant,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    pings: u64,
    /// Pings that were answered with another TTL, or not in time.
    lost: u64,
    latency: Histogram<u64>,
}

impl Client {
    async fn run(
        self,
        (direct, grant): (Connection, Uri),
        mut connection: Connection,
        method: Uri,
    ) -> Result<Option<Pinged>> {
        tokio::time::sleep_until(self.begins).await;
        grant_these(direct, grant, self.leases.clone(), TTL).await?;
        let mut due = tokio::time::Instant::now();
        let (mut stream, all) = (None, pings(self.leases.iter().copied())?);
        while due < self.until {
            tokio::time::sleep_until(due).await;
            due += INTERVAL;
            let sent = Instant::now();
            let open = match &mut stream {
                None => stream.insert(Pinged::open(&mut connection, &method, all.clone()).await?),
                Some(open) => {
                    open.send(all.clone())?;
                    open
                }
            };
            self.kept().pings += self.leases.len() as u64;
            for (place, lease) in self.leases.iter().enumerate() {
                let Ok(answer) = timeout_at(due, open.answer(*lease)).await else {
                    self.kept().lost += (self.leases.len() - place) as u64;
                    return Ok(stream);
                };
                let ttl = answer?.ttl;
                let mut kept = self.kept();
                kept.lost += u64::from(ttl != TTL);
                kept.latency.saturating_record(u64::try_from(sent.elapsed().as_nanos())?);
            }
        }
        Ok(stream)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
