//! `Waiting`: writers that wait until keys have no owner.

use std::collections::HashMap;

use bytes::Bytes;
use tokio::sync::oneshot;

/// Names a writer that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WaiterId(u64);

/// Told whether anybody owned anything, when nobody does any more.
pub(crate) type Cleared = oneshot::Receiver<bool>;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiters: HashMap<WaiterId, Waiter>,
    by_key: HashMap<Bytes, Vec<WaiterId>>,
    last: u64,
}

#[derive(Debug)]
struct Waiter {
    /// Keys and lists that are still to come.
    left: usize,
    has_found: bool,
    keys: Vec<Bytes>,
    cleared: oneshot::Sender<bool>,
}

impl Waiting {
    /// One more, that waits for this many lists to begin with.
    pub(super) fn enter(&mut self, lists: usize) -> (WaiterId, Cleared) {
        self.last += 1;
        let id = WaiterId(self.last);
        let (cleared, receiver) = oneshot::channel();
        self.waiters.insert(id, Waiter { left: lists, has_found: false, keys: Vec::new(), cleared });
        (id, receiver)
    }

    /// The waiter waits for this key, too.
    pub(super) fn attach(&mut self, id: WaiterId, key: &Bytes) {
        if let Some(waiter) = self.waiters.get_mut(&id) {
            waiter.left += 1;
            waiter.keys.push(key.clone());
            self.by_key.entry(key.clone()).or_default().push(id);
        }
    }

    /// Somebody owns what the waiter wants.
    pub(super) fn found(&mut self, id: WaiterId) {
        if let Some(waiter) = self.waiters.get_mut(&id) {
            waiter.has_found = true;
        }
    }

    /// All who wait for this key have found an owner.
    pub(super) fn found_key(&mut self, key: &Bytes) {
        for id in self.by_key.get(key).cloned().unwrap_or_default() {
            self.found(id);
        }
    }

    /// One list has come, or there was none to wait for.
    pub(super) fn listed(&mut self, id: WaiterId) {
        if let Some(waiter) = self.waiters.get_mut(&id) {
            waiter.left = waiter.left.saturating_sub(1);
        }
        self.release(id);
    }

    /// Nobody owns this key, or it is to be looked at again.
    pub(super) fn resolve(&mut self, key: &Bytes) {
        for id in self.by_key.remove(key).unwrap_or_default() {
            if let Some(waiter) = self.waiters.get_mut(&id) {
                waiter.left = waiter.left.saturating_sub(1);
            }
            self.release(id);
        }
    }

    /// Tells the waiter if there is nothing left to wait for.
    pub(super) fn release(&mut self, id: WaiterId) {
        if self.waiters.get(&id).is_some_and(|waiter| waiter.left == 0)
            && let Some(waiter) = self.waiters.remove(&id)
        {
            // Whoever has gone is not missed.
            let _ = waiter.cleared.send(waiter.has_found);
        }
    }

    /// The waiter has gone.
    pub(super) fn leave(&mut self, id: WaiterId) {
        let Some(waiter) = self.waiters.remove(&id) else { return };
        for key in waiter.keys {
            if let Some(ids) = self.by_key.get_mut(&key) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
    }

    pub(super) fn is_waiting(&self, id: WaiterId) -> bool {
        self.waiters.contains_key(&id)
    }

    pub(super) fn is_waited_for(&self, key: &Bytes) -> bool {
        self.by_key.contains_key(key)
    }

    /// Everybody looks again.
    pub(super) fn resolve_all(&mut self) {
        for (_, waiter) in self.waiters.drain() {
            let _ = waiter.cleared.send(true);
        }
        self.by_key.clear();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.waiters.len() + self.by_key.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_is_told_when_the_last_of_its_keys_is_free() {
        let mut waiting = Waiting::default();
        let (id, mut cleared) = waiting.enter(1);
        let (a, b) = (Bytes::from_static(b"a"), Bytes::from_static(b"b"));
        waiting.attach(id, &a);
        waiting.attach(id, &b);
        waiting.listed(id);
        waiting.resolve(&a);
        assert!(cleared.try_recv().is_err());
        waiting.found_key(&b);
        waiting.resolve(&b);
        assert_eq!(cleared.try_recv(), Ok(true));
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn a_waiter_that_leaves_leaves_nothing_behind() {
        let mut waiting = Waiting::default();
        let (id, _cleared) = waiting.enter(0);
        let (other, mut cleared) = waiting.enter(0);
        let key = Bytes::from_static(b"a");
        waiting.attach(id, &key);
        waiting.attach(other, &key);
        waiting.leave(id);
        assert!(waiting.is_waited_for(&key));
        waiting.resolve(&key);
        assert_eq!(cleared.try_recv(), Ok(false));
        assert_eq!(waiting.len(), 0);
    }
}
