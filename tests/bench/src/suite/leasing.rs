//! Leased keys: what reads of them cost, what a write of one that nobody owns costs, and what owning costs idle.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use prost::Message;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};
use tokio::time::{sleep, timeout};

use super::keyspace::{KEYS, Keys, Keyspace, PUT, RANGE, VALUE_BYTES, checked_put, range};
use super::unary::figures;
use super::{Against, Better, Claim, Figures, Metric, Suite, THEIRS, Workload, claim};
use crate::Result;
use crate::arguments::Pace;
use crate::client::{Connection, Connector};
use crate::load::{self, Call, Load};
use crate::target::Target;
use crate::usage::Usage;
use crate::watching::{read_calls, write_calls};

const OWNED: &str = "owned@64";
const PUTS: &str = "put@1";
const IDLE: &str = "idle@10000";

const PREFIX: &str = "leases/";
const FLAGS: &[&str] = &["--experimental-leasing-prefix=leases/"];
/// Keys that are read over and over.
const READ: usize = 1_000;
/// How long it may take until all keys are owned.
const LIMIT: Duration = Duration::from_secs(60);
const WRITES: usize = 2_000;

const METRICS: &[Metric] = &[
    Metric { key: "calls", title: "calls", unit: "1/s", better: Better::Higher, plotted: true },
    Metric { key: "p50", title: "p50", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "p99", title: "p99", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "proxy_cpu", title: "proxy CPU", unit: "µs/call", better: Better::Lower, plotted: true },
    Metric { key: "etcd_cpu", title: "etcd CPU", unit: "µs/call", better: Better::Lower, plotted: true },
    Metric {
        key: "etcd_calls",
        title: "calls at etcd per call",
        unit: "",
        better: Better::Lower,
        plotted: true,
    },
    Metric { key: "idle_cpu", title: "idle CPU", unit: "% of a core", better: Better::Lower, plotted: true },
    Metric { key: "proxy_rss", title: "proxy RSS", unit: "MiB", better: Better::Lower, plotted: false },
    Metric { key: "load_cpu", title: "load CPU", unit: "µs/call", better: Better::Lower, plotted: false },
];

const CLAIMS: &[Claim] = &[
    claim("CPU per read of an owned key", OWNED, "proxy_cpu", THEIRS, 0.5),
    claim("calls at etcd per read of an owned key", OWNED, "etcd_calls", Against::Unit, 0.001),
    claim("calls at etcd per put of a key that nobody owns", PUTS, "etcd_calls", Against::Unit, 1.0),
    claim("CPU of a proxy that owns 10,000 keys and does nothing", IDLE, "idle_cpu", Against::Unit, 1.0),
];

/// Readers over at most `connections` connections.
pub(crate) struct Leasing {
    connections: usize,
    keyspace: Keyspace,
    read: Keys,
}

impl Leasing {
    pub(crate) fn new(connections: usize) -> Self {
        let keyspace = Keyspace::new();
        let read = keyspace.many.iter().take(READ).cloned().collect();
        Self { connections, keyspace, read }
    }

    /// Reads keys until the proxy, if there is one, owns them.
    async fn own(&self, target: &Target, keys: &Keys) -> Result<()> {
        let method = target.method(RANGE)?;
        let mut connection = Connector::new(target.address).connect().await?;
        loop {
            for key in keys.iter() {
                self.keyspace.read(&mut connection, &method, &range(key.clone())).await?;
            }
            if target.proxy.is_none() || owned(target).await? >= keys.len() as i64 {
                return Ok(());
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn reads(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        let in_flight = workload.how_much().parse()?;
        let load = Load { in_flight, connections: in_flight.min(self.connections), pace };
        let reader =
            Reader { keyspace: self.keyspace.clone(), keys: self.read.clone(), range: target.method(RANGE)? };
        let before = read_calls(target).await?;
        let measured = load::run(load, target, reader).await?;
        let calls = read_calls(target).await?.saturating_sub(before) as f64;
        let mut figures = figures(&measured);
        let whole = (pace.warmup + pace.measure).as_secs_f64();
        figures.insert("etcd_calls", calls / (measured.calls_per_second() * whole));
        Ok(figures)
    }

    async fn puts(&self, target: &Target) -> Result<Figures> {
        let put = target.method(PUT)?;
        let mut connection = Connector::new(target.address).connect().await?;
        let (before, usage) = (write_calls(target).await?, Usage::now(target)?);
        for key in self.keyspace.many.iter().cycle().take(WRITES) {
            checked_put(connection.call(&put, &self.keyspace.put(key.clone())).await?)?;
        }
        let spent = Usage::now(target)?.since(&usage);
        let calls = write_calls(target).await?.saturating_sub(before) as f64;
        let per_put = |cpu: Duration| cpu.as_secs_f64() * 1e6 / WRITES as f64;
        let mut figures = Figures::from([
            ("calls", WRITES as f64 / spent.elapsed.as_secs_f64()),
            ("etcd_calls", calls / WRITES as f64),
            ("etcd_cpu", per_put(spent.etcd)),
            ("load_cpu", per_put(spent.load)),
        ]);
        figures.extend(spent.proxy.map(|cpu| ("proxy_cpu", per_put(cpu))));
        Ok(figures)
    }

    async fn idle(&self, target: &Target, pace: Pace) -> Result<Figures> {
        // What the reads have left behind ends outside of the measurement.
        sleep(pace.warmup).await;
        let before = Usage::now(target)?;
        sleep(pace.measure).await;
        let spent = Usage::now(target)?.since(&before);
        let share = |cpu: Duration| cpu.as_secs_f64() * 100.0 / spent.elapsed.as_secs_f64();
        Ok(spent.proxy.map(|cpu| ("idle_cpu", share(cpu))).into_iter().collect())
    }
}

/// How many leasing keys stand in etcd.
async fn owned(target: &Target) -> Result<i64> {
    let member = target.past();
    let mut connection = Connector::new(member.address).connect().await?;
    let request = RangeRequest {
        key: Bytes::from_static(PREFIX.as_bytes()),
        range_end: Bytes::from_static(b"leases0"),
        count_only: true,
        ..RangeRequest::default()
    };
    Ok(RangeResponse::decode(connection.call(&member.method(RANGE)?, &request).await?)?.count)
}

impl Suite for Leasing {
    fn name(&self) -> &'static str {
        "leasing"
    }

    fn description(&self) -> String {
        format!(
            "Keys that a proxy owns; values of {VALUE_BYTES} bytes; both proxies with {}. `owned`: linearizable reads of \
             {READ} keys picked at random, all of them owned before; calls at etcd are the Range and Txn calls that it \
             counts itself, over the reads, of which a few confirm every half second that readers still may read. `put`: \
             {WRITES} puts of keys that nobody owns, one after the other; calls at etcd are Put and Txn. `idle`: {KEYS} \
             keys are owned and nobody asks. Every measurement has an etcd and proxies started for it.",
            FLAGS.join(" ")
        )
    }

    fn counts(&self) -> &'static str {
        "in flight, or keys"
    }

    fn workloads(&self) -> Vec<Workload> {
        [OWNED, PUTS, IDLE].map(|name| Workload { name: name.to_owned() }).into()
    }

    fn metrics(&self) -> &'static [Metric] {
        METRICS
    }

    fn claims(&self) -> &'static [Claim] {
        CLAIMS
    }

    fn fresh(&self) -> bool {
        true
    }

    fn proxy_flags(&self) -> &'static [&'static str] {
        FLAGS
    }

    async fn prepare(&self, etcd: &Target) -> Result<()> {
        self.keyspace.fill(etcd).await
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        let late = |_| "keys were not owned in time";
        match workload.what() {
            "owned" => {
                timeout(LIMIT, self.own(target, &self.read)).await.map_err(late)??;
                self.reads(workload, target, pace).await
            }
            "put" => self.puts(target).await,
            "idle" => {
                timeout(LIMIT, self.own(target, &self.keyspace.many)).await.map_err(late)??;
                self.idle(target, pace).await
            }
            _ => Err(format!("no workload {:?}", workload.name).into()),
        }
    }
}

/// What one reader does over and over.
#[derive(Clone)]
struct Reader {
    keyspace: Keyspace,
    keys: Keys,
    range: Uri,
}

impl Call for Reader {
    async fn call(&mut self, connection: &mut Connection) -> Result<()> {
        let key: Bytes = fastrand::choice(self.keys.iter()).cloned().unwrap_or_default();
        self.keyspace.read(connection, &self.range, &range(key)).await
    }
}
