//! Figures out of what was counted.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::Result;
use crate::suite::Figures;
use crate::target::{System, Target};
use crate::usage::Spent;
use crate::watching::Tally;

/// How long duplicates may come after everything else.
const TRAILING: Duration = Duration::from_millis(50);

pub(super) fn latency(figures: &mut Figures, histogram: &Histogram<u64>) {
    if !histogram.is_empty() {
        figures.insert("p50", microseconds(histogram, 0.5));
        figures.insert("p99", microseconds(histogram, 0.99));
    }
}

pub(super) fn microseconds(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1e3
}

pub(super) fn cpu(figures: &mut Figures, spent: &Spent, events: u64) -> Result<()> {
    if events == 0 {
        return Err("nothing was delivered".into());
    }
    let per_event = |cpu: Duration| cpu.as_secs_f64() * 1e6 / events as f64;
    figures.insert("etcd_cpu", per_event(spent.etcd));
    figures.insert("load_cpu", per_event(spent.load));
    if let Some(proxy) = spent.proxy {
        figures.insert("cpu", per_event(proxy));
    }
    Ok(())
}

/// Adds the streams that the proxy ended although nobody asked it to.
pub(super) fn ended(figures: &mut Figures, tally: &Tally) {
    *figures.entry("ended").or_default() += tally.lock().ended.streams as f64;
}

/// Waits until so many watchers got so many events each, and then a little for ones that should not come. Returns what was missing
/// or wrong, which only `etcd grpc-proxy` may have any of.
pub(super) async fn faults(target: &Target, tally: &Tally, watchers: u64, events: u64) -> Result<u64> {
    tally.received(watchers, events).await?;
    tokio::time::sleep(TRAILING).await;
    let counts = tally.lock();
    let expected = watchers * events;
    // A gap makes one event wrong and all in it missing; more than expected is as bad as less.
    let faults = counts.wrong + counts.delivered.abs_diff(expected);
    if faults > 0 && target.system != System::Theirs {
        let problem = counts.problem.as_deref().unwrap_or("no event was wrong");
        let delivered = counts.delivered;
        return Err(format!(
            "{delivered} of {expected} events were delivered, {} of them wrongly: {problem}",
            counts.wrong
        )
        .into());
    }
    Ok(faults)
}
