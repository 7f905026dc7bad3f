//! Keep-alives: how soon a ping is answered, what it costs, and whether leases that are kept alive live.

mod closed;
mod first;
mod kept;
mod one;
mod pings;

use std::time::Duration;

use super::{
    Against, Better, Claim, DIRECT, Figures, Metric, Plot, Suite, Workload, claim, metric, sustained,
};
use crate::Result;
use crate::arguments::Pace;
use crate::target::Target;

/// Client connections that the streams share. Real clients have one each; so many are few enough for any limit of
/// descriptors.
const CONNECTIONS: usize = 100;
const STREAMS: usize = 1000;

const WORKLOADS: [&str; 5] = ["first@1000", "spread@10000", "hammer@1000", "one@10000", "kept@50000"];

const METRICS: &[Metric] = &[
    Metric { plotted: true, ..metric("p50", "p50", "µs", Better::Lower) },
    Metric { plotted: true, ..metric("etcd_cpu", "etcd CPU", "µs/ping", Better::Lower) },
    metric("p99", "p99", "µs", Better::Lower),
    metric("pings", "pings", "1/s", Better::Higher),
    metric("streams", "streams on etcd", "", Better::Lower),
    metric("reached", "pings that reach etcd", "%", Better::Lower),
    metric("lost", "leases lost", "", Better::Lower),
    metric("proxy_cpu", "proxy CPU", "µs/ping", Better::Lower),
    metric("proxy_rss", "proxy RSS", "MiB", Better::Lower),
    metric("load_cpu", "load CPU", "µs/ping", Better::Lower),
];

const CLAIMS: &[Claim] = &[
    claim("keep-alive streams on etcd, 1,000 clients", "first", "streams", Against::Unit, 1.0),
    claim("p50 of the first answer", "first", "p50", DIRECT, 2.0),
    claim(
        "pings a second through one proxy, none of them from memory",
        "spread",
        "pings",
        Against::Unit,
        15_000.0,
    ),
    claim("etcd's CPU per ping, none of them from memory", "spread", "etcd_cpu", DIRECT, 0.7),
    claim("etcd's CPU per ping of a hammered lease", "hammer", "etcd_cpu", DIRECT, 0.7),
    claim("wrong answers to one client of 10,000 leases", "one", "lost", Against::Unit, 0.0),
    claim("leases lost of 50,000 that are kept alive", "kept", "lost", Against::Unit, 0.0),
];

/// Each workload on systems that have served nothing before.
pub(crate) struct Lease {
    keep: Duration,
}

impl Lease {
    /// Leases are kept alive for `keep`.
    pub(crate) fn new(keep: Duration) -> Self {
        Self { keep }
    }

    async fn run(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        let leases = workload.how_much().parse()?;
        match workload.what() {
            "first" => first::measure(target, leases).await,
            "spread" | "hammer" => closed::measure(target, leases, pace).await,
            "one" => one::measure(target, leases, pace).await,
            "kept" => kept::measure(target, leases, self.keep).await,
            _ => Err(format!("no workload {:?}", workload.name).into()),
        }
    }
}

impl Suite for Lease {
    fn name(&self) -> &'static str {
        "lease"
    }

    fn description(&self) -> String {
        format!(
            "Keep-alive pings. `first`: {STREAMS} clients, each with a stream and a lease of its own, open their streams \
             one after the other, {} a second; what counts is the answer to the first ping, from before the stream is \
             opened. `spread` and `hammer`: {STREAMS} streams, each with one ping in flight; of so many leases that each \
             is pinged less than ten times a second and nothing is answered from memory, and of so few that most is. \
             `one`: one client pings all leases on one stream, over and over, as fast as it can. `kept`: leases of {} s on \
             {STREAMS} streams, each pinged three times in its TTL for {} s; lost is what is answered with another TTL \
             or not before the next ping, or is not there at the end. Streams share {CONNECTIONS} connections. \
             Leases are granted on etcd directly. Every measurement has an etcd and proxies started for it.",
            first::PER_SECOND,
            kept::TTL,
            self.keep.as_secs_f64(),
        )
    }

    fn counts(&self) -> &'static str {
        "leases"
    }

    fn workloads(&self) -> Vec<Workload> {
        WORKLOADS.map(|name| Workload { name: name.to_owned() }).into()
    }

    fn metrics(&self) -> &'static [Metric] {
        METRICS
    }

    fn claims(&self) -> &'static [Claim] {
        CLAIMS
    }

    fn plot(&self) -> Plot {
        Plot::Bars
    }

    fn fresh(&self) -> bool {
        true
    }

    fn length(&self, workload: &Workload, pace: Pace) -> Duration {
        let start = Duration::from_secs(3);
        start
            + match workload.what() {
                "kept" => self.keep + kept::COMING,
                _ => pace.warmup + pace.measure + Duration::from_secs(2),
            }
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        sustained(workload, target, self.run(workload, target, pace).await)
    }
}
