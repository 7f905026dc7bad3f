//! Streams that each send their next ping when the last was answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use http::Uri;

use super::pings::{KEEP_ALIVE, Pinged, grant, pings};
use super::{CONNECTIONS, STREAMS};
use crate::Result;
use crate::arguments::Pace;
use crate::client::Connection;
use crate::load::{self, Call, Load};
use crate::suite::Figures;
use crate::target::Target;
use crate::watching::{keep_alive_streams, keep_alives};

/// Small, because `etcd grpc-proxy` answers only three times in it.
const TTL: i64 = 15;

pub(super) async fn measure(target: &Target, leases: i64, pace: Pace) -> Result<Figures> {
    grant(target, leases, TTL).await?;
    let pinger = Pinger {
        leases,
        method: target.method(KEEP_ALIVE)?,
        callers: Arc::default(),
        sent: Arc::default(),
        next: 0,
        stream: None,
    };
    let (sent, before) = (Arc::clone(&pinger.sent), keep_alives(target).await?);
    let streams = keep_alive_streams(target).await?;
    let load = Load { in_flight: STREAMS, connections: CONNECTIONS, pace };
    let measured = load::run(load, target, pinger).await?;
    let reached = keep_alives(target).await? - before;
    let mut figures = Figures::from([
        ("p50", measured.latency_us(0.5)),
        ("p99", measured.latency_us(0.99)),
        ("pings", measured.calls_per_second()),
        ("streams", (keep_alive_streams(target).await? - streams) as f64),
        ("reached", 100.0 * reached as f64 / sent.load(Ordering::Relaxed) as f64),
        ("etcd_cpu", measured.us_per_call(measured.etcd_cpu)),
        ("load_cpu", measured.us_per_call(measured.load_cpu)),
    ]);
    if let Some(proxy) = &measured.proxy {
        figures.insert("proxy_cpu", measured.us_per_call(proxy.cpu));
        figures.insert("proxy_rss", proxy.resident_mib());
    }
    Ok(figures)
}

/// One stream, which is opened by its first ping. Each clone is another, and takes turns with leases of its own.
struct Pinger {
    leases: i64,
    method: Uri,
    callers: Arc<AtomicI64>,
    sent: Arc<AtomicI64>,
    next: i64,
    stream: Option<Pinged>,
}

impl Clone for Pinger {
    fn clone(&self) -> Self {
        Self {
            leases: self.leases,
            method: self.method.clone(),
            callers: Arc::clone(&self.callers),
            sent: Arc::clone(&self.sent),
            next: self.callers.fetch_add(1, Ordering::Relaxed),
            stream: None,
        }
    }
}

impl Call for Pinger {
    async fn call(&mut self, connection: &mut Connection) -> Result<()> {
        let lease = 1 + self.next % self.leases;
        self.next += STREAMS as i64;
        let ping = pings([lease])?;
        self.sent.fetch_add(1, Ordering::Relaxed);
        let stream = match &mut self.stream {
            Some(stream) => {
                stream.send(ping)?;
                stream
            }
            none => none.insert(Pinged::open(connection, &self.method, ping).await?),
        };
        let answer = stream.answer(lease).await?;
        // One that is pinged again at once may be answered with its age taken off.
        if !(TTL - 1..=TTL).contains(&answer.ttl) {
            return Err(format!("a lease of {TTL} s was answered with {answer:?}").into());
        }
        Ok(())
    }
}
