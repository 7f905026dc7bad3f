//! What etcd says about leasing keys.

use bytes::Bytes;
use proto_gen::KeyRange;
use proto_gen::mvccpb::KeyValue;

use super::Holdings;
use crate::moment::Moment;

/// A change of a leasing key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    Put(KeyValue),
    /// At this revision.
    Deleted {
        leasing_key: Bytes,
        revision: i64,
    },
}

impl Holdings {
    /// Something has happened to a leasing key.
    pub(crate) fn event(&mut self, now: Moment, change: Change) {
        match change {
            Change::Put(kv) => self.owner_is(now, &kv),
            Change::Deleted { leasing_key, revision } => {
                if let Some(key) = self.names.key(&leasing_key) {
                    self.owner_has_gone(&key, revision);
                }
            }
        }
    }

    fn owner_is(&mut self, now: Moment, kv: &KeyValue) {
        let Some(key) = self.names.key(&kv.key) else { return };
        if self.owned.peek(&key).is_some_and(|entry| entry.create < kv.create_revision) {
            // What was ours is somebody's since then.
            self.owned.remove(&key);
        }
        if !kv.value.is_empty() && self.is_own(kv.lease) {
            self.asked_for(now, &key, kv.create_revision);
        }
    }

    /// Somebody wants what is ours.
    fn asked_for(&mut self, now: Moment, key: &Bytes, create: i64) {
        let key = Bytes::copy_from_slice(key);
        if let Some(acquiring) = self.acquiring.get_mut(&key)
            && acquiring.lease.is_some()
        {
            acquiring.revoked = acquiring.revoked.max(create);
            return;
        }
        if self.owned.peek(&key).is_some_and(|entry| entry.create == create) {
            self.owned.remove(&key);
            self.counters.given.increment();
        }
        self.return_key(&key, create);
        self.rest(&key, now);
    }

    fn owner_has_gone(&mut self, key: &Bytes, revision: i64) {
        if self.owned.peek(key).is_some_and(|entry| entry.create < revision) {
            self.owned.remove(key);
        }
        if let Some(acquiring) = self.acquiring.get_mut(key) {
            acquiring.deleted = acquiring.deleted.max(revision);
        }
        self.asking.remove(key);
        self.waiting.resolve(key);
    }

    /// The events of a while are lost. These are all leasing keys of this range at this revision.
    pub(crate) fn relisted(&mut self, now: Moment, range: &KeyRange, revision: i64, found: &[KeyValue]) {
        let mut found_of_ours =
            found.iter().filter(|kv| self.is_own(kv.lease)).map(|kv| kv.key.clone()).peekable();
        let mut gone = Vec::new();
        for key in self.owned.within(&self.names.keys_of(range)) {
            let leasing_key = self.names.leasing_key(&key);
            while found_of_ours.next_if(|found| *found < leasing_key).is_some() {}
            if found_of_ours.peek() != Some(&leasing_key) {
                gone.push(key);
            }
        }
        for key in gone {
            if self.owned.peek(&key).is_some_and(|entry| entry.create <= revision) {
                self.owned.remove(&key);
            }
        }
        for kv in found {
            self.owner_is(now, kv);
        }
    }

    /// The whole is known again.
    pub(crate) fn all_relisted(&mut self) {
        self.asking.clear();
        self.to_ask.clear();
        self.waiting.resolve_all();
    }
}
