//! The bells: which sessions listen to which groups, and how they are woken.
//!
//! A shard is the sessions of one runtime. When something happens to a group, each shard is told once; a shard that
//! has a [`Relay`] wakes its sessions from there, on their own thread, where waking costs next to nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use slab::Slab;
use tokio::sync::Notify;

use crate::run::LastRun;
use crate::session::Seat;

/// Wakes the watchers of one runtime; to be run on that runtime.
#[derive(Debug)]
#[must_use = "nothing is woken unless the relay runs"]
pub struct Relay {
    shard: Arc<Shard>,
}

/// The sessions of one runtime.
#[derive(Debug)]
pub(crate) struct Shard {
    bells: Mutex<Bells>,
    relay: Option<Notify>,
    /// What these sessions sent last.
    pub(crate) last_run: LastRun,
}

#[derive(Debug, Default)]
struct Bells {
    sessions: Slab<Bell>,
    /// By group, as the machine numbers them.
    listeners: Vec<Slab<Listener>>,
    /// What the relay has yet to ring.
    groups: Vec<usize>,
    woken: Vec<u32>,
}

#[derive(Debug, Default)]
struct Bell {
    rung: Vec<Rung>,
    woken: bool,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Listener {
    session: u32,
    watcher: u32,
    rung: bool,
}

#[derive(Clone, Copy, Debug)]
struct Rung {
    seat: Seat,
    watcher: u32,
}

impl Relay {
    /// Runs until it is dropped.
    pub async fn run(self) {
        loop {
            if let Some(relay) = &self.shard.relay {
                relay.notified().await;
            }
            let wakers = self.shard.bells().ring_all();
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Shard {
    /// A shard whose sessions may live anywhere: whoever brings the news wakes them.
    pub(crate) fn direct() -> Self {
        Self { bells: Mutex::default(), relay: None, last_run: LastRun::default() }
    }

    /// A shard of one runtime, and the relay that has to run there.
    pub(crate) fn relayed() -> (Arc<Self>, Relay) {
        let shard = Arc::new(Self { relay: Some(Notify::new()), ..Self::direct() });
        (shard.clone(), Relay { shard })
    }

    pub(crate) fn add_session(&self) -> u32 {
        self.bells().sessions.insert(Bell::default()) as u32
    }

    pub(crate) fn remove_session(&self, session: u32) {
        self.bells().sessions.try_remove(session as usize);
    }

    /// A watcher begins to listen to a group.
    pub(crate) fn listen(&self, group: usize, session: u32, watcher: usize) -> Seat {
        let mut bells = self.bells();
        if bells.listeners.len() <= group {
            bells.listeners.resize_with(group + 1, Slab::new);
        }
        let listener = Listener { session, watcher: watcher as u32, rung: false };
        let place = bells.listeners.get_mut(group).map_or(0, |listeners| listeners.insert(listener));
        Seat { group: group as u32, place: place as u32 }
    }

    /// A watcher no longer listens.
    pub(crate) fn unlisten(&self, seat: Seat) {
        if let Some(listeners) = self.bells().listeners.get_mut(seat.group as usize) {
            listeners.try_remove(seat.place as usize);
            if listeners.is_empty() {
                *listeners = Slab::new();
            }
        }
    }

    /// Takes what was rung for a session since it last asked; from now on this waker is woken at the next ring.
    /// True if the session was woken for another reason too.
    pub(crate) fn take(&self, session: u32, waker: &Waker, rung: &mut Vec<usize>) -> bool {
        let mut bells = self.bells();
        let Some(bell) = bells.sessions.get_mut(session as usize) else { return false };
        match &mut bell.waker {
            Some(known) => known.clone_from(waker),
            None => bell.waker = Some(waker.clone()),
        }
        let woken = std::mem::take(&mut bell.woken);
        for Rung { seat, watcher } in std::mem::take(&mut bell.rung) {
            if let Some(listener) = bells
                .listeners
                .get_mut(seat.group as usize)
                .and_then(|group| group.get_mut(seat.place as usize))
            {
                listener.rung = false;
            }
            rung.push(watcher as usize);
        }
        woken
    }

    /// Something happened to these groups and these sessions.
    pub(crate) fn ring(&self, groups: &[usize], woken: impl Iterator<Item = u32>) {
        let mut bells = self.bells();
        for group in groups {
            if bells.listeners.get(*group).is_some_and(|listeners| !listeners.is_empty()) {
                bells.groups.push(*group);
            }
        }
        bells.woken.extend(woken);
        if bells.groups.is_empty() && bells.woken.is_empty() {
            return;
        }
        match &self.relay {
            Some(relay) => {
                drop(bells);
                relay.notify_one();
            }
            None => {
                let wakers = bells.ring_all();
                drop(bells);
                wakers.into_iter().for_each(Waker::wake);
            }
        }
    }

    /// Nothing in here panics half-way, so what a panicking thread left is whole.
    fn bells(&self) -> MutexGuard<'_, Bells> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bells {
    /// Marks what is to be rung; the wakers are woken when the lock is free again.
    fn ring_all(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for group in std::mem::take(&mut self.groups) {
            let Some(listeners) = self.listeners.get_mut(group) else { continue };
            for (place, listener) in listeners.iter_mut().filter(|(_, listener)| !listener.rung) {
                let Some(bell) = self.sessions.get_mut(listener.session as usize) else { continue };
                listener.rung = true;
                let seat = Seat { group: group as u32, place: place as u32 };
                bell.rung.push(Rung { seat, watcher: listener.watcher });
                wakers.extend(bell.waker.take());
            }
        }
        for session in std::mem::take(&mut self.woken) {
            if let Some(bell) = self.sessions.get_mut(session as usize) {
                bell.woken = true;
                wakers.extend(bell.waker.take());
            }
        }
        wakers
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_session_is_woken_once_however_much_happens_before_it_looks() {
        let shard = Shard::direct();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let session = shard.add_session();
        for (group, watcher) in [(3, 0), (3, 1), (5, 2)] {
            shard.listen(group, session, watcher);
        }
        let mut rung = Vec::new();
        shard.take(session, &waker, &mut rung);
        for _ in 0..4 {
            shard.ring(&[3, 5, 9], std::iter::empty());
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        shard.take(session, &waker, &mut rung);
        assert_eq!(rung, [0, 1, 2]);
    }

    #[test]
    fn who_no_longer_listens_is_not_rung() {
        let shard = Shard::direct();
        let session = shard.add_session();
        let seat = shard.listen(1, session, 7);
        shard.unlisten(seat);
        shard.ring(&[1], std::iter::empty());
        let mut rung = Vec::new();
        shard.take(session, Waker::noop(), &mut rung);
        assert!(rung.is_empty());
    }
}
