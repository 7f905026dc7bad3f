//! A histogram of fixed buckets: it keeps numbers, never samples.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::HistogramFn;

/// Prometheus' own default bounds, in seconds.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const NANOS: f64 = 1e9;

/// Observations in seconds, by Prometheus' default bounds. Any number of threads may add to it.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Not yet cumulated; the last is for what is above all bounds.
    counts: [AtomicU64; SECONDS.len() + 1],
    nanos: AtomicU64,
}

/// A histogram at one moment. Sums of histograms are histograms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    counts: [u64; SECONDS.len() + 1],
    nanos: u64,
}

impl Histogram {
    /// Adds one observation.
    pub fn observe(&self, took: Duration) {
        self.add(took.as_secs_f64(), u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    fn add(&self, seconds: f64, nanos: u64) {
        let place = SECONDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
            self.nanos.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    /// Adds what is in here to `buckets`.
    pub fn add_to(&self, buckets: &mut Buckets) {
        for (sum, count) in buckets.counts.iter_mut().zip(&self.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
        buckets.nanos = buckets.nanos.wrapping_add(self.nanos.load(Ordering::Relaxed));
    }
}

/// The facade's histograms are in seconds too.
impl HistogramFn for Histogram {
    fn record(&self, seconds: f64) {
        self.add(seconds, (seconds * NANOS) as u64);
    }
}

impl Buckets {
    /// The bounds with the number of observations up to each, cumulated; the last bound is infinite.
    pub fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = SECONDS.iter().copied().chain([f64::INFINITY]);
        let sums = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        bounds.zip(sums)
    }

    /// The sum of all observations in seconds.
    pub fn sum(&self) -> f64 {
        self.nanos as f64 / NANOS
    }

    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for millis in [5, 6, 10_000, 10_001] {
            histogram.observe(Duration::from_millis(millis));
        }
        let mut buckets = Buckets::default();
        histogram.add_to(&mut buckets);
        let counts: Vec<u64> = buckets.cumulated().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4]);
        assert_eq!((buckets.count(), buckets.sum()), (4, 20.012));
    }
}
