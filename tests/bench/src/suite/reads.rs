//! Reads in crowds: what sharing and remembering save etcd, and what they cost a reader alone.

use std::time::Instant;

use bytes::Bytes;
use http::Uri;
use proto_gen::etcdserverpb::RangeRequest;

use super::keyspace::{KEYS, Keys, Keyspace, RANGE, VALUE_BYTES, range};
use super::unary::figures;
use super::{Against, Better, Claim, DIRECT, Figures, Metric, Suite, THEIRS, Workload, claim};
use crate::Result;
use crate::arguments::Pace;
use crate::client::Connection;
use crate::load::{self, Call, Load};
use crate::target::Target;
use crate::watching::read_calls;

const DISTINCT: &str = "distinct@256";
const HOT: &str = "hot@256";
const ALONE: &str = "distinct@1";
const SERIALIZABLE: &str = "serializable@256";
const HOSTILE: &str = "hostile@64";

/// Keys that serializable readers want over and over.
const HOT_KEYS: usize = 100;

const METRICS: &[Metric] = &[
    Metric { key: "calls", title: "reads", unit: "1/s", better: Better::Higher, plotted: true },
    Metric { key: "p50", title: "p50", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "p99", title: "p99", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "proxy_cpu", title: "proxy CPU", unit: "µs/read", better: Better::Lower, plotted: true },
    Metric { key: "etcd_cpu", title: "etcd CPU", unit: "µs/read", better: Better::Lower, plotted: true },
    Metric { key: "both_cpu", title: "CPU of both", unit: "µs/read", better: Better::Lower, plotted: true },
    Metric { key: "etcd_calls", title: "calls at etcd", unit: "1/s", better: Better::Lower, plotted: false },
    Metric { key: "proxy_rss", title: "proxy RSS", unit: "MiB", better: Better::Lower, plotted: false },
    Metric { key: "load_cpu", title: "load CPU", unit: "µs/read", better: Better::Lower, plotted: false },
];

const CLAIMS: &[Claim] = &[
    claim("linearizable reads of many keys a second", DISTINCT, "calls", DIRECT, 1.3),
    claim("etcd's CPU per linearizable read of many keys", DISTINCT, "etcd_cpu", DIRECT, 0.3),
    claim("CPU of proxy and etcd per linearizable read of many keys", DISTINCT, "both_cpu", DIRECT, 0.8),
    claim("linearizable reads of one key a second", HOT, "calls", DIRECT, 1.5),
    claim("etcd's CPU per linearizable read of one key", HOT, "etcd_cpu", DIRECT, 0.1),
    claim("p50 of a reader alone", ALONE, "p50", THEIRS, 1.0),
    claim("CPU per serializable read from memory", SERIALIZABLE, "proxy_cpu", THEIRS, 0.5),
    claim("serializable reads from memory a second", SERIALIZABLE, "calls", THEIRS, 1.3),
    claim("calls that a hostile loop costs etcd", HOSTILE, "etcd_calls", Against::Unit, 100.0),
];

/// Readers over at most `connections` connections.
pub(crate) struct Reads {
    connections: usize,
    keyspace: Keyspace,
    hot: Keys,
}

impl Reads {
    pub(crate) fn new(connections: usize) -> Self {
        let keyspace = Keyspace::new();
        let hot = keyspace.many.iter().take(HOT_KEYS).cloned().collect();
        Self { connections, keyspace, hot }
    }

    fn readers(&self, workload: &Workload, target: &Target) -> Result<Reader> {
        let (keys, serializable) = match workload.what() {
            "distinct" => (&self.keyspace.many, false),
            "hot" => (&self.keyspace.one, false),
            "serializable" => (&self.hot, true),
            "hostile" => (&self.keyspace.one, true),
            _ => return Err(format!("no workload {:?}", workload.name).into()),
        };
        let keyspace = self.keyspace.clone();
        Ok(Reader { keyspace, keys: keys.clone(), serializable, range: target.method(RANGE)? })
    }
}

impl Suite for Reads {
    fn name(&self) -> &'static str {
        "reads"
    }

    fn description(&self) -> String {
        format!(
            "Reads of one key each; values of {VALUE_BYTES} bytes. `distinct`: linearizable, of {KEYS} keys picked at \
             random; `hot`: linearizable, all of one key; `serializable`: of {HOT_KEYS} keys picked at random; `hostile`: \
             serializable, all of one key, by readers that want nothing but load. As many readers as calls in flight, \
             each sending its next read when the last was answered, over one connection per reader but at most {}. \
             Calls at etcd are the Range and Txn calls that it counts itself, from the first read to the last.",
            self.connections
        )
    }

    fn counts(&self) -> &'static str {
        "in flight"
    }

    fn workloads(&self) -> Vec<Workload> {
        [DISTINCT, HOT, ALONE, SERIALIZABLE, HOSTILE].map(|name| Workload { name: name.to_owned() }).into()
    }

    fn metrics(&self) -> &'static [Metric] {
        METRICS
    }

    fn claims(&self) -> &'static [Claim] {
        CLAIMS
    }

    async fn prepare(&self, etcd: &Target) -> Result<()> {
        self.keyspace.fill(etcd).await
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        let in_flight = workload.how_much().parse()?;
        let load = Load { in_flight, connections: in_flight.min(self.connections), pace };
        let (before, started) = (read_calls(target).await?, Instant::now());
        let measured = load::run(load, target, self.readers(workload, target)?).await?;
        let elapsed = started.elapsed().as_secs_f64();
        let calls = read_calls(target).await?.saturating_sub(before) as f64;
        let mut figures = figures(&measured);
        let both = figures.get("proxy_cpu").copied().unwrap_or(0.0)
            + figures.get("etcd_cpu").copied().unwrap_or(0.0);
        figures.extend([("both_cpu", both), ("etcd_calls", calls / elapsed)]);
        Ok(figures)
    }
}

/// What one reader does over and over.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) keyspace: Keyspace,
    pub(super) keys: Keys,
    pub(super) serializable: bool,
    pub(super) range: Uri,
}

impl Call for Reader {
    async fn call(&mut self, connection: &mut Connection) -> Result<()> {
        let key: Bytes = fastrand::choice(self.keys.iter()).cloned().unwrap_or_default();
        let request = RangeRequest { serializable: self.serializable, ..range(key) };
        self.keyspace.read(connection, &self.range, &request).await
    }
}
