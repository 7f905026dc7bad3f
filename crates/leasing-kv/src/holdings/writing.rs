//! Own writes: what they are guarded by, and what their ends say about what is owned.

use bytes::Bytes;
use proto_gen::KeyRange;
use proto_gen::mvccpb::KeyValue;

use super::{Entry, Holdings};
use crate::executed::{self, Effect};
use crate::guards::Guards;
use crate::moment::Moment;
use crate::writes::Writes;

/// A write that was begun and has to be ended: the keys, and since which revision each was owned; 0 is not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Begun(Vec<(Bytes, i64)>);

/// How a write ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ending<'a> {
    /// etcd did it at this revision, with these effects; none where they cannot be told.
    Done { revision: i64, effects: Option<&'a [Effect<'a>]> },
    /// etcd has not done it, and never will.
    NotDone,
    /// Nobody knows.
    Unknown,
}

impl Holdings {
    /// Begins a write. Nothing that it may change is answered from memory until it has ended.
    pub(crate) fn begin(&mut self, now: Moment, writes: &Writes) -> (Begun, Guards) {
        let mut guards = Guards::default();
        for range in &writes.ranges {
            self.release(now, range);
            guards.ranges.push(self.names.leasing_range(range));
            if let Some(leasing) = self.names.leasing_keys_in(range) {
                self.release(now, &self.names.keys_of(&leasing));
                guards.ranges.push(leasing);
            }
        }
        let mut begun = Begun::default();
        for key in &writes.points {
            let own = match self.owned.get_mut(key) {
                None => 0,
                Some(entry) => {
                    entry.writing = entry.writing.saturating_add(1);
                    entry.create
                }
            };
            guards.points.push((self.names.leasing_key(key), own));
            begun.0.push((key.clone(), own));
        }
        (begun, guards)
    }

    /// Ends a write.
    pub(crate) fn end(&mut self, now: Moment, begun: &Begun, ending: &Ending<'_>) {
        for (key, own) in begun.0.iter().filter(|(_, own)| *own > 0) {
            let Some(entry) = self.owned.get_mut(key).filter(|entry| entry.create == *own) else { continue };
            entry.writing = entry.writing.saturating_sub(1);
            match ending {
                Ending::Done { revision, effects: Some(effects) } => self.apply(now, key, *revision, effects),
                Ending::NotDone => {}
                Ending::Done { effects: None, .. } | Ending::Unknown => self.give_back(key),
            }
            self.untangle(key);
        }
    }

    fn apply(&mut self, now: Moment, key: &Bytes, revision: i64, effects: &[Effect<'_>]) {
        let mut touching = effects.iter().filter(|effect| match effect {
            Effect::Put(put) => put.key == *key,
            Effect::Delete(range) => range.holds(key),
        });
        let Some(effect) = touching.next() else { return };
        let is_only = touching.next().is_none();
        let Some(entry) = self.owned.get_mut(key) else { return };
        let is_told = is_only && !entry.tangled && revision >= entry.seen;
        entry.seen = entry.seen.max(revision);
        let Some(before) = entry.state.as_ref().filter(|_| is_told) else {
            entry.tangled = true;
            return;
        };
        let after = match effect {
            Effect::Delete(_) => Some(None),
            Effect::Put(put) => executed::put(before.as_ref(), put, revision).map(Some),
        };
        match after {
            Some(after) if self.is_fit(key, after.as_ref()) => {
                self.owned.change(key, |entry| entry.state = Some(after));
                self.make_room();
            }
            Some(_) => {
                self.give_back(key);
                self.rest(key, now);
            }
            None => self.give_back(key),
        }
    }

    /// Whether a key in this state may be owned. One that has a lease changes without anybody's asking.
    pub(super) fn is_fit(&self, key: &Bytes, state: Option<&KeyValue>) -> bool {
        let value = state.map_or(0, |kv| kv.value.len());
        state.is_none_or(|kv| kv.lease == 0) && key.len() + value <= self.config.largest()
    }

    /// Where answers came in another order than that of the writes, etcd is asked what has come of them when the last
    /// has ended.
    fn untangle(&mut self, key: &Bytes) {
        let is_unclear = |entry: &&mut Entry| entry.writing == 0 && (entry.tangled || entry.state.is_none());
        let Some(entry) = self.owned.get_mut(key).filter(is_unclear) else { return };
        entry.tangled = false;
        let create = entry.create;
        self.suspect(key, create);
    }

    /// What is known of an owned key may not be true.
    pub(super) fn suspect(&mut self, key: &Bytes, create: i64) {
        self.owned.change(key, |entry| entry.state = None);
        self.to_refresh.push_back((key.clone(), create));
    }

    /// Gives back what is owned in a range, and leaves it alone for a while.
    pub(crate) fn release(&mut self, now: Moment, range: &KeyRange) {
        for key in self.owned.within(range) {
            self.give_back(&key);
            self.rest(&key, now);
        }
    }

    pub(super) fn rest(&mut self, key: &Bytes, now: Moment) {
        self.resting.rest(key, now, now.after(self.config.back_off));
    }
}
