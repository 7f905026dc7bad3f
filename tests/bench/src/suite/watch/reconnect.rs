//! All watchers but one lose their connections and come back at a recent revision.

use std::time::Duration;

use super::VALUE_BYTES;
use super::fanout::shared;
use super::figures::{cpu, ended, faults};
use crate::Result;
use crate::suite::Figures;
use crate::target::Target;
use crate::usage::Usage;
use crate::watching::{Clock, Peak, Plan, Watchers, Writer, watch_requests};

/// How many revisions they missed.
pub(super) const BEHIND: u64 = 20;
/// Puts before those.
const BEFORE: u64 = 20;
/// Between the end of the old connections and the new ones.
const AWAY: Duration = Duration::from_millis(300);

pub(super) async fn measure(target: &Target, count: usize) -> Result<Figures> {
    let clock = Clock::start();
    let mut figures = Figures::new();
    // The one that stays, as in a fleet of which not everybody is cut off.
    let mut staying = Watchers::connect(target, 1, clock).await?;
    staying.open(&Plan { streams: 1, per_stream: 1, ..shared(1) }).await?;
    let plan = shared(count);
    let mut leaving = Watchers::connect(target, plan.connections, clock).await?;
    leaving.open(&plan).await?;
    let mut writer = Writer::connect(target, clock, VALUE_BYTES).await?;
    writer.puts(BEFORE, Duration::ZERO).await?;
    faults(target, leaving.tally(), plan.watchers(), BEFORE).await?;
    drop(leaving);
    let first = writer.next();
    let start_revision = writer.put().await?;
    writer.puts(BEHIND - 1, Duration::ZERO).await?;
    tokio::time::sleep(AWAY).await;

    let requests = watch_requests(target).await?;
    let peak = Peak::watch(*target);
    let back = Plan { start_revision, first, ..plan };
    let before = Usage::now(target)?;
    let mut returning = Watchers::connect(target, back.connections, clock).await?;
    returning.ask(&back).await?;
    returning.tally().received(back.watchers(), BEHIND).await?;
    let spent = Usage::now(target)?.since(&before);
    cpu(&mut figures, &spent, returning.tally().delivered())?;
    // Nothing may be missing where what they missed ends and what is new begins.
    writer.put().await?;
    let mut lost = faults(target, returning.tally(), back.watchers(), BEHIND + 1).await?;
    lost += faults(target, staying.tally(), 1, writer.next()).await?;

    figures.insert("all_after", spent.elapsed.as_secs_f64() * 1e3);
    figures.insert("watchers", peak.most() as f64);
    figures.insert("requests", watch_requests(target).await?.saturating_sub(requests) as f64);
    figures.insert("lost", lost as f64);
    ended(&mut figures, returning.tally());
    Ok(figures)
}
