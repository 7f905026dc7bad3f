//! `Holdings`: what is owned, what is about to be, and who waits. A pure machine: the worker and the services tell it
//! what happened and when.
//!
//! ```text
//!          read of it              answered                   asked for, evicted, in doubt
//!  nobody's ───► wanted ─► acquiring ───► owned ──────────────────► returning ─► nobody's
//!                              └── asked for meanwhile ─────────────────▲
//! ```
//!
//! What is owned is answered from memory only while the session's lease is proved to live, no own write of it is under
//! way, and etcd has allowed the caller.

mod blocked;
mod events;
mod giving;
mod owned;
mod reading;
mod resting;
mod taking;
mod waiting;
mod writing;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proto_gen::KeyRange;
use proto_gen::etcdserverpb::ResponseHeader;

use crate::allowance::{Allowance, Outage};
use crate::config::Config;
use crate::counters::Counters;
use crate::moment::Moment;
use crate::names::Names;
use crate::newest::Newest;
use crate::session::Held;

use blocked::Blocked;
pub(crate) use events::Change;
pub(crate) use giving::Listing;
use owned::{Entry, Owned};
pub(crate) use reading::Reading;
use resting::Resting;
pub(crate) use taking::{Errand, Outcome};
use waiting::Waiting;
pub(crate) use waiting::{Cleared, WaiterId};
pub(crate) use writing::{Begun, Ending};

/// How long it may not be heard what others ask for while etcd answers.
const MOST_DEAF: Duration = Duration::from_secs(10);
/// Leases of earlier sessions whose keys may still be there.
const MOST_LEASES: usize = 8;

/// Everything that is shared by all threads.
#[derive(Debug)]
pub(crate) struct Holdings {
    config: Config,
    names: Names,
    counters: Arc<Counters>,
    newest: Newest,

    /// The lease that is proved to live, and until when.
    session: Option<Held>,
    own_leases: VecDeque<i64>,
    is_closed: bool,
    /// Since when nobody hears whether somebody asks for what is ours.
    deaf: Option<Moment>,

    owned: Owned,
    /// What all callers without a credential are allowed, which is the same for every key.
    anonymous: Option<Allowance>,
    /// What was allowed up to then is not any more.
    floor: Moment,
    outage: Outage,

    resting: Resting,
    /// Ranges that are being written, where nothing is acquired meanwhile.
    blocked: Blocked,

    acquiring: HashMap<Bytes, Acquiring>,
    wanted: VecDeque<Bytes>,
    returning: HashMap<Bytes, Returning>,
    to_return: VecDeque<Bytes>,
    to_refresh: VecDeque<(Bytes, i64)>,
    /// Keys whose owners are asked, and whether that has been sent.
    asking: HashMap<Bytes, bool>,
    to_ask: VecDeque<Bytes>,
    listings: VecDeque<Listing>,
    waiting: Waiting,
}

/// A key that is not owned yet.
#[derive(Debug, Default)]
struct Acquiring {
    /// None while it waits to be sent.
    lease: Option<i64>,
    /// The ownership that somebody has asked for before it was known to be ours.
    revoked: i64,
    /// The revision at which its leasing key was deleted last.
    deleted: i64,
}

/// A key that is not owned any more.
#[derive(Clone, Copy, Debug)]
struct Returning {
    create: i64,
    is_sent: bool,
}

impl Holdings {
    pub(crate) fn new(config: Config, counters: Arc<Counters>) -> Self {
        Self {
            names: Names::new(config.prefix.clone()),
            config,
            newest: Newest::default(),
            session: None,
            own_leases: VecDeque::new(),
            is_closed: false,
            deaf: None,
            owned: Owned::new(Arc::clone(&counters)),
            anonymous: None,
            floor: Moment::default(),
            outage: Outage::default(),
            resting: Resting::default(),
            blocked: Blocked::default(),
            acquiring: HashMap::new(),
            wanted: VecDeque::new(),
            returning: HashMap::new(),
            to_return: VecDeque::new(),
            to_refresh: VecDeque::new(),
            asking: HashMap::new(),
            to_ask: VecDeque::new(),
            listings: VecDeque::new(),
            waiting: Waiting::default(),
            counters,
        }
    }

    /// Somebody was answered with this header.
    pub(crate) fn heard(&mut self, header: &ResponseHeader) {
        self.newest.heard(header);
    }

    /// The session's lease, and how long it is now known to live.
    pub(crate) fn session(&mut self, held: Held) {
        if self.own_leases.back() != Some(&held.lease) {
            self.own_leases.push_back(held.lease);
            if self.own_leases.len() > MOST_LEASES {
                self.own_leases.pop_front();
            }
        }
        self.session = Some(held);
    }

    /// The session is not known to live any more: nothing is owned. What stands in etcd goes with the lease.
    pub(crate) fn lost(&mut self) {
        if self.session.take().is_some() {
            self.counters.sessions_lost.increment();
        }
        self.drop_everything();
    }

    /// Whether it is heard what others ask for.
    pub(crate) fn hears(&mut self, now: Moment, is_heard: bool) {
        self.deaf = if is_heard { None } else { self.deaf.or(Some(now)) };
    }

    /// etcd keeps the lease alive. Whoever has not heard for a while what others ask for would hold them up for ever, so
    /// he gives everything back. Cut off from etcd he need not: then his lease ends.
    pub(crate) fn kept(&mut self, now: Moment) {
        if self.is_deaf(now) {
            for key in self.owned.within(&KeyRange::prefix(&Bytes::new())) {
                self.give_back(&key);
            }
        }
    }

    fn is_deaf(&self, now: Moment) -> bool {
        self.deaf.is_some_and(|since| now.since(since) >= MOST_DEAF)
    }

    /// Nothing is owned from now on.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.drop_everything();
    }

    fn drop_everything(&mut self) {
        self.owned.clear();
        self.to_refresh.clear();
        for key in self.wanted.drain(..) {
            self.acquiring.remove(&key);
        }
        self.waiting.resolve_all();
    }

    /// The lease, if it is proved to live now.
    fn lease(&self, now: Moment) -> Option<i64> {
        self.session.filter(|held| now < held.until && !self.is_closed).map(|held| held.lease)
    }

    fn is_own(&self, lease: i64) -> bool {
        lease != 0 && self.own_leases.contains(&lease)
    }

    /// Who waits, and for what, for tests that nobody is left behind.
    #[cfg(test)]
    pub(crate) fn waiters(&self) -> usize {
        self.waiting.len()
    }

    /// Keeps these keys from being acquired.
    pub(crate) fn block(&mut self, ranges: &[KeyRange]) {
        ranges.iter().for_each(|range| self.blocked.add(range));
    }

    /// Ends what [`Self::block`] has begun.
    pub(crate) fn unblock(&mut self, ranges: &[KeyRange]) {
        ranges.iter().for_each(|range| self.blocked.remove(range));
    }
}

#[cfg(test)]
mod tests;
