//! The bells: a shard is the client streams of one runtime. What concerns many of them is one wake-up between threads;
//! they are woken on their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use slab::Slab;
use tokio::sync::Notify;

/// Wakes the client streams of one runtime; to be run on that runtime.
#[derive(Debug)]
#[must_use = "nothing is woken unless the relay runs"]
pub struct Relay {
    shard: Arc<Shard>,
}

/// The client streams of one runtime.
#[derive(Debug)]
pub(crate) struct Shard {
    bells: Mutex<Bells>,
    relay: Option<Notify>,
}

#[derive(Debug, Default)]
struct Bells {
    sessions: Slab<Bell>,
    /// Whom the relay has yet to wake.
    rung: Vec<usize>,
}

#[derive(Debug, Default)]
struct Bell {
    rung: bool,
    waker: Option<Waker>,
}

impl Relay {
    /// Runs until it is dropped.
    pub async fn run(self) {
        loop {
            if let Some(relay) = &self.shard.relay {
                relay.notified().await;
            }
            let wakers = self.shard.bells().wakers();
            wakers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Shard {
    /// A shard whose client streams may live anywhere: whoever brings the news wakes them.
    pub(crate) fn direct() -> Self {
        Self { bells: Mutex::default(), relay: None }
    }

    /// A shard of one runtime, and the relay that has to run there.
    pub(crate) fn relayed() -> (Arc<Self>, Relay) {
        let shard = Arc::new(Self { bells: Mutex::default(), relay: Some(Notify::new()) });
        (Arc::clone(&shard), Relay { shard })
    }

    pub(crate) fn add(&self) -> usize {
        self.bells().sessions.insert(Bell::default())
    }

    pub(crate) fn remove(&self, session: usize) {
        self.bells().sessions.try_remove(session);
    }

    /// Whether the session was rung since it last asked; from now on this waker is woken when it is.
    pub(crate) fn hear(&self, session: usize, waker: &Waker) -> bool {
        let mut bells = self.bells();
        let Some(bell) = bells.sessions.get_mut(session) else { return false };
        match &mut bell.waker {
            Some(known) => known.clone_from(waker),
            None => bell.waker = Some(waker.clone()),
        }
        std::mem::take(&mut bell.rung)
    }

    /// There is something to take for these sessions.
    pub(crate) fn ring(&self, sessions: impl Iterator<Item = usize>) {
        let mut bells = self.bells();
        bells.rung.extend(sessions);
        if bells.rung.is_empty() {
            return;
        }
        let Some(relay) = &self.relay else {
            let wakers = bells.wakers();
            drop(bells);
            return wakers.into_iter().for_each(Waker::wake);
        };
        drop(bells);
        relay.notify_one();
    }

    /// Nothing in here panics half-way, so what a panicking thread left is whole.
    fn bells(&self) -> MutexGuard<'_, Bells> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bells {
    /// Marks who is rung; the wakers are woken when the lock is free again.
    fn wakers(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for session in std::mem::take(&mut self.rung) {
            if let Some(bell) = self.sessions.get_mut(session) {
                bell.rung = true;
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
    fn a_session_is_woken_once_however_often_it_is_rung_before_it_looks() {
        let shard = Shard::direct();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let session = shard.add();
        assert!(!shard.hear(session, &waker));
        for _ in 0..3 {
            shard.ring([session, session].into_iter());
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(shard.hear(session, &waker));
        assert!(!shard.hear(session, &waker));
    }

    #[test]
    fn who_is_gone_is_not_rung() {
        let shard = Shard::direct();
        let session = shard.add();
        shard.remove(session);
        shard.ring([session].into_iter());
        let later = shard.add();
        assert!(!shard.hear(later, Waker::noop()));
    }
}
