//! The TCP gateway beside etcd's and HAProxy: small requests, and answers in bulk.

use bytes::Bytes;
use http::Uri;
use prost::Message as _;
use proto_gen::etcdserverpb::{PutRequest, RangeRequest, RangeResponse};

use super::keyspace::{PUT, RANGE, checked_put, range};
use super::unary::{Unary, figures};
use super::{Better, Claim, Figures, Metric, Suite, THEIRS, Workload, claim};
use crate::Result;
use crate::arguments::Pace;
use crate::client::{Connection, Connector};
use crate::load::{self, Call, Load};
use crate::target::{System, Target};

/// As much as etcd takes in one value.
const BULK_BYTES: usize = 1 << 20;
const BULK: &[u8] = b"bench/bulk";

const METRICS: &[Metric] = &[
    Metric { key: "calls", title: "calls", unit: "1/s", better: Better::Higher, plotted: true },
    Metric { key: "throughput", title: "bulk", unit: "MB/s", better: Better::Higher, plotted: true },
    Metric { key: "p50", title: "p50", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "p99", title: "p99", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "proxy_cpu", title: "gateway CPU", unit: "µs/call", better: Better::Lower, plotted: true },
    Metric { key: "cpu_per_gb", title: "gateway CPU", unit: "s/GB", better: Better::Lower, plotted: true },
    Metric { key: "proxy_rss", title: "gateway RSS", unit: "MiB", better: Better::Lower, plotted: true },
    Metric { key: "etcd_cpu", title: "etcd CPU", unit: "µs/call", better: Better::Lower, plotted: false },
    Metric { key: "load_cpu", title: "load CPU", unit: "µs/call", better: Better::Lower, plotted: false },
];

const CLAIMS: &[Claim] = &[
    claim("throughput of bulk", "bulk", "throughput", THEIRS, 1.0),
    claim("CPU per GB of bulk", "bulk", "cpu_per_gb", THEIRS, 0.7),
    claim("small requests", "mixed-many", "calls", THEIRS, 1.0),
];

/// The mix of the suite `unary`, and one large value read again and again.
pub(crate) struct Gateway {
    connections: usize,
    small: Unary,
}

impl Gateway {
    pub(crate) fn new(connections: usize) -> Self {
        Self { connections, small: Unary::new(connections) }
    }
}

impl Suite for Gateway {
    fn name(&self) -> &'static str {
        "gateway"
    }

    fn description(&self) -> String {
        let haproxy = match System::all().contains(&System::Haproxy) {
            true => " HAProxy runs in TCP mode with `option splice-auto` and a thread for each core.",
            false => "",
        };
        format!(
            "TCP gateways in front of etcd. `mixed-many`: reads and writes (one in 10) of 10,000 keys, as in the suite \
             `unary`. `bulk`: reads of one value of {BULK_BYTES} bytes. Over one connection per caller but at most {}.\
             {haproxy}",
            self.connections
        )
    }

    fn counts(&self) -> &'static str {
        "in flight"
    }

    fn workloads(&self) -> Vec<Workload> {
        let names = ["mixed-many@1", "mixed-many@8", "mixed-many@256", "bulk@1", "bulk@8"];
        names.map(|name| Workload { name: name.to_owned() }).into()
    }

    fn metrics(&self) -> &'static [Metric] {
        METRICS
    }

    fn claims(&self) -> &'static [Claim] {
        CLAIMS
    }

    async fn prepare(&self, etcd: &Target) -> Result<()> {
        self.small.prepare(etcd).await?;
        let mut connection = Connector::new(etcd.address).connect().await?;
        let value = Bytes::from(vec![b'b'; BULK_BYTES]);
        let request = PutRequest { key: Bytes::from_static(BULK), value, ..PutRequest::default() };
        checked_put(connection.call(&etcd.method(PUT)?, &request).await?).map(drop)
    }

    async fn before_round(&self, etcd: &Target) -> Result<()> {
        self.small.before_round(etcd).await
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        if workload.what() != "bulk" {
            return self.small.measure(workload, target, pace).await;
        }
        let in_flight: usize = workload.how_much().parse()?;
        let load = Load { in_flight, connections: in_flight.min(self.connections), pace };
        let call = BulkRead { method: target.method(RANGE)?, request: range(Bytes::from_static(BULK)) };
        let measured = load::run(load, target, call).await?;
        let mut figures = figures(&measured);
        let bytes_per_call = BULK_BYTES as f64;
        figures.insert("throughput", measured.calls_per_second() * bytes_per_call / 1e6);
        if let Some(gateway) = &measured.proxy {
            // Microseconds a call over bytes a call, as seconds over gigabytes.
            figures.insert("cpu_per_gb", measured.us_per_call(gateway.cpu) * 1e3 / bytes_per_call);
        }
        Ok(figures)
    }
}

#[derive(Clone)]
struct BulkRead {
    method: Uri,
    request: RangeRequest,
}

impl Call for BulkRead {
    async fn call(&mut self, connection: &mut Connection) -> Result<()> {
        let answer = RangeResponse::decode(connection.call(&self.method, &self.request).await?)?;
        match answer.kvs.as_slice() {
            [found] if found.value.len() == BULK_BYTES => Ok(()),
            other => Err(format!("a read of bulk was answered with {} keys", other.len()).into()),
        }
    }
}
