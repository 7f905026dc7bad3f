//! Taking keys and giving them back: the errands of the worker, and what came of them.

use std::time::Duration;

use bytes::Bytes;
use proto_gen::mvccpb::KeyValue;

use super::{Acquiring, Entry, Holdings, Returning};
use crate::moment::Moment;

/// Keys that wait to be acquired.
const MOST_WANTED: usize = 1024;
/// Longest key that is acquired: a full batch stays far below etcd's limit for a request.
const LONGEST_KEY: usize = 4 << 10;
/// Who may not own a key may not soon either.
const REFUSED: Duration = Duration::from_secs(60);

/// Something that the worker asks of etcd, as the proxy itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Makes the key ours, unless somebody owns it or it has a lease.
    Acquire { key: Bytes, lease: i64 },
    /// Gives up the ownership that began at this revision.
    Return { key: Bytes, create: i64 },
    /// Reads the key, if it is still owned since this revision.
    Refresh { key: Bytes, create: i64 },
    /// Asks the key's owner to give it back.
    Ask { key: Bytes },
}

/// What came of an errand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It is ours since `create`, and this is its state at `revision`.
    Ours { create: i64, revision: i64, state: Option<KeyValue> },
    /// It is somebody else's, or cannot be anybody's, or is nobody's.
    NotOurs,
    /// Somebody has asked the owner before.
    AskedBefore,
    /// It is done.
    Done,
    /// Nobody knows whether it was done.
    Unknown,
    /// etcd does not let the proxy do it.
    Forbidden,
}

impl Errand {
    pub(crate) fn key(&self) -> &Bytes {
        match self {
            Self::Acquire { key, .. }
            | Self::Return { key, .. }
            | Self::Refresh { key, .. }
            | Self::Ask { key } => key,
        }
    }
}

impl Holdings {
    /// Somebody has read this key at etcd and found that it has no lease. True where there is something new to do.
    pub(crate) fn want(&mut self, now: Moment, key: &Bytes) -> bool {
        let is_wanted = self.lease(now).is_some()
            && !self.is_deaf(now)
            && self.acquiring.len() < MOST_WANTED
            && key.len() <= LONGEST_KEY
            && !self.owned.contains(key)
            && !self.acquiring.contains_key(key)
            && !self.returning.contains_key(key)
            && !self.resting.rests(key, now)
            && !self.blocked.holds(key);
        if is_wanted {
            let key = Bytes::copy_from_slice(key);
            self.acquiring.insert(key.clone(), Acquiring::default());
            self.wanted.push_back(key);
        }
        is_wanted
    }

    /// What is to be done now, the most pressing first. Each errand has to be followed by [`Self::done`].
    pub(crate) fn errands(&mut self, now: Moment, most: usize) -> Vec<Errand> {
        let mut errands = Vec::new();
        while errands.len() < most
            && let Some(errand) = self.errand(now)
        {
            errands.push(errand);
        }
        errands
    }

    fn errand(&mut self, now: Moment) -> Option<Errand> {
        while let Some(key) = self.to_return.pop_front() {
            if let Some(returning) = self.returning.get_mut(&key)
                && !returning.is_sent
            {
                returning.is_sent = true;
                let create = returning.create;
                return Some(Errand::Return { key, create });
            }
        }
        while let Some(key) = self.to_ask.pop_front() {
            if !self.waiting.is_waited_for(&key) {
                self.asking.remove(&key);
            } else if let Some(is_sent) = self.asking.get_mut(&key).filter(|is_sent| !**is_sent) {
                *is_sent = true;
                return Some(Errand::Ask { key });
            }
        }
        while let Some((key, create)) = self.to_refresh.pop_front() {
            if self.owned.peek(&key).is_some_and(|entry| entry.create == create) {
                return Some(Errand::Refresh { key, create });
            }
        }
        let lease = self.lease(now);
        while let Some(key) = self.wanted.pop_front() {
            match (lease, self.acquiring.get_mut(&key)) {
                (Some(lease), Some(acquiring)) => {
                    acquiring.lease = Some(lease);
                    return Some(Errand::Acquire { key, lease });
                }
                _ => drop(self.acquiring.remove(&key)),
            }
        }
        None
    }

    /// Whether there are errands.
    pub(crate) fn has_errands(&self) -> bool {
        !(self.to_return.is_empty()
            && self.to_ask.is_empty()
            && self.to_refresh.is_empty()
            && self.wanted.is_empty()
            && self.listings.is_empty())
    }

    /// An errand has ended.
    pub(crate) fn done(&mut self, now: Moment, errand: &Errand, outcome: Outcome) {
        match errand {
            Errand::Acquire { key, lease } => self.acquired(now, key, *lease, outcome),
            Errand::Return { key, create } => self.returned(key, *create, &outcome),
            Errand::Refresh { key, create } => self.refreshed(now, key, *create, outcome),
            Errand::Ask { key } => self.asked(key, &outcome),
        }
    }

    fn acquired(&mut self, now: Moment, key: &Bytes, lease: i64, outcome: Outcome) {
        let Some(acquiring) = self.acquiring.remove(key) else { return };
        match outcome {
            Outcome::Ours { create, .. } if acquiring.deleted > create => {}
            Outcome::Ours { create, .. } if acquiring.revoked == create => {
                self.counters.given.increment();
                self.return_key(key, create);
                self.rest(key, now);
            }
            Outcome::Ours { create, revision, state } => {
                let is_good = self.lease(now) == Some(lease)
                    && !self.blocked.holds(key)
                    && !self.returning.contains_key(key)
                    && self.is_fit(key, state.as_ref());
                if is_good {
                    self.counters.acquisitions.increment();
                    let entry = Entry::new(create, revision, state.map(copied));
                    self.owned.insert(key.clone(), entry);
                    self.make_room();
                } else {
                    self.return_key(key, create);
                    self.rest(key, now);
                }
            }
            Outcome::Forbidden => self.resting.rest(key, now, now.after(REFUSED)),
            Outcome::NotOurs | Outcome::AskedBefore | Outcome::Done | Outcome::Unknown => {
                // Should it be ours after all, whoever wants it asks for it.
                if acquiring.revoked > 0 {
                    self.return_key(key, acquiring.revoked);
                }
                self.rest(key, now);
            }
        }
        self.waiting.resolve(key);
    }

    fn refreshed(&mut self, now: Moment, key: &Bytes, own: i64, outcome: Outcome) {
        let Some(entry) = self.owned.get_mut(key).filter(|entry| entry.create == own) else { return };
        match outcome {
            Outcome::Ours { revision, state, .. } => {
                // A write that was begun meanwhile sees to it that etcd is asked again.
                let is_known = entry.writing == 0 && !entry.tangled && revision >= entry.seen;
                if !self.is_fit(key, state.as_ref()) {
                    self.give_back(key);
                    self.rest(key, now);
                } else if is_known {
                    self.owned.change(key, |entry| {
                        entry.seen = revision;
                        entry.state = Some(state.map(copied));
                    });
                    self.make_room();
                }
            }
            Outcome::NotOurs => drop(self.owned.remove(key)),
            Outcome::AskedBefore | Outcome::Done | Outcome::Unknown | Outcome::Forbidden => {
                self.give_back(key)
            }
        }
        self.waiting.resolve(key);
    }

    /// Lets the keys go that have been of no use for longest.
    pub(super) fn make_room(&mut self) {
        while (self.owned.len() > self.config.max_keys || self.owned.bytes() > self.config.max_bytes)
            && let Some(key) = self.owned.oldest()
        {
            self.give_back(&key);
        }
    }

    /// A key is not owned any more, from this moment on.
    pub(super) fn give_back(&mut self, key: &Bytes) {
        if let Some(entry) = self.owned.remove(key) {
            self.return_key(key, entry.create);
        }
    }

    pub(super) fn return_key(&mut self, key: &Bytes, create: i64) {
        let known = self.returning.get(key).is_some_and(|returning| returning.create >= create);
        if !known {
            self.returning.insert(key.clone(), Returning { create, is_sent: false });
            self.to_return.push_back(key.clone());
        }
    }

    fn returned(&mut self, key: &Bytes, create: i64, outcome: &Outcome) {
        let Some(returning) = self.returning.get_mut(key).filter(|returning| returning.create == create)
        else {
            return;
        };
        if *outcome == Outcome::Unknown {
            // It must not be acquired again while it may still be taken away.
            returning.is_sent = false;
            self.to_return.push_back(key.clone());
            return;
        }
        self.returning.remove(key);
        self.waiting.resolve(key);
    }
}

/// In memory of its own: a slice of an answer pins the whole frame that the answer came in.
fn copied(kv: KeyValue) -> KeyValue {
    KeyValue { key: Bytes::copy_from_slice(&kv.key), value: Bytes::copy_from_slice(&kv.value), ..kv }
}
