//! One reader stops under a flood: what that does to the others and to memory, and what it then still receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::figures::{ended, faults, latency, microseconds};
use crate::suite::Figures;
use crate::target::Target;
use crate::watching::{Clock, Plan, Watchers, Writer, gate};
use crate::{Result, process};

/// What the flood writes while the reader stands still.
pub(super) const FLOOD_BYTES: u64 = 100_000_000;
const VALUE_BYTES: u32 = 64 << 10;
/// What the stopped reader lets pile up on its stream: HTTP/2's default.
const WINDOW: u32 = 65_535;
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn measure(target: &Target, readers: usize, stop: Duration) -> Result<Figures> {
    let clock = Clock::start();
    let mut figures = Figures::new();
    let others = Plan { streams: readers.saturating_sub(1), connections: readers.saturating_sub(1), ..one() };
    let mut reading = Watchers::connect(target, others.connections, clock).await?;
    reading.open(&others).await?;
    let (reads, open) = gate();
    let mut stopping = Watchers::gated(target, WINDOW, clock, open).await?;
    stopping.open(&one()).await?;
    let mut writer = Writer::connect(target, clock, VALUE_BYTES as usize).await?;
    let most = Most::watch(target)?;

    let puts = FLOOD_BYTES / u64::from(VALUE_BYTES);
    let interval = Duration::from_secs_f64(stop.as_secs_f64() / puts as f64);
    writer.puts(puts / 2, interval).await?;
    reading.tally().received(others.watchers(), writer.next()).await?;
    stopping.tally().received(1, writer.next()).await?;
    let before = reading.tally().take_latency();

    reads.send(false)?;
    writer.puts(puts, interval).await?;
    let mut lost = faults(target, reading.tally(), others.watchers(), writer.next()).await?;
    let beside = reading.tally().take_latency();
    // What the reader has not got by now it may only get when it reads again.
    let stood_still = stopping.tally().delivered() < writer.next();
    if let Some(most) = most {
        figures.insert("growth", most.growth() as f64 / f64::from(1 << 20));
    }
    let again = Instant::now();
    reads.send(true)?;
    lost += faults(target, stopping.tally(), 1, writer.next()).await?;
    if !stood_still {
        return Err("the reader was to stop, and did not".into());
    }
    latency(&mut figures, &beside);
    figures.insert("p99_change", microseconds(&beside, 0.99) / microseconds(&before, 0.99).max(1.0));
    figures.insert("all_after", again.elapsed().as_secs_f64() * 1e3);
    figures.insert("lost", lost as f64);
    ended(&mut figures, reading.tally());
    ended(&mut figures, stopping.tally());
    Ok(figures)
}

fn one() -> Plan {
    Plan { connections: 1, streams: 1, per_stream: 1, start_revision: 0, first: 0 }
}

/// The most memory that the proxy had since this began.
struct Most {
    first: u64,
    most: Arc<AtomicU64>,
    _looking: JoinSet<()>,
}

impl Most {
    fn watch(target: &Target) -> Result<Option<Self>> {
        let Some(pid) = target.proxy else { return Ok(None) };
        let first = process::resident(pid)?;
        let most = Arc::new(AtomicU64::new(first));
        let mut looking = JoinSet::new();
        looking.spawn(look(pid, most.clone()));
        Ok(Some(Self { first, most, _looking: looking }))
    }

    fn growth(&self) -> u64 {
        self.most.load(Ordering::Relaxed).saturating_sub(self.first)
    }
}

async fn look(pid: u32, most: Arc<AtomicU64>) {
    while let Ok(now) = process::resident(pid) {
        most.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(LOOK).await;
    }
}
