//! A storm of equal lines: the first hundred of a second are written, then every hundredth, as etcd's logger does it.

use std::hash::BuildHasher as _;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tracing::Metadata;

const FIRST: u64 = 100;
const EACH: u64 = 100;
/// Lines that are told apart; more share a count. etcd's logger has as many for each level.
const PLACES: usize = 4096;

/// Counts the lines of the present second by where in the program they come from.
#[derive(Debug)]
pub(super) struct Sampling(Box<[Place]>);

#[derive(Debug, Default)]
struct Place {
    second: AtomicI64,
    count: AtomicU64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Place::default()).collect())
    }
}

impl Sampling {
    /// Whether this line, which comes in this second since 1970, is written.
    pub(super) fn takes(&self, metadata: &Metadata<'_>, second: i64) -> bool {
        let hash = BuildHasherDefault::<DefaultHasher>::new().hash_one(metadata.callsite());
        let place = self.0.get(hash as usize % PLACES);
        place.is_none_or(|place| is_sampled(place.next(second)))
    }
}

impl Place {
    /// The number of the line in its second. Where two threads begin a second at once, one of them may begin it twice.
    fn next(&self, second: i64) -> u64 {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.count.store(0, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }
}

fn is_sampled(number: u64) -> bool {
    number <= FIRST || (number - FIRST).is_multiple_of(EACH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hundred_of_a_second_are_written_then_every_hundredth() {
        let place = Place::default();
        let written: Vec<u64> =
            (0..350).map(|_| place.next(7)).filter(|number| is_sampled(*number)).collect();
        assert_eq!(written.len(), 102);
        assert_eq!(written[99..], [100, 200, 300]);
        assert_eq!(place.next(8), 1);
    }
}
