//! `Pending`: a write under way, which leaves its trace in the cache however it ends.

use std::time::Duration;

use tonic::{Code, Response, Status};

use crate::cache::KvCache;
use proto_gen::KeyRange;

/// How long a write of which nobody heard the end may still happen. etcd gives up its own waiting after 5 seconds and
/// two election timeouts, which are a second each unless somebody asked for others.
const DOUBT: Duration = Duration::from_secs(10);

/// What a write may change.
#[derive(Debug)]
pub(crate) enum Reach {
    /// Keys in these ranges.
    Ranges(Vec<KeyRange>),
    /// Any keys that are there.
    Keys,
    /// What can be read of the past.
    Past,
    /// Who may read what.
    Everything,
}

/// A write whose end nobody has heard of. When it is dropped like that, because the caller has gone, it is in doubt.
#[derive(Debug)]
pub struct Pending {
    cache: KvCache,
    reach: Option<Reach>,
}

impl KvCache {
    /// To be held from before a write is sent until its answer is given.
    pub(crate) fn pending(&self, reach: Reach) -> Pending {
        let reach = (!self.is_off()).then_some(reach);
        Pending { cache: self.clone(), reach }
    }

    /// A change of users, roles or permissions, or of what cannot be known. To be held from before it is sent until
    /// its answer is given; see [`Pending::ended`].
    pub fn pending_change(&self) -> Pending {
        self.pending(Reach::Everything)
    }
}

impl Pending {
    /// Takes note of an answer that has its revision from `revision`.
    pub(crate) fn end<T>(
        mut self,
        answer: &Result<Response<T>, Status>,
        revision: impl FnOnce(&T) -> Option<i64>,
    ) {
        let Some(reach) = self.reach.take() else { return };
        match answer {
            Ok(response) => match revision(response.get_ref()) {
                Some(revision) => self.happened(&reach, revision),
                None => self.interrupted(&reach, Duration::ZERO),
            },
            Err(status) => self.interrupted(&reach, doubt(status)),
        }
    }

    /// It was answered, well or badly, by etcd itself.
    pub fn ended(mut self) {
        if let Some(reach) = self.reach.take() {
            self.interrupted(&reach, Duration::ZERO);
        }
    }

    /// It changes nothing: etcd does not even know it.
    pub fn forget(mut self) {
        self.reach = None;
    }

    fn happened(&self, reach: &Reach, revision: i64) {
        match reach {
            Reach::Ranges(ranges) => self.cache.touched(ranges, revision),
            Reach::Keys => self.cache.revoked(revision),
            Reach::Past | Reach::Everything => self.interrupted(reach, Duration::ZERO),
        }
    }

    fn interrupted(&self, reach: &Reach, doubt: Duration) {
        let barrier = match reach {
            Reach::Ranges(ranges) => return self.cache.interrupted(ranges, doubt),
            Reach::Keys => self.cache.barrier_of_keyed(),
            Reach::Past => self.cache.barrier_of_past(),
            Reach::Everything => self.cache.barrier_of_everything(),
        };
        barrier.interrupt(self.cache.now(), doubt);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(reach) = self.reach.take() {
            self.interrupted(&reach, DOUBT);
        }
    }
}

/// How long a write that ended with this status may still happen.
fn doubt(status: &Status) -> Duration {
    match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => Duration::ZERO,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => DOUBT,
    }
}
