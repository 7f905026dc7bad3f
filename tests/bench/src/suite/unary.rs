//! Single calls: linearizable reads, writes and a mix of both, of one key and of many.

use bytes::Bytes;
use http::Uri;
use prost::Message;
use proto_gen::etcdserverpb::{CompactionRequest, CompactionResponse, RangeResponse};

use super::keyspace::{KEYS, Keys, Keyspace, PUT, RANGE, VALUE_BYTES, checked_put, range};
use super::{Better, Claim, Figures, Metric, Suite, THEIRS, Workload, claim};
use crate::Result;
use crate::arguments::Pace;
use crate::client::{Connection, Connector};
use crate::load::{self, Call, Load, Measured};
use crate::target::Target;

const IN_FLIGHT: [usize; 3] = [1, 8, 256];
/// One in so many calls of the mixed workloads writes.
const WRITE_EVERY: usize = 10;

const COMPACT: &str = "/etcdserverpb.KV/Compact";

pub(super) const METRICS: &[Metric] = &[
    Metric { key: "calls", title: "calls", unit: "1/s", better: Better::Higher, plotted: true },
    Metric { key: "p50", title: "p50", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "p99", title: "p99", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "proxy_cpu", title: "proxy CPU", unit: "µs/call", better: Better::Lower, plotted: true },
    Metric { key: "etcd_cpu", title: "etcd CPU", unit: "µs/call", better: Better::Lower, plotted: true },
    Metric { key: "proxy_rss", title: "proxy RSS", unit: "MiB", better: Better::Lower, plotted: true },
    Metric { key: "load_cpu", title: "load CPU", unit: "µs/call", better: Better::Lower, plotted: false },
];

const CLAIMS: &[Claim] = &[
    claim("CPU per forwarded unary call, 256 in flight", "256", "proxy_cpu", THEIRS, 0.45),
    claim("CPU per forwarded unary call, 8 in flight", "8", "proxy_cpu", THEIRS, 0.55),
    claim("p50 with one call in flight", "1", "p50", THEIRS, 0.85),
];

/// Reads, writes and both, at 1, 8 and 256 in flight, over at most `connections` connections.
pub(crate) struct Unary {
    connections: usize,
    keyspace: Keyspace,
}

impl Unary {
    pub(crate) fn new(connections: usize) -> Self {
        Self { connections, keyspace: Keyspace::new() }
    }

    fn calls(&self, workload: &Workload, target: &Target) -> Result<UnaryCalls> {
        let unknown = || format!("no workload {:?}", workload.name);
        let (what, keys) = workload.what().split_once('-').ok_or_else(unknown)?;
        let mix = match what {
            "reads" => Mix::Reads,
            "writes" => Mix::Writes,
            "mixed" => Mix::Both,
            _ => return Err(unknown().into()),
        };
        let keys = if keys == "one" { &self.keyspace.one } else { &self.keyspace.many };
        UnaryCalls::new(target, &self.keyspace, keys.clone(), mix)
    }
}

impl Suite for Unary {
    fn name(&self) -> &'static str {
        "unary"
    }

    fn description(&self) -> String {
        format!(
            "Linearizable reads of one key, writes of one key and a mix of both (one write in {WRITE_EVERY}), each of one \
             hot key and of {KEYS} distinct ones picked at random; values of {VALUE_BYTES} bytes. As many callers as \
             calls in flight, each sending its next call when the last was answered, over one connection per caller \
             but at most {}.",
            self.connections
        )
    }

    fn counts(&self) -> &'static str {
        "in flight"
    }

    fn workloads(&self) -> Vec<Workload> {
        let kinds = ["reads-one", "reads-many", "writes-one", "writes-many", "mixed-one", "mixed-many"];
        let at =
            |kind: &'static str| IN_FLIGHT.map(|in_flight| Workload { name: format!("{kind}@{in_flight}") });
        kinds.into_iter().flat_map(at).collect()
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

    /// Throws old revisions away, and waits until that is done, so that no round works on a larger store than the
    /// first and none has the clearing up of the last in it.
    async fn before_round(&self, etcd: &Target) -> Result<()> {
        let connector = Connector::new(etcd.address);
        let mut connection = connector.connect().await?;
        let answer = connection.call(&etcd.method(RANGE)?, &range(Bytes::from_static(b"bench/hot"))).await?;
        let revision = RangeResponse::decode(answer)?.header.map_or(0, |header| header.revision);
        // Compacting the same revision twice is an error.
        if revision > 1 && self.put_hot(etcd, &mut connection).await? > revision {
            let request = CompactionRequest { revision, physical: true };
            CompactionResponse::decode(connection.call(&etcd.method(COMPACT)?, &request).await?)?;
        }
        Ok(())
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        let in_flight = workload.how_much().parse()?;
        let load = Load { in_flight, connections: in_flight.min(self.connections), pace };
        let measured = load::run(load, target, self.calls(workload, target)?).await?;
        Ok(figures(&measured))
    }
}

impl Unary {
    /// Writes every key once more, under a prefix.
    pub(super) async fn fill_under(&self, prefix: &str, etcd: &Target) -> Result<()> {
        self.keyspace.under(prefix).fill(etcd).await
    }

    async fn put_hot(&self, etcd: &Target, connection: &mut Connection) -> Result<i64> {
        let mut calls = UnaryCalls::new(etcd, &self.keyspace, self.keyspace.one.clone(), Mix::Writes)?;
        calls.put(connection, Bytes::from_static(b"bench/hot")).await
    }
}

/// What one caller does over and over.
#[derive(Clone)]
struct UnaryCalls {
    keyspace: Keyspace,
    keys: Keys,
    mix: Mix,
    range: Uri,
    put: Uri,
}

#[derive(Debug, Clone, Copy)]
enum Mix {
    Reads,
    Writes,
    Both,
}

impl UnaryCalls {
    fn new(target: &Target, keyspace: &Keyspace, keys: Keys, mix: Mix) -> Result<Self> {
        let keyspace = keyspace.clone();
        Ok(Self { keyspace, keys, mix, range: target.method(RANGE)?, put: target.method(PUT)? })
    }

    fn writes_now(&self) -> bool {
        match self.mix {
            Mix::Reads => false,
            Mix::Writes => true,
            Mix::Both => fastrand::usize(..WRITE_EVERY) == 0,
        }
    }

    async fn read(&mut self, connection: &mut Connection, key: Bytes) -> Result<()> {
        self.keyspace.read(connection, &self.range, &range(key)).await
    }

    /// The revision that the write made.
    async fn put(&mut self, connection: &mut Connection, key: Bytes) -> Result<i64> {
        checked_put(connection.call(&self.put, &self.keyspace.put(key)).await?)
    }
}

impl Call for UnaryCalls {
    async fn call(&mut self, connection: &mut Connection) -> Result<()> {
        let key = fastrand::choice(self.keys.iter()).cloned().unwrap_or_default();
        if self.writes_now() {
            self.put(connection, key).await.map(drop)
        } else {
            self.read(connection, key).await
        }
    }
}

/// What every suite of single calls measures.
pub(super) fn figures(measured: &Measured) -> Figures {
    let mut figures = Figures::from([
        ("calls", measured.calls_per_second()),
        ("p50", measured.latency_us(0.5)),
        ("p99", measured.latency_us(0.99)),
        ("etcd_cpu", measured.us_per_call(measured.etcd_cpu)),
        ("load_cpu", measured.us_per_call(measured.load_cpu)),
    ]);
    if let Some(proxy) = &measured.proxy {
        figures.insert("proxy_cpu", measured.us_per_call(proxy.cpu));
        figures.insert("proxy_rss", proxy.resident_mib());
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_every_kind_at_every_load() {
        let names: Vec<String> =
            Unary::new(8).workloads().into_iter().map(|workload| workload.name).collect();
        assert_eq!(names.len(), 18);
        assert!(names.contains(&"reads-many@256".to_owned()));
        assert!(names.contains(&"mixed-one@1".to_owned()));
    }
}
