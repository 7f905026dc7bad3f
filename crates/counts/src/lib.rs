//! Numbers that anybody may read at any time: what a crate counts about itself, before a metrics library gives it a name.
//!
//! A [`Count`] is one atomic number. A crate has a struct of them with a sentence on each, changes them as it goes, and
//! hands the struct out behind an `Arc`; whoever shows metrics reads it when somebody asks.
//!
//! What this room refuses: names, labels, buckets, and an order between two numbers. Each is right by itself; two that
//! are read one after the other may be from different moments.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number: a gauge where it goes down too, a counter where it only grows. It wraps around where it leaves 64 bits.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The number now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// So many less, of those that were added before.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// This many, whatever it was.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_between_threads() {
        let (counter, gauge) = (Count::default(), Count::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        counter.increment();
                        gauge.add(3);
                        gauge.sub(2);
                    }
                });
            }
        });
        assert_eq!((counter.get(), gauge.get()), (4_000, 4_000));
        gauge.set(7);
        assert_eq!(gauge.get(), 7);
    }
}
