//! `KvCache`: what is kept, what has been said, and what follows from the two.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};
use tokio::sync::mpsc;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::barrier::{Barrier, Use};
use crate::config::Config;
use crate::counters::Counters;
use crate::flight::{Flight, Landing, Pilot};
use crate::hot::Wanted;
use crate::index::{Index, Marked};
use crate::kept::{self, Kept};
use crate::key::{Key, Keys};
use crate::moment::{Clock, Moment};
use crate::shard::Shard;
use crate::watcher::Watcher;
use crate::witness::{Shown, Witness};
use proto_gen::KeyRange;

/// Locks, so that threads seldom meet at one.
const SHARDS: usize = 16;
/// An answer that has been given this often before it was too old is about something that is read often.
const HOT: u32 = 8;
/// Ranges that may wait to be watched.
const MOST_WANTED: usize = 64;
/// Keys times ranges that are compared for one answer. Beyond that nothing is proved, and answers are given up.
const MOST_COMPARISONS: usize = 1 << 18;

/// Answers to serializable reads, shared by all threads; cheap to clone.
#[derive(Clone, Debug)]
pub struct KvCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    clock: Clock,
    keys: Keys,
    shards: Vec<Mutex<Shard>>,
    index: Arc<Index>,
    /// For all answers.
    everything: Barrier,
    /// For answers that show an old revision.
    past: Barrier,
    /// For answers with keys in them.
    keyed: Barrier,
    /// The newest revision that anybody has been told.
    seen: AtomicI64,
    flights: AtomicU64,
    counters: Counters,
    wanted: mpsc::Sender<Wanted>,
}

/// How a read that is not answered from memory goes on.
#[derive(Debug)]
pub(crate) enum Boarding {
    /// Somebody asks the same already.
    Passenger(Flight),
    /// The question is to be sent.
    Pilot(Pilot, Departure),
}

/// What was known when a question was sent.
#[derive(Debug)]
pub(crate) struct Departure {
    mark: Marked,
    seen: i64,
}

/// Why an answer is not given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfit {
    Expired,
    Overtaken,
}

impl KvCache {
    /// A cache, and the watcher of what is read often, to be run beside it.
    pub fn new(config: Config) -> (Self, Watcher) {
        let (wanted, received) = mpsc::channel(MOST_WANTED);
        let cache = Self(Arc::new(Inner {
            clock: Clock::start(),
            keys: Keys::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            index: Arc::default(),
            everything: Barrier::default(),
            past: Barrier::default(),
            keyed: Barrier::default(),
            seen: AtomicI64::new(0),
            flights: AtomicU64::new(0),
            counters: Counters::default(),
            config,
            wanted,
        }));
        let watcher = Watcher::new(cache.clone(), received);
        (cache, watcher)
    }

    /// The cache's numbers.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn is_off(&self) -> bool {
        self.0.config.is_off()
    }

    pub(crate) fn now(&self) -> Moment {
        self.0.clock.now()
    }

    pub(crate) fn key(&self, metadata: &MetadataMap, request: &RangeRequest) -> Key {
        self.0.keys.key(metadata, request)
    }

    pub(crate) fn mark(&self, range: &KeyRange) -> Marked {
        self.0.index.mark(range, self.now())
    }

    /// The newest revision that must not be undercut by what is asked from now on.
    pub(crate) fn needed(&self) -> i64 {
        if self.0.config.ordered { self.0.seen.load(Ordering::SeqCst) } else { 0 }
    }

    /// The answer from memory, if there is one that may be given.
    pub(crate) fn answer(&self, key: &Key, metadata: &MetadataMap) -> Option<RangeResponse> {
        let kept = self.shard(key).answer(key)?;
        match self.judge(&kept, self.needed(), Use::Keep, self.now()) {
            Ok(revision) => {
                self.0.counters.hits.increment();
                if kept.hit() == HOT {
                    self.want(&kept, metadata);
                }
                Some(kept.response(revision))
            }
            Err(Unfit::Expired) => {
                self.0.counters.expirations.increment();
                None
            }
            Err(Unfit::Overtaken) => {
                self.0.counters.invalidations.increment();
                None
            }
        }
    }

    /// What somebody else was answered, if it may be given to one who needs at least this revision.
    pub(crate) fn share(&self, kept: &Kept, needed: i64) -> Option<RangeResponse> {
        let revision = self.judge(kept, needed, Use::Share, kept.stamp.sent).ok()?;
        self.0.counters.joins.increment();
        Some(kept.response(revision))
    }

    fn judge(&self, kept: &Kept, needed: i64, purpose: Use, now: Moment) -> Result<i64, Unfit> {
        let sent = kept.stamp.sent;
        if now.since(sent) > self.0.config.max_age {
            return Err(Unfit::Expired);
        }
        let revision = kept.mark.judge(&kept.stamp, purpose).ok_or(Unfit::Overtaken)?;
        let passes = |barrier: &Barrier| barrier.admits(revision, sent, purpose);
        let good = revision >= needed
            && passes(&self.0.everything)
            && (!kept.is_past || passes(&self.0.past))
            && (!kept.has_keys || passes(&self.0.keyed));
        if good { Ok(revision) } else { Err(Unfit::Overtaken) }
    }

    /// Finds somebody who asks the same, or makes this one the one who asks.
    pub(crate) fn board(&self, key: &Key, request: &RangeRequest) -> Boarding {
        let mark = self.mark(&KeyRange::new(&request.key, &request.range_end));
        // After the mark: a write that found no mark to raise has been seen by now.
        let seen = self.0.seen.load(Ordering::SeqCst);
        let now = self.now();
        let suits = |flight: &Flight| {
            let asked_late_enough = |barrier: &Barrier| barrier.admits(i64::MAX, flight.sent, Use::Share);
            now.since(flight.sent) < self.0.config.max_age
                && [&mark.barrier, &self.0.everything, &self.0.past, &self.0.keyed]
                    .into_iter()
                    .all(asked_late_enough)
        };
        let departs = || Pilot::new(self.0.flights.fetch_add(1, Ordering::Relaxed), key.clone(), now);
        let boarded = self.shard(key).board(key, suits, departs);
        match boarded {
            Ok(flight) => Boarding::Passenger(flight),
            Err(pilot) => {
                self.0.counters.misses.increment();
                Boarding::Pilot(pilot, Departure { mark, seen })
            }
        }
    }

    /// Keeps what was answered, if it may be given again, and tells those who wait.
    pub(crate) fn land(
        &self,
        pilot: Pilot,
        departure: Departure,
        request: &RangeRequest,
        outcome: Result<&RangeResponse, &Status>,
    ) {
        let landing = match outcome {
            Ok(response) => {
                self.told(request, response);
                self.arrived(&pilot, departure, request, response)
            }
            Err(status) => Landing::failed(status),
        };
        self.shard(&pilot.key).close(&pilot);
        pilot.landing.send_replace(Some(landing));
    }

    /// The question was given up.
    pub(crate) fn abandon(&self, pilot: &Pilot) {
        self.shard(&pilot.key).close(pilot);
    }

    fn arrived(
        &self,
        pilot: &Pilot,
        departure: Departure,
        request: &RangeRequest,
        response: &RangeResponse,
    ) -> Landing {
        let fits = kept::size(response) + pilot.key.len() <= self.0.config.largest();
        if !fits && !pilot.has_passengers() {
            return Landing::Failed;
        }
        let response = if fits { kept::copied(response) } else { response.clone() };
        let Departure { mark, seen } = departure;
        let Some(kept) = Kept::new(request, response, mark, pilot.sent) else { return Landing::Failed };
        let kept = Arc::new(kept);
        // A member that lags behind what somebody was told before the question has nothing to be kept.
        let judged = self.judge(&kept, seen, Use::Keep, self.now());
        if fits && judged.is_ok() {
            self.keep(pilot.key.clone(), Arc::clone(&kept));
        }
        Landing::Answered(kept)
    }

    fn keep(&self, key: Key, kept: Arc<Kept>) {
        let counters = &self.0.counters;
        let home = key.shard(SHARDS);
        let size = kept.size + key.len();
        let length = key.len();
        let replaced = self.shard(&key).keep(key, kept);
        counters.entries.increment();
        counters.bytes.add(size as u64);
        if let Some(replaced) = replaced {
            counters.entries.sub(1);
            counters.bytes.sub((replaced.size + length) as u64);
        }
        // The shard that has just got one is the last to give one up.
        for place in 1..=SHARDS {
            while self.is_full() && self.evict(home + place) {}
        }
    }

    fn is_full(&self) -> bool {
        let Inner { counters, config, .. } = &*self.0;
        counters.entries.get() > config.max_entries as u64 || counters.bytes.get() > config.max_bytes as u64
    }

    /// False where there is nothing to evict.
    fn evict(&self, place: usize) -> bool {
        let Some(shard) = self.0.shards.get(place % SHARDS) else { return false };
        let evicted = shard.lock().unwrap_or_else(PoisonError::into_inner).evict();
        let Some((key, kept)) = evicted else { return false };
        let counters = &self.0.counters;
        counters.entries.sub(1);
        counters.bytes.sub((kept.size + key.len()) as u64);
        counters.evictions.increment();
        true
    }

    /// A read was answered: no answer about these keys may be older from here on.
    pub(crate) fn told(&self, request: &RangeRequest, response: &RangeResponse) {
        let Some(header) = &response.header else { return };
        let revision = header.revision;
        self.0.seen.fetch_max(revision, Ordering::SeqCst);
        let range = KeyRange::new(&request.key, &request.range_end);
        let Ok(marks) = self.0.index.overlapping(&range) else {
            return self.0.everything.raise(revision);
        };
        if marks.is_empty() {
            return;
        }
        let shown = Shown::of(request, response)
            .filter(|_| marks.len().saturating_mul(response.kvs.len()) <= MOST_COMPARISONS);
        for mark in marks {
            match shown.as_ref().and_then(|shown| shown.part(&mark.range)) {
                Some(witness) => mark.tell(revision, witness),
                None if request.revision > 0 && mark.range != range => {}
                None => match response.kvs.first().filter(|_| range.is_point() && request.revision == 0) {
                    // The rest of the other range may be as it was.
                    Some(kv) if mark.range != range => mark.barrier.raise(kv.mod_revision),
                    _ => mark.tell(revision, Witness::Partial),
                },
            }
        }
    }

    /// A write to these ranges, or a look at them, was answered at this revision.
    pub(crate) fn touched(&self, ranges: &[KeyRange], revision: i64) {
        self.0.seen.fetch_max(revision, Ordering::SeqCst);
        self.changed(ranges, revision);
    }

    /// These ranges were written, not later than at this revision.
    pub(crate) fn changed(&self, ranges: &[KeyRange], revision: i64) {
        for range in ranges {
            match self.0.index.overlapping(range) {
                Ok(marks) => marks.iter().for_each(|mark| mark.barrier.raise(revision)),
                Err(_) => self.0.everything.raise(revision),
            }
        }
    }

    /// A write to these ranges ended and left no revision. Within `doubt` it may still happen.
    pub(crate) fn interrupted(&self, ranges: &[KeyRange], doubt: Duration) {
        let now = self.now();
        for range in ranges {
            let marks = if doubt.is_zero() {
                self.0.index.overlapping(range)
            } else {
                self.0.index.doubt(range, now, now.after(doubt))
            };
            match marks {
                Ok(marks) => marks.iter().for_each(|mark| mark.barrier.interrupt(now, doubt)),
                Err(_) => self.0.everything.interrupt(now, doubt),
            }
        }
    }

    /// Keys were taken away with their lease, nobody knows which, at this revision.
    pub(crate) fn revoked(&self, revision: i64) {
        self.0.seen.fetch_max(revision, Ordering::SeqCst);
        self.0.keyed.raise(revision);
    }

    pub(crate) fn barrier_of_keyed(&self) -> &Barrier {
        &self.0.keyed
    }

    pub(crate) fn barrier_of_past(&self) -> &Barrier {
        &self.0.past
    }

    pub(crate) fn barrier_of_everything(&self) -> &Barrier {
        &self.0.everything
    }

    /// Asks for a watch of what is read often.
    fn want(&self, kept: &Kept, metadata: &MetadataMap) {
        let mark = &kept.mark;
        if self.0.config.max_watches == 0 || mark.watched.swap(true, Ordering::AcqRel) {
            return;
        }
        let wanted = Wanted::new(metadata, self.mark(&mark.range));
        // Whoever is read often will be noticed again.
        if let Err(refused) = self.0.wanted.try_send(wanted) {
            mark.watched.store(false, Ordering::Release);
            drop(refused);
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard> {
        let place = key.shard(SHARDS);
        #[expect(clippy::indexing_slicing, reason = "a key's shard is below the number of shards")]
        self.0.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn flights(&self) -> usize {
        let count = |shard: &Mutex<Shard>| shard.lock().unwrap().flights();
        self.0.shards.iter().map(count).sum()
    }

    #[cfg(test)]
    pub(crate) fn marks(&self) -> usize {
        self.0.index.overlapping(&KeyRange::prefix(&bytes::Bytes::new())).unwrap().len()
    }
}
