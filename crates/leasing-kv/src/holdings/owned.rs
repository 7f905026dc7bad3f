//! `Owned`: the keys that are owned and what is known of them.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use lru::LruCache;
use proto_gen::mvccpb::KeyValue;
use proto_gen::{End, KeyRange};

use crate::allowance::Allowance;
use crate::counters::Counters;

/// What an entry costs beside its key and value, about.
const OVERHEAD: usize = 256;
/// Callers whose permission is remembered for one key.
const MOST_CALLERS: usize = 16;

/// One key that is owned.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The revision at which its leasing key was made: which ownership this is.
    pub(super) create: i64,
    /// The key as it is, or that there is none. None while that is not known.
    pub(super) state: Option<Option<KeyValue>>,
    /// The state is the one at this revision, and at all later ones.
    pub(super) seen: i64,
    /// Own writes under way. Until they have ended nobody knows what the key is.
    pub(super) writing: u32,
    /// Whether answers to writes have come in such an order that they do not tell what came of all of them.
    pub(super) tangled: bool,
    /// Who has been allowed to read it.
    allowances: Vec<(Bytes, Allowance)>,
}

/// All of them, by when they were last of use.
#[derive(Debug)]
pub(super) struct Owned {
    entries: LruCache<Bytes, Entry>,
    keys: BTreeSet<Bytes>,
    bytes: usize,
    counters: Arc<Counters>,
}

impl Entry {
    pub(super) fn new(create: i64, seen: i64, state: Option<KeyValue>) -> Self {
        Self { create, state: Some(state), seen, writing: 0, tangled: false, allowances: Vec::new() }
    }

    /// The state, where nothing speaks against it.
    pub(super) fn settled(&self) -> Option<&Option<KeyValue>> {
        self.state.as_ref().filter(|_| self.writing == 0)
    }

    pub(super) fn allowance(&mut self, caller: &Bytes) -> Option<&mut Allowance> {
        self.allowances.iter_mut().find(|(known, _)| known == caller).map(|(_, allowance)| allowance)
    }

    pub(super) fn forbid(&mut self, caller: &Bytes) {
        self.allowances.retain(|(known, _)| known != caller);
    }

    fn size(&self, key: &Bytes) -> usize {
        let value = self.state.iter().flatten().map(|kv| kv.value.len()).sum::<usize>();
        let callers =
            self.allowances.iter().map(|(caller, _)| caller.len() + size_of::<Allowance>()).sum::<usize>();
        2 * key.len() + value + callers + OVERHEAD
    }
}

impl Owned {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self { entries: LruCache::unbounded(), keys: BTreeSet::new(), bytes: 0, counters }
    }

    pub(super) fn contains(&self, key: &Bytes) -> bool {
        self.entries.contains(key)
    }

    pub(super) fn peek(&self, key: &Bytes) -> Option<&Entry> {
        self.entries.peek(key)
    }

    /// For changes that do not change its size.
    pub(super) fn get_mut(&mut self, key: &Bytes) -> Option<&mut Entry> {
        self.entries.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: Bytes, entry: Entry) {
        self.remove(&key);
        self.bytes += entry.size(&key);
        self.keys.insert(key.clone());
        self.entries.put(key, entry);
        self.tell();
    }

    pub(super) fn remove(&mut self, key: &Bytes) -> Option<Entry> {
        let entry = self.entries.pop(key)?;
        self.keys.remove(key);
        self.bytes = self.bytes.saturating_sub(entry.size(key));
        self.tell();
        Some(entry)
    }

    pub(super) fn change(&mut self, key: &Bytes, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.peek_mut(key) else { return };
        let before = entry.size(key);
        change(entry);
        self.bytes = self.bytes.saturating_sub(before) + entry.size(key);
        self.tell();
    }

    /// etcd has let this caller read the key.
    pub(super) fn allow(&mut self, key: &Bytes, caller: &Bytes, granted: crate::moment::Moment) {
        match self.entries.peek_mut(key).and_then(|entry| entry.allowance(caller)) {
            Some(allowance) => allowance.renew(granted),
            None => self.change(key, |entry| {
                if entry.allowances.len() >= MOST_CALLERS {
                    entry.allowances.remove(0);
                }
                entry.allowances.push((Bytes::copy_from_slice(caller), Allowance::new(granted)));
            }),
        }
    }

    /// The key that has been of no use for longest.
    pub(super) fn oldest(&self) -> Option<Bytes> {
        self.entries.peek_lru().map(|(key, _)| key.clone())
    }

    pub(super) fn within(&self, range: &KeyRange) -> Vec<Bytes> {
        if range.is_empty() {
            return Vec::new();
        }
        let end = match &range.end {
            End::Before(key) => Bound::Excluded(key.clone()),
            End::Through(key) => Bound::Included(key.clone()),
            End::Open => Bound::Unbounded,
        };
        self.keys.range((Bound::Included(range.start.clone()), end)).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.keys.clear();
        self.bytes = 0;
        self.tell();
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn tell(&self) {
        self.counters.keys.set(self.entries.len() as u64);
        self.counters.bytes.set(self.bytes as u64);
    }
}
