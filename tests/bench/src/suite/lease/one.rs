//! One client with many leases on one stream, which it pings all at once, over and over.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::pings::{KEEP_ALIVE, Pinged, grant, pings};
use crate::Result;
use crate::arguments::Pace;
use crate::load::connect;
use crate::suite::Figures;
use crate::target::Target;
use crate::usage::Usage;

const TTL: i64 = 60;
/// How long all answers to one round of pings may take.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn measure(target: &Target, leases: i64, pace: Pace) -> Result<Figures> {
    grant(target, leases, TTL).await?;
    let mut connections = connect(1, target).await?;
    let connection = connections.first_mut().ok_or("no connection")?;
    let all = pings(1..=leases)?;
    let (mut stream, mut lost, mut count) = (None, 0.0, 0_i64);
    let (began, before) = (Instant::now(), Usage::now(target)?);
    while began.elapsed() < pace.measure {
        let open = match &mut stream {
            None => stream.insert(Pinged::open(connection, &target.method(KEEP_ALIVE)?, all.clone()).await?),
            Some(stream) => {
                stream.send(all.clone())?;
                stream
            }
        };
        for lease in 1..=leases {
            let answer =
                timeout(LIMIT, open.answer(lease)).await.map_err(|_| "pings were never answered")??;
            if !(TTL - 1..=TTL).contains(&answer.ttl) {
                lost += 1.0;
            }
        }
        count += leases;
    }
    let spent = Usage::now(target)?.since(&before);
    let per_ping = |cpu: Duration| cpu.as_secs_f64() * 1e6 / count as f64;
    let mut figures = Figures::from([
        ("pings", count as f64 / spent.elapsed.as_secs_f64()),
        ("lost", lost),
        ("etcd_cpu", per_ping(spent.etcd)),
        ("load_cpu", per_ping(spent.load)),
    ]);
    if let Some(proxy) = spent.proxy {
        figures.insert("proxy_cpu", per_ping(proxy));
    }
    Ok(figures)
}
