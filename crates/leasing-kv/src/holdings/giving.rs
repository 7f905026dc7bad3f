//! Asking others for what they own, and who waits for it.

use bytes::Bytes;
use proto_gen::KeyRange;
use proto_gen::mvccpb::KeyValue;

use super::{Cleared, Holdings, Outcome, WaiterId};
use crate::moment::Moment;
use crate::writes::Writes;

/// A list of owners that somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Leasing keys.
    pub(crate) range: KeyRange,
    pub(crate) waiter: WaiterId,
}

impl Holdings {
    /// Asks whoever owns what is to be written to give it back. The receiver hears when there is reason to try again.
    pub(crate) fn clear(&mut self, writes: &Writes) -> (WaiterId, Cleared) {
        let direct = writes.ranges.iter().filter_map(|range| self.names.leasing_keys_in(range));
        let ranges = writes.ranges.iter().map(|range| self.names.leasing_range(range)).chain(direct);
        let ranges: Vec<KeyRange> = ranges.collect();
        let (waiter, cleared) = self.waiting.enter(ranges.len());
        self.listings.extend(ranges.into_iter().map(|range| Listing { range, waiter }));
        for key in &writes.points {
            self.clear_key(key, waiter);
        }
        self.waiting.release(waiter);
        (waiter, cleared)
    }

    fn clear_key(&mut self, key: &Bytes, waiter: WaiterId) {
        self.waiting.attach(waiter, key);
        let is_being_acquired = self.acquiring.get(key).is_some_and(|acquiring| acquiring.lease.is_some());
        if is_being_acquired || self.returning.contains_key(key) {
            return self.waiting.found(waiter);
        }
        match self.owned.peek(key).map(|entry| entry.create) {
            // Ours, and yet the write was refused: perhaps for another key, perhaps it is not ours any more.
            Some(create) => {
                self.waiting.found(waiter);
                self.suspect(key, create);
            }
            None => self.ask(key),
        }
    }

    /// One question at a time for each key.
    fn ask(&mut self, key: &Bytes) {
        if !self.asking.contains_key(key) {
            self.asking.insert(key.clone(), false);
            self.to_ask.push_back(key.clone());
        }
    }

    /// A waiter does not wait any more.
    pub(crate) fn leave(&mut self, waiter: WaiterId) {
        self.waiting.leave(waiter);
        self.listings.retain(|listing| listing.waiter != waiter);
    }

    pub(super) fn asked(&mut self, key: &Bytes, outcome: &Outcome) {
        match outcome {
            Outcome::Done => {
                self.counters.asked.increment();
                self.waiting.found_key(key);
            }
            Outcome::AskedBefore | Outcome::Ours { .. } => self.waiting.found_key(key),
            Outcome::NotOurs => {
                self.asking.remove(key);
                self.waiting.resolve(key);
            }
            // Whoever waits tries again after a while.
            Outcome::Unknown | Outcome::Forbidden => drop(self.asking.remove(key)),
        }
    }

    /// The next list that somebody waits for.
    pub(crate) fn listing(&mut self) -> Option<Listing> {
        self.listings.pop_front()
    }

    /// The list could not be had; whoever waits for it still does.
    pub(crate) fn listing_failed(&mut self, listing: &Listing) {
        if self.waiting.is_waiting(listing.waiter) {
            self.listings.push_back(listing.clone());
        }
    }

    /// These leasing keys are in the range, perhaps not all of them.
    pub(crate) fn listed(&mut self, now: Moment, listing: &Listing, found: &[KeyValue]) {
        for kv in found {
            let Some(key) = self.names.key(&kv.key) else { continue };
            let key = Bytes::copy_from_slice(&key);
            self.waiting.attach(listing.waiter, &key);
            self.waiting.found(listing.waiter);
            if !self.is_own(kv.lease) {
                self.ask(&key);
            } else if self.owned.contains(&key) {
                self.give_back(&key);
                self.rest(&key, now);
            } else if self.acquiring.get(&key).is_none_or(|acquiring| acquiring.lease.is_none()) {
                self.return_key(&key, kv.create_revision);
            }
        }
        self.waiting.listed(listing.waiter);
    }
}
