//! `Roll`: who is registered, as far as etcd has told. A pure machine.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proto_gen::mvccpb::event::EventType;
use proto_gen::mvccpb::{Event, KeyValue};

use crate::entry::Proxy;

/// The registrations by their keys.
#[derive(Debug)]
pub(crate) struct Roll {
    own_key: Bytes,
    max: usize,
    proxies: BTreeMap<Bytes, Proxy>,
    /// Keys that somebody has been told of.
    unreadable: BTreeSet<Bytes>,
    is_full: bool,
}

/// What came of a list or of events.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Whether others are listed than before.
    pub(crate) is_changed: bool,
    /// Whether this proxy was listed before and is no longer.
    pub(crate) is_own_lost: bool,
    /// What is to be said, once for each.
    pub(crate) complaints: Vec<Complaint>,
}

/// What is left out, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) key: String,
    pub(crate) reason: &'static str,
}

impl Roll {
    /// An empty roll for the proxy that registers under `own_key`, with room for so many.
    pub(crate) fn new(own_key: impl Into<Bytes>, max: usize) -> Self {
        Self {
            own_key: own_key.into(),
            max,
            proxies: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            is_full: false,
        }
    }

    /// Everybody who is listed, in the order of the keys.
    pub(crate) fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.proxies.values()
    }

    /// From now on these are all registrations.
    pub(crate) fn replace(&mut self, registrations: Vec<KeyValue>) -> Change {
        let present: BTreeSet<Bytes> = registrations.iter().map(|kv| kv.key.clone()).collect();
        let gone = self.proxies.keys().chain(&self.unreadable).filter(|key| !present.contains(*key));
        let gone: Vec<Bytes> = gone.cloned().collect();
        let mut change = Change::default();
        for key in gone {
            self.remove(&key, &mut change);
        }
        for kv in registrations {
            self.put(kv, &mut change);
        }
        change
    }

    /// These changes came after what is known.
    pub(crate) fn apply(&mut self, events: Vec<Event>) -> Change {
        let mut change = Change::default();
        for event in events {
            let is_delete = event.r#type == i32::from(EventType::Delete);
            match event.kv {
                Some(kv) if is_delete => self.remove(&kv.key, &mut change),
                Some(kv) => self.put(kv, &mut change),
                None => {}
            }
        }
        change
    }

    fn put(&mut self, kv: KeyValue, change: &mut Change) {
        match Proxy::from_value(&kv.value) {
            Ok(proxy) => {
                self.unreadable.remove(&kv.key);
                if self.proxies.len() >= self.max && !self.proxies.contains_key(&kv.key) {
                    self.complain_of_a_crowd(&kv.key, change);
                    return;
                }
                if kv.key == self.own_key {
                    change.is_own_lost = false;
                }
                let before = self.proxies.insert(kv.key, proxy.clone());
                change.is_changed |= before.as_ref() != Some(&proxy);
            }
            Err(reason) => {
                change.is_changed |= self.proxies.remove(&kv.key).is_some();
                if self.unreadable.len() < self.max && self.unreadable.insert(kv.key.clone()) {
                    change.complaints.push(Complaint { key: printed(&kv.key), reason });
                }
            }
        }
    }

    fn remove(&mut self, key: &Bytes, change: &mut Change) {
        self.unreadable.remove(key);
        let was_listed = self.proxies.remove(key).is_some();
        change.is_changed |= was_listed;
        change.is_own_lost |= was_listed && *key == self.own_key;
    }

    fn complain_of_a_crowd(&mut self, key: &Bytes, change: &mut Change) {
        if !self.is_full {
            self.is_full = true;
            change
                .complaints
                .push(Complaint { key: printed(key), reason: "there are too many registrations" });
        }
    }
}

fn printed(key: &Bytes) -> String {
    String::from_utf8_lossy(key).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "p/own:1";

    fn kv(key: &str, address: &str) -> KeyValue {
        let proxy = Proxy { name: "host".to_owned(), address: address.to_owned() };
        KeyValue { key: key.to_owned().into(), value: proxy.to_value().into(), ..KeyValue::default() }
    }

    fn nonsense(key: &str) -> KeyValue {
        KeyValue { key: key.to_owned().into(), value: "nonsense".into(), ..KeyValue::default() }
    }

    fn put(kv: KeyValue) -> Event {
        Event { r#type: EventType::Put.into(), kv: Some(kv), prev_kv: None }
    }

    fn delete(key: &str) -> Event {
        let kv = KeyValue { key: key.to_owned().into(), ..KeyValue::default() };
        Event { r#type: EventType::Delete.into(), kv: Some(kv), prev_kv: None }
    }

    fn addresses(roll: &Roll) -> Vec<&str> {
        roll.proxies().map(|proxy| proxy.address.as_str()).collect()
    }

    #[test]
    fn entries_appear_change_and_vanish_in_the_order_of_their_keys() {
        let mut roll = Roll::new(OWN, 10);
        assert!(roll.replace(vec![kv("p/b", "b:1"), kv("p/a", "a:1")]).is_changed);
        assert_eq!(addresses(&roll), ["a:1", "b:1"]);
        assert!(roll.apply(vec![put(kv("p/a", "a:2")), put(kv("p/c", "c:1"))]).is_changed);
        assert!(!roll.apply(vec![put(kv("p/c", "c:1")), delete("p/d")]).is_changed, "nothing new");
        assert!(roll.apply(vec![delete("p/b")]).is_changed);
        assert_eq!(addresses(&roll), ["a:2", "c:1"]);
    }

    #[test]
    fn what_is_not_in_a_new_list_has_gone_while_nobody_looked() {
        let mut roll = Roll::new(OWN, 10);
        roll.replace(vec![kv("p/a", "a:1"), kv("p/b", "b:1"), nonsense("p/c")]);
        assert!(roll.replace(vec![kv("p/b", "b:1")]).is_changed);
        assert_eq!(addresses(&roll), ["b:1"]);
        assert_eq!(roll.replace(vec![kv("p/b", "b:1")]), Change::default());
    }

    #[test]
    fn an_unreadable_entry_is_left_out_and_told_of_once_until_it_changes_its_nature() {
        let mut roll = Roll::new(OWN, 10);
        let told = |change: Change| change.complaints.len();
        assert_eq!(told(roll.replace(vec![nonsense("p/x"), kv("p/a", "a:1")])), 1);
        assert_eq!(told(roll.replace(vec![nonsense("p/x"), kv("p/a", "a:1")])), 0);
        assert_eq!(told(roll.apply(vec![put(nonsense("p/x")), put(nonsense("p/y"))])), 1);
        assert_eq!(addresses(&roll), ["a:1"]);
        let change = roll.apply(vec![put(nonsense("p/a"))]);
        assert!(change.is_changed && change.complaints.len() == 1, "one that was listed: {change:?}");
        assert_eq!(told(roll.apply(vec![delete("p/x"), put(nonsense("p/x"))])), 1);
        assert_eq!(told(roll.apply(vec![put(kv("p/x", "x:1")), put(nonsense("p/x"))])), 1);
    }

    #[test]
    fn the_loss_of_the_own_entry_is_noticed_and_its_return_within_the_same_events_is_none() {
        let mut roll = Roll::new(OWN, 10);
        assert!(!roll.replace(vec![]).is_own_lost, "it was never there");
        roll.apply(vec![put(kv(OWN, "own:1"))]);
        assert!(!roll.apply(vec![delete(OWN), put(kv(OWN, "own:1"))]).is_own_lost);
        assert!(roll.apply(vec![delete(OWN)]).is_own_lost);
        assert!(!roll.apply(vec![delete(OWN)]).is_own_lost, "lost already");
        roll.apply(vec![put(kv(OWN, "own:1"))]);
        assert!(roll.replace(vec![kv("p/a", "a:1")]).is_own_lost);
    }

    #[test]
    fn a_crowd_is_bounded_and_told_of_once() {
        let mut roll = Roll::new(OWN, 2);
        let change = roll.replace((0..5).map(|n| kv(&format!("p/{n}"), "a:1")).collect());
        assert_eq!((addresses(&roll).len(), change.complaints.len()), (2, 1));
        let change = roll.apply((0..9).map(|n| put(nonsense(&format!("p/x{n}")))).collect());
        assert_eq!((roll.unreadable.len(), change.complaints.len()), (2, 2));
    }
}
