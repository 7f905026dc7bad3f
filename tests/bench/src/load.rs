//! The closed-loop generator: so many callers, each sending its next call when its last one was answered.
//!
//! Being closed, it shows latency at the rate that the system itself allows; a slow system is asked less often.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::arguments::Pace;
use crate::client::{Connection, Connector};
use crate::process;
use crate::target::Target;
use crate::usage::Usage;
use crate::{Error, Result};

/// How long calls still in flight may take after the end of a measurement, and connections to open before it.
const LIMIT: Duration = Duration::from_secs(15);
/// One minute in nanoseconds; slower calls count as that slow.
pub(crate) const SLOWEST: u64 = 60_000_000_000;
pub(crate) const DIGITS: u8 = 3;

/// One call, over and over: each caller works on a clone of its own.
pub(crate) trait Call: Clone + Send + 'static {
    fn call(&mut self, connection: &mut Connection) -> impl Future<Output = Result<()>> + Send;
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) in_flight: usize,
    /// Callers take them in turn.
    pub(crate) connections: usize,
    pub(crate) pace: Pace,
}

/// What happened between the end of the warm-up and the end of the measurement.
pub(crate) struct Measured {
    calls: u64,
    elapsed: Duration,
    /// In nanoseconds.
    latency: Histogram<u64>,
    pub(crate) proxy: Option<ProxyUse>,
    pub(crate) etcd_cpu: Duration,
    /// The generator's own.
    pub(crate) load_cpu: Duration,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ProxyUse {
    pub(crate) cpu: Duration,
    /// In bytes, at the end of the measurement with all connections open.
    resident: u64,
}

impl ProxyUse {
    pub(crate) fn resident_mib(&self) -> f64 {
        self.resident as f64 / f64::from(1 << 20)
    }
}

impl Measured {
    pub(crate) fn calls_per_second(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn latency_us(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e3
    }

    pub(crate) fn us_per_call(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.calls as f64
    }
}

/// Loads `target` and measures it.
pub(crate) async fn run(load: Load, target: &Target, call: impl Call) -> Result<Measured> {
    let connections = tokio::time::timeout(LIMIT, connect(load.connections, target)).await??;
    let shared = Arc::new(Shared::new()?);
    let mut callers = JoinSet::new();
    for connection in connections.iter().cycle().take(load.in_flight) {
        callers.spawn(repeat(call.clone(), connection.clone(), shared.clone()));
    }
    let measured = tokio::select! {
        measured = watch(load.pace, target, &shared) => measured?,
        // Callers end before they are told to only because of an error.
        failure = failure(&mut callers) => return Err(failure),
    };
    shared.stop.store(true, Ordering::Relaxed);
    tokio::time::timeout(LIMIT, finish(&mut callers)).await.map_err(|_| "calls were never answered")??;
    Ok(measured)
}

pub(crate) async fn connect(count: usize, target: &Target) -> Result<Vec<Connection>> {
    let connector = Connector::new(target.address);
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        connections.push(connector.connect().await?);
    }
    Ok(connections)
}

/// What the callers and the one that measures share; all of them live on one thread, so nobody ever waits for it.
struct Shared {
    stop: AtomicBool,
    /// Nothing is recorded while there is none: before the measurement and after it.
    latency: Mutex<Option<Histogram<u64>>>,
    empty: Histogram<u64>,
}

impl Shared {
    fn new() -> Result<Self> {
        let empty = Histogram::new_with_bounds(1, SLOWEST, DIGITS)?;
        Ok(Self { stop: AtomicBool::new(false), latency: Mutex::new(None), empty })
    }

    fn record(&self, latency: Duration) {
        if let Some(histogram) = self.latency.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            histogram.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(SLOWEST));
        }
    }

    fn begin(&self) {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.empty.clone());
    }

    fn end(&self) -> Option<Histogram<u64>> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn repeat(mut call: impl Call, mut connection: Connection, shared: Arc<Shared>) -> Result<()> {
    while !shared.stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        call.call(&mut connection).await?;
        shared.record(sent.elapsed());
    }
    Ok(())
}

async fn watch(pace: Pace, target: &Target, shared: &Shared) -> Result<Measured> {
    tokio::time::sleep(pace.warmup).await;
    let before = Usage::now(target)?;
    shared.begin();
    tokio::time::sleep(pace.measure).await;
    let latency = shared.end().unwrap_or_else(|| shared.empty.clone());
    let spent = Usage::now(target)?.since(&before);
    if latency.is_empty() {
        return Err(format!("{} answered nothing in {:?}", target.system.title(), pace.measure).into());
    }
    Ok(Measured {
        calls: latency.len(),
        elapsed: spent.elapsed,
        latency,
        proxy: proxy_use(target, spent.proxy)?,
        etcd_cpu: spent.etcd,
        load_cpu: spent.load,
    })
}

fn proxy_use(target: &Target, cpu: Option<Duration>) -> Result<Option<ProxyUse>> {
    let (Some(pid), Some(cpu)) = (target.proxy, cpu) else { return Ok(None) };
    Ok(Some(ProxyUse { cpu, resident: process::resident(pid)? }))
}

async fn failure(callers: &mut JoinSet<Result<()>>) -> Error {
    match callers.join_next().await {
        Some(Ok(Err(error))) => error,
        Some(Err(error)) => error.into(),
        Some(Ok(Ok(()))) | None => "a caller ended by itself".into(),
    }
}

async fn finish(callers: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}
