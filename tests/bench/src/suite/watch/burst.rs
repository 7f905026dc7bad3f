//! Puts back to back: what watchers wait when events come faster than they are handed out.

use super::VALUE_BYTES;
use super::fanout::streams;
use super::figures::{cpu, ended, faults, latency};
use crate::Result;
use crate::suite::Figures;
use crate::target::Target;
use crate::usage::Usage;
use crate::watching::{Clock, Watchers, Writer};

pub(super) const PUTS: u64 = 300;

/// Watches on `target` and writes through `into`.
pub(super) async fn measure(target: &Target, into: &Target, watchers: usize) -> Result<Figures> {
    let (clock, plan) = (Clock::start(), streams(watchers));
    let mut figures = Figures::new();
    let mut watchers = Watchers::connect(target, plan.connections, clock).await?;
    watchers.open(&plan).await?;
    let mut writer = Writer::connect(into, clock, VALUE_BYTES).await?;
    writer.put().await?;
    let tally = watchers.tally();
    tally.received(plan.watchers(), 1).await?;
    tally.take_latency();

    let delivered = tally.delivered();
    let before = Usage::now(target)?;
    writer.puts(PUTS, std::time::Duration::ZERO).await?;
    tally.received(plan.watchers(), writer.next()).await?;
    let spent = Usage::now(target)?.since(&before);
    cpu(&mut figures, &spent, tally.delivered() - delivered)?;
    ended(&mut figures, tally);
    latency(&mut figures, &tally.take_latency());
    figures.insert("all_after", spent.elapsed.as_secs_f64() * 1e3);
    figures.insert("lost", faults(target, tally, plan.watchers(), writer.next()).await? as f64);
    Ok(figures)
}
