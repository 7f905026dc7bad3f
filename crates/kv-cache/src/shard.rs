//! `Shard`: a part of what is kept, and the flights of the same part. Plain data behind one lock.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use lru::LruCache;

use crate::flight::{Flight, Pilot};
use crate::kept::Kept;
use crate::key::{Key, Prehashed};

/// Answers, the least recently used one first to go.
#[derive(Debug)]
pub(crate) struct Shard {
    answers: LruCache<Key, Arc<Kept>, Prehashed>,
    flights: HashMap<Key, Flight, Prehashed>,
}

impl Default for Shard {
    fn default() -> Self {
        Self { answers: LruCache::unbounded_with_hasher(Prehashed::default()), flights: HashMap::default() }
    }
}

impl Shard {
    /// The answer, which counts as used.
    pub(crate) fn answer(&mut self, key: &Key) -> Option<Arc<Kept>> {
        self.answers.get(key).cloned()
    }

    /// Keeps an answer and gives back the one that it replaces.
    pub(crate) fn keep(&mut self, key: Key, kept: Arc<Kept>) -> Option<Arc<Kept>> {
        self.answers.put(key, kept)
    }

    /// Takes out the answer that was used least recently.
    pub(crate) fn evict(&mut self) -> Option<(Key, Arc<Kept>)> {
        self.answers.pop_lru()
    }

    /// The flight to wait for, if there is one that suits; otherwise a new one, which takes its place.
    pub(crate) fn board(
        &mut self,
        key: &Key,
        suits: impl FnOnce(&Flight) -> bool,
        departs: impl FnOnce() -> (Pilot, Flight),
    ) -> Result<Flight, Pilot> {
        match self.flights.entry(key.clone()) {
            Entry::Occupied(flight) if suits(flight.get()) => Ok(flight.get().clone()),
            entry => {
                let (pilot, flight) = departs();
                entry.insert_entry(flight);
                Err(pilot)
            }
        }
    }

    /// Nobody boards this flight any more.
    pub(crate) fn close(&mut self, pilot: &Pilot) {
        if self.flights.get(&pilot.key).is_some_and(|flight| flight.id == pilot.id) {
            self.flights.remove(&pilot.key);
        }
    }

    #[cfg(test)]
    pub(crate) fn flights(&self) -> usize {
        self.flights.len()
    }
}
