//! Numbers over the last minutes: a ring of samples for each, taken at a steady pace.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::cell::Unit;
use super::report::Trend;

type Read = Box<dyn Fn() -> f64 + Send + Sync>;

/// The trends as they are now; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Trails(Arc<Mutex<Vec<Trend>>>);

/// Takes the samples. Run it on the runtime that answers pages.
pub struct Sampler {
    trails: Trails,
    period: Duration,
    points: usize,
    sources: Vec<Source>,
}

struct Source {
    id: &'static str,
    label: &'static str,
    unit: Unit,
    read: Read,
    measure: Measure,
    ring: VecDeque<f64>,
}

enum Measure {
    /// The number as it is.
    Level,
    /// How fast it grows in a second, from what it was at the last sample.
    Rate(Option<f64>),
}

impl Sampler {
    /// A sample each `period`, so many `points` kept: memory depends on these and on the number of sources alone.
    pub fn new(period: Duration, points: usize) -> Self {
        Self { trails: Trails::default(), period, points: points.max(1), sources: Vec::new() }
    }

    /// A number that goes up and down.
    #[must_use]
    pub fn level(
        self,
        id: &'static str,
        label: &'static str,
        unit: Unit,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.with(id, label, unit, Box::new(read), Measure::Level)
    }

    /// A number that only grows, shown as how much it grows in a second.
    #[must_use]
    pub fn rate(
        self,
        id: &'static str,
        label: &'static str,
        unit: Unit,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.with(id, label, unit, Box::new(read), Measure::Rate(None))
    }

    fn with(
        mut self,
        id: &'static str,
        label: &'static str,
        unit: Unit,
        read: Read,
        measure: Measure,
    ) -> Self {
        self.sources.push(Source { id, label, unit, read, measure, ring: VecDeque::new() });
        self
    }

    /// Where the trends can be read.
    pub fn trails(&self) -> Trails {
        self.trails.clone()
    }

    /// Samples until it is dropped.
    pub async fn run(mut self) {
        let mut clock = interval(self.period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last: Option<Instant> = None;
        loop {
            let now = clock.tick().await;
            let elapsed = last.map_or(self.period, |last| now.duration_since(last));
            last = Some(now);
            self.sample(elapsed);
        }
    }

    fn sample(&mut self, elapsed: Duration) {
        let (period, points) = (self.period, self.points);
        let trends = self.sources.iter_mut().map(|source| {
            source.sample(elapsed, points);
            source.trend(period)
        });
        let trends = trends.collect();
        *self.trails.0.lock().unwrap_or_else(PoisonError::into_inner) = trends;
    }
}

impl Trails {
    /// All trends, in the order in which they were named.
    pub fn trends(&self) -> Vec<Trend> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Source {
    fn sample(&mut self, elapsed: Duration, points: usize) {
        let now = (self.read)();
        let point = match &mut self.measure {
            Measure::Level => Some(now),
            // A clock that stood still has no rate.
            Measure::Rate(before) => {
                let grown = before.replace(now).map(|before| (now - before).max(0.0));
                grown.filter(|_| !elapsed.is_zero()).map(|grown| grown / elapsed.as_secs_f64())
            }
        };
        self.ring.extend(point);
        while self.ring.len() > points {
            self.ring.pop_front();
        }
    }

    fn trend(&self, period: Duration) -> Trend {
        let points = self.ring.iter().copied().collect();
        Trend { id: self.id, label: self.label, unit: self.unit, period, points }
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sources.iter().map(|source| source.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn levels_are_kept_and_growth_becomes_a_rate() {
        let count = Arc::new(AtomicU64::new(100));
        let read = |count: &Arc<AtomicU64>| {
            let count = Arc::clone(count);
            move || count.load(Ordering::Relaxed) as f64
        };
        let sampler = Sampler::new(Duration::from_secs(5), 3)
            .level("level", "Level", Unit::Count, read(&count))
            .rate("rate", "Rate", Unit::PerSecond, read(&count));
        let trails = sampler.trails();
        assert_eq!(trails.trends(), []);
        tokio::spawn(sampler.run());
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            count.fetch_add(50, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let points: Vec<Vec<f64>> = trails.trends().into_iter().map(|trend| trend.points).collect();
        assert_eq!(points, [vec![200.0, 250.0, 300.0], vec![10.0, 10.0, 10.0]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_counter_that_begins_anew_has_no_rate_below_zero() {
        let mut values = [10.0, 5.0].into_iter();
        let values = Mutex::new(move || values.next().unwrap_or_default());
        let read = move || values.lock().unwrap()();
        let mut sampler = Sampler::new(Duration::from_secs(1), 3).rate("r", "R", Unit::PerSecond, read);
        sampler.sample(Duration::from_secs(1));
        sampler.sample(Duration::from_secs(1));
        assert_eq!(sampler.trails().trends()[0].points, [0.0]);
    }
}
