//! Watchers of one key: what they cost, how long an event takes to reach them, and what happens when they burst in,
//! stop reading or come back.

mod burst;
mod fanout;
mod figures;
mod reconnect;
mod stopped;

use std::time::Duration;

use super::{
    Against, Better, Claim, Figures, Metric, Plot, Suite, THEIRS, Workload, claim, metric, sustained,
};
use crate::Result;
use crate::arguments::Pace;
use crate::target::Target;

/// The bytes of a value, where a workload does not need larger ones.
const VALUE_BYTES: usize = 256;
/// Watchers of one shared stream.
const PER_STREAM: usize = 100;

const SHARED: &str = "shared";
const WORKLOADS: [&str; 9] = [
    "streams@10000",
    "shared@1000",
    "shared@5000",
    "shared@10000",
    "shared@50000",
    "burst@1000",
    "burst-past@1000",
    "stopped@5",
    "reconnect@10000",
];

const METRICS: &[Metric] = &[
    Metric { plotted: true, ..metric("cpu", "proxy CPU", "µs/event", Better::Lower) },
    metric("p99_change", "p99 beside a stopped one", "× before", Better::Lower),
    metric("all_after", "all delivered after", "ms", Better::Lower),
    metric("p50", "p50", "µs", Better::Lower),
    metric("p99", "p99", "µs", Better::Lower),
    metric("watchers", "watchers on etcd", "", Better::Lower),
    metric("requests", "watch requests to etcd", "", Better::Lower),
    metric("created", "created", "1/s", Better::Higher),
    metric("rss", "proxy RSS", "KiB/watcher", Better::Lower),
    metric("growth", "proxy RSS growth", "MiB", Better::Lower),
    metric("lost", "lost or wrong", "events", Better::Lower),
    metric("ended", "ended by the proxy", "streams", Better::Lower),
    metric("etcd_cpu", "etcd CPU", "µs/event", Better::Lower),
    metric("load_cpu", "load CPU", "µs/event", Better::Lower),
];

const CLAIMS: &[Claim] = &[
    claim("watchers on etcd, a stream for each watcher", "streams", "watchers", Against::Unit, 2.0),
    claim("watchers on etcd, shared streams", SHARED, "watchers", Against::Unit, 2.0),
    claim("CPU per delivered event, a stream for each watcher", "streams", "cpu", THEIRS, 0.4),
    claim("CPU per delivered event, shared streams", "shared@10000", "cpu", THEIRS, 0.4),
    claim("p99 from put to receipt, a stream for each watcher", "streams", "p99", THEIRS, 0.6),
    claim("p99 from put to receipt, shared streams", "shared@10000", "p99", THEIRS, 0.6),
    claim("resident memory per idle stream", "streams", "rss", Against::Unit, 10.0),
    claim("resident memory per watcher of a shared stream", "shared@10000", "rss", Against::Unit, 0.5),
    claim("watchers created a second, shared streams", "shared@10000", "created", Against::Unit, 30_000.0),
    // Puts through a proxy wait for its watchers themselves, so that nothing queues; those are shown without a claim.
    claim("p99 of 300 puts back to back", "burst-past", "p99", THEIRS, 0.1),
    claim("p99 of the others beside a stopped reader", "stopped", "p99_change", Against::Unit, 1.2),
    // 64 MiB of history, and as much as half of that again for everything else.
    claim("memory growth beside a stopped reader", "stopped", "growth", Against::Unit, 96.0),
    claim("events that a stopped reader or the others lose", "stopped", "lost", Against::Unit, 0.0),
    claim("watchers on etcd, at their most, when all reconnect", "reconnect", "watchers", Against::Unit, 6.0),
    claim("CPU per event, 50,000 watchers", "shared@50000", "cpu", Against::Own("shared@1000"), 1.25),
];

/// Each workload on systems that have served nothing before.
pub(crate) struct Watch {
    stop: Duration,
}

impl Watch {
    /// The reader that stops does so for `stop`.
    pub(crate) fn new(stop: Duration) -> Self {
        Self { stop }
    }

    async fn run(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        let watchers = workload.how_much().parse()?;
        match workload.what() {
            "streams" => fanout::measure(target, fanout::streams(watchers), pace).await,
            SHARED => fanout::measure(target, fanout::shared(watchers), pace).await,
            "burst" => burst::measure(target, target, watchers).await,
            "burst-past" => burst::measure(target, &target.past(), watchers).await,
            "stopped" => stopped::measure(target, watchers, self.stop).await,
            "reconnect" => reconnect::measure(target, watchers).await,
            _ => Err(format!("no workload {:?}", workload.name).into()),
        }
    }
}

impl Suite for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn description(&self) -> String {
        format!(
            "Watchers of one key. `streams`: a stream for each, 100 streams on a connection; `shared`: {PER_STREAM} \
             watchers on a stream, 10 streams on a connection, their creates sent back to back. Both get \
             puts of {VALUE_BYTES} bytes at a steady rate that makes {} and {} events a second. `burst`: a stream for each, {} \
             puts back to back through the system, with `burst-past` put to etcd itself. `stopped`: one reader, on a \
             connection of its own, stops for {} s of a flood of {} MB, while the others read on; `reconnect`: all but \
             one lose their connections and come back {} revisions ago. Every measurement has an etcd and proxies \
             started for it. Latencies are from before the put to when the event was read, of every event; every \
             watcher must get every event once and in order, or the run fails; only of `etcd grpc-proxy` is it shown \
             instead how many it loses, and how many streams it ends. CPU per event is that of all threads from the \
             first put to the last receipt.",
            fanout::STREAMS_RATE,
            fanout::SHARED_RATE,
            burst::PUTS,
            self.stop.as_secs_f64(),
            stopped::FLOOD_BYTES / 1_000_000,
            reconnect::BEHIND,
        )
    }

    fn counts(&self) -> &'static str {
        "watchers"
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
        Plot::Lines { what: SHARED, metric: "cpu" }
    }

    fn fresh(&self) -> bool {
        true
    }

    fn length(&self, workload: &Workload, pace: Pace) -> Duration {
        let start = Duration::from_secs(2);
        let watchers = workload.how_much().parse().unwrap_or(0);
        start
            + match workload.what() {
                "stopped" => self.stop.mul_f64(1.5) + Duration::from_secs(3),
                "streams" => fanout::length(&fanout::streams(watchers), pace),
                SHARED => fanout::length(&fanout::shared(watchers), pace),
                _ => Duration::from_secs(4),
            }
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        sustained(workload, target, self.run(workload, target, pace).await)
    }
}
