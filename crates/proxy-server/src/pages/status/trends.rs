//! What is shown of the last minutes.

use std::time::Duration;

use admin_http::{Sampler, Unit, cpu_seconds, resident_bytes};

use crate::services::calls::{CODES, Calls, Totals};
use crate::wiring::House;
use crate::worker::WorkerHandle;

const PERIOD: Duration = Duration::from_secs(2);
/// Five minutes.
const POINTS: usize = 150;
/// Who gives up or is told that there is no such thing has not met a fault.
const NO_FAULT: [&str; 2] = ["OK", "Canceled"];

pub(super) fn sampler(house: &House, workers: &[WorkerHandle]) -> Sampler {
    let (calls, failed) = (house.calls.clone(), house.calls.clone());
    let (events, clients, upstream) =
        (house.watch_hub.counters(), house.watch_hub.counters(), house.watch_hub.counters());
    let (received, sent) = (house.clients.clone(), house.clients.clone());
    let workers = workers.to_vec();
    Sampler::new(PERIOD, POINTS)
        .rate("calls", "Calls", Unit::PerSecond, move || sum(&calls, |totals| totals.started))
        .rate("failed_calls", "Failed calls", Unit::PerSecond, move || sum(&failed, failures))
        .rate("events_sent", "Events to clients", Unit::PerSecond, move || {
            events.events_delivered.get() as f64
        })
        .level("client_watchers", "Clients' watchers", Unit::Count, move || {
            clients.client_watchers.get() as f64
        })
        .level("upstream_watchers", "Watchers on etcd", Unit::Count, move || {
            upstream.upstream_watchers.get() as f64
        })
        .level("connections", "Clients' connections", Unit::Count, move || {
            workers.iter().map(WorkerHandle::connections).sum::<usize>() as f64
        })
        .rate("received_bytes", "From clients", Unit::BytesPerSecond, move || {
            received.total().received as f64
        })
        .rate("sent_bytes", "To clients", Unit::BytesPerSecond, move || sent.total().sent as f64)
        .rate("processor", "Processor cores", Unit::Cores, || cpu_seconds().unwrap_or_default())
        .level("memory_bytes", "Memory", Unit::Bytes, || resident_bytes().unwrap_or_default())
}

fn sum(calls: &Calls, count: fn(&Totals) -> u64) -> f64 {
    calls.totals().iter().map(|(_, totals)| count(totals)).sum::<u64>() as f64
}

fn failures(totals: &Totals) -> u64 {
    let by_code = CODES.iter().zip(totals.handled);
    by_code.filter(|(code, _)| !NO_FAULT.contains(code)).map(|(_, handled)| handled).sum()
}
