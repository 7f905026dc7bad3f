//! The first answer of many clients that come one after the other.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::CONNECTIONS;
use super::pings::{KEEP_ALIVE, Pinged, grant, pings};
use crate::Result;
use crate::load::{DIGITS, SLOWEST, connect};
use crate::suite::Figures;
use crate::target::Target;
use crate::watching::keep_alive_streams;

/// Clients that come in a second: slow enough that nobody waits for the machine.
pub(super) const PER_SECOND: u32 = 500;
const TTL: i64 = 60;

pub(super) async fn measure(target: &Target, leases: i64) -> Result<Figures> {
    grant(target, leases, TTL).await?;
    let connections = connect(CONNECTIONS, target).await?;
    let method = target.method(KEEP_ALIVE)?;
    let before = keep_alive_streams(target).await?;
    let began = tokio::time::Instant::now();
    let mut clients = JoinSet::new();
    for ((lease, place), connection) in (1..=leases).zip(0_u32..).zip(connections.iter().cycle()) {
        let (mut connection, method, first) = (connection.clone(), method.clone(), pings([lease])?);
        let comes = began + Duration::from_secs(1) / PER_SECOND * place;
        clients.spawn(async move {
            tokio::time::sleep_until(comes).await;
            let sent = Instant::now();
            let mut stream = Pinged::open(&mut connection, &method, first).await?;
            let answer = stream.answer(lease).await?;
            if answer.ttl != TTL {
                return Err(format!("a lease of {TTL} s was answered with {answer:?}").into());
            }
            Ok::<_, crate::Error>((sent.elapsed(), stream))
        });
    }
    let (mut latency, mut open) = (Histogram::<u64>::new_with_bounds(1, SLOWEST, DIGITS)?, Vec::new());
    while let Some(client) = clients.join_next().await {
        let (elapsed, stream) = client??;
        latency.saturating_record(u64::try_from(elapsed.as_nanos())?);
        open.push(stream);
    }
    let streams = keep_alive_streams(target).await? - before;
    Ok(Figures::from([
        ("p50", latency.value_at_quantile(0.5) as f64 / 1e3),
        ("p99", latency.value_at_quantile(0.99) as f64 / 1e3),
        ("streams", streams as f64),
    ]))
}
