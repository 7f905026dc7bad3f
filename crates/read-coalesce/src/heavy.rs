//! Which reads were answered with much lately: a light one must not wait for a heavy one.

use std::hash::{BuildHasher, RandomState};

use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};

/// Reads that are remembered, at most. Two that fall on one place forget each other.
const PLACES: usize = 1024;
/// Bytes of values from which on an answer is heavy.
const HEAVY_BYTES: usize = 32 << 10;
/// etcd counts all keys of a range, whatever the limit: this many take it longer than the read itself.
const HEAVY_COUNT: i64 = 4096;

/// What stands for a range of keys. Two ranges may have the same, which makes them only wait for each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fingerprint(u64);

/// The heavy ones, by what their last answer weighed.
#[derive(Debug)]
pub(crate) struct Heavy {
    // Random, so that nobody can choose keys that make others' reads heavy.
    hasher: RandomState,
    places: Vec<Fingerprint>,
}

impl Heavy {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), places: vec![Fingerprint::default(); PLACES] }
    }

    pub(crate) fn fingerprint(&self, read: &RangeRequest) -> Fingerprint {
        // What is empty has zero, and so has nobody else.
        Fingerprint(self.hasher.hash_one((&read.key, &read.range_end)) | 1)
    }

    pub(crate) fn contains(&self, fingerprint: Fingerprint) -> bool {
        self.places.get(place(fingerprint)) == Some(&fingerprint)
    }

    /// Takes note of an answer.
    pub(crate) fn learn(&mut self, fingerprint: Fingerprint, answer: &RangeResponse) {
        let Some(there) = self.places.get_mut(place(fingerprint)) else { return };
        if is_heavy(answer) {
            *there = fingerprint;
        } else if *there == fingerprint {
            *there = Fingerprint::default();
        }
    }
}

fn place(fingerprint: Fingerprint) -> usize {
    // The lowest bit is always set.
    (fingerprint.0 >> 1) as usize % PLACES
}

fn is_heavy(answer: &RangeResponse) -> bool {
    let bytes: usize = answer.kvs.iter().map(|kv| kv.value.len()).sum();
    bytes >= HEAVY_BYTES || answer.count >= HEAVY_COUNT
}

#[cfg(test)]
mod tests {
    use proto_gen::mvccpb::KeyValue;

    use super::*;

    fn read(key: &'static str) -> RangeRequest {
        RangeRequest { key: key.into(), ..RangeRequest::default() }
    }

    fn answer(value_bytes: usize, count: i64) -> RangeResponse {
        let kv = KeyValue { value: vec![b'v'; value_bytes].into(), ..KeyValue::default() };
        RangeResponse { kvs: vec![kv], count, ..RangeResponse::default() }
    }

    #[test]
    fn what_was_heavy_is_known_until_it_is_light_again() {
        let mut heavy = Heavy::new();
        let (large, small) = (heavy.fingerprint(&read("large")), heavy.fingerprint(&read("small")));
        heavy.learn(large, &answer(HEAVY_BYTES, 1));
        heavy.learn(small, &answer(HEAVY_BYTES - 1, 1));
        assert!(heavy.contains(large) && !heavy.contains(small));
        heavy.learn(large, &answer(10, 1));
        assert!(!heavy.contains(large));
    }

    #[test]
    fn a_range_of_many_keys_is_heavy_however_few_are_wanted() {
        let mut heavy = Heavy::new();
        let range = RangeRequest { range_end: "b".into(), limit: 1, ..read("a") };
        let fingerprint = heavy.fingerprint(&range);
        heavy.learn(fingerprint, &answer(1, HEAVY_COUNT));
        assert!(heavy.contains(fingerprint));
        assert!(!heavy.contains(heavy.fingerprint(&read("a"))));
    }

    #[test]
    fn nothing_is_heavy_at_first() {
        let heavy = Heavy::new();
        assert!(["", "a", "b"].into_iter().all(|key| !heavy.contains(heavy.fingerprint(&read(key)))));
    }
}
