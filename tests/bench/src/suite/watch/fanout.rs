//! Many watchers of one key at a steady rate of events: cost, latency, memory and how fast they are created.

use std::time::{Duration, Instant};

use super::figures::{cpu, ended, faults, latency};
use super::{PER_STREAM, VALUE_BYTES};
use crate::arguments::Pace;
use crate::suite::Figures;
use crate::target::Target;
use crate::usage::Usage;
use crate::watching::{Clock, Plan, Watchers, Writer, watchers_on};
use crate::{Result, process};

/// Events a second that all systems sustain, where each has a frame of its own and where frames hold many.
pub(super) const STREAMS_RATE: u32 = 20_000;
pub(super) const SHARED_RATE: u32 = 40_000;

const STREAMS_PER_CONNECTION: usize = 100;
const SHARED_STREAMS_PER_CONNECTION: usize = 10;
const LEAST_PUTS: u64 = 5;
/// Puts before the measurement, after which every buffer has its size.
const WARM_UP: u64 = 2;
/// Between two looks at a process's memory that must agree.
const SETTLE: Duration = Duration::from_millis(150);
const AGREE: u64 = 256 << 10;

/// A stream for each watcher.
pub(super) fn streams(watchers: usize) -> Plan {
    let connections = watchers.div_ceil(STREAMS_PER_CONNECTION);
    Plan { connections, streams: watchers, per_stream: 1, start_revision: 0, first: 0 }
}

pub(super) fn shared(watchers: usize) -> Plan {
    let streams = watchers.div_ceil(PER_STREAM);
    let connections = streams.div_ceil(SHARED_STREAMS_PER_CONNECTION);
    Plan { connections, streams, per_stream: PER_STREAM, start_revision: 0, first: 0 }
}

/// How long one measurement takes, about.
pub(super) fn length(plan: &Plan, pace: Pace) -> Duration {
    let opening = Duration::from_secs_f64(plan.watchers() as f64 / 15_000.0);
    let puts = u32::try_from(puts(plan, pace)).unwrap_or(u32::MAX);
    opening + interval(plan).saturating_mul(puts) + SETTLE * 4
}

/// Between two puts, so that any number of watchers gets equally many events a second.
fn interval(plan: &Plan) -> Duration {
    let rate = if plan.per_stream == 1 { STREAMS_RATE } else { SHARED_RATE };
    Duration::from_secs_f64(plan.watchers() as f64 / f64::from(rate))
}

fn puts(plan: &Plan, pace: Pace) -> u64 {
    LEAST_PUTS.max((pace.measure.as_secs_f64() / interval(plan).as_secs_f64()) as u64)
}

pub(super) async fn measure(target: &Target, plan: Plan, pace: Pace) -> Result<Figures> {
    let clock = Clock::start();
    let mut figures = Figures::new();
    let mut watchers = Watchers::connect(target, plan.connections, clock).await?;
    open(target, &plan, &mut watchers, &mut figures).await?;
    let mut writer = Writer::connect(target, clock, VALUE_BYTES).await?;
    for _ in 0..WARM_UP {
        writer.put().await?;
        watchers.tally().received(plan.watchers(), writer.next()).await?;
    }
    deliver(target, &plan, &watchers, &mut writer, pace, &mut figures).await?;
    Ok(figures)
}

/// Opens everything: how fast, with how many watchers on etcd, for how much memory.
async fn open(target: &Target, plan: &Plan, watchers: &mut Watchers, figures: &mut Figures) -> Result<()> {
    let before = settled(target).await?;
    let began = Instant::now();
    watchers.open(plan).await?;
    figures.insert("created", plan.watchers() as f64 / began.elapsed().as_secs_f64());
    if let (Some(before), Some(after)) = (before, settled(target).await?) {
        figures.insert("rss", after.saturating_sub(before) as f64 / 1024.0 / plan.watchers() as f64);
    }
    figures.insert("watchers", watchers_on(target).await? as f64);
    Ok(())
}

async fn deliver(
    target: &Target,
    plan: &Plan,
    watchers: &Watchers,
    writer: &mut Writer,
    pace: Pace,
    figures: &mut Figures,
) -> Result<()> {
    let tally = watchers.tally();
    let delivered = tally.delivered();
    tally.take_latency();
    let before = Usage::now(target)?;
    writer.puts(puts(plan, pace), interval(plan)).await?;
    tally.received(plan.watchers(), writer.next()).await?;
    let spent = Usage::now(target)?.since(&before);
    cpu(figures, &spent, tally.delivered() - delivered)?;
    ended(figures, tally);
    latency(figures, &tally.take_latency());
    figures.insert("lost", faults(target, tally, plan.watchers(), writer.next()).await? as f64);
    Ok(())
}

/// The proxy's resident memory, once it does not change any more.
async fn settled(target: &Target) -> Result<Option<u64>> {
    let Some(pid) = target.proxy else { return Ok(None) };
    let mut last = process::resident(pid)?;
    for _ in 0..20 {
        tokio::time::sleep(SETTLE).await;
        let now = process::resident(pid)?;
        if now.abs_diff(last) <= AGREE {
            return Ok(Some(now));
        }
        last = now;
    }
    Ok(Some(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { warmup: Duration::ZERO, measure: Duration::from_secs(2) };

    #[test]
    fn the_rate_of_events_is_the_same_for_any_number_of_watchers() {
        for (plan, milliseconds, count) in
            [(shared(1000), 25, 80), (shared(10_000), 250, 8), (streams(10_000), 500, LEAST_PUTS)]
        {
            assert_eq!((interval(&plan), puts(&plan, PACE)), (Duration::from_millis(milliseconds), count));
        }
        assert_eq!(puts(&shared(50_000), PACE), LEAST_PUTS);
    }

    #[test]
    fn plans_have_as_many_watchers_as_asked_for() {
        for (plan, connections) in [(streams(10_000), 100), (shared(10_000), 10), (shared(50_000), 50)] {
            assert_eq!(plan.connections, connections);
        }
        assert_eq!((streams(10_000).watchers(), shared(50_000).watchers()), (10_000, 50_000));
    }
}
