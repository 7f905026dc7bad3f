//! What is counted of every gRPC call: by method, as go-grpc-middleware counts it.
//!
//! Each runtime has a shard of its own, so that counting a call touches no memory that another thread writes.

mod body;
mod methods;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use admin_http::{Buckets, Histogram};
use tonic::Code;

pub(crate) use body::{CountedBody, RequestBody};
pub(crate) use methods::{Kind, Method, Methods};

use crate::services::spans::CallSpan;

/// gRPC's codes in the words of Go's library, by their numbers.
pub(crate) const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// The counts of the process; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Calls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    methods: Arc<Methods>,
    timed: bool,
    shards: Mutex<Vec<Arc<[Counts]>>>,
}

/// Counts the calls of one runtime; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct CallShard {
    methods: Arc<Methods>,
    counts: Arc<[Counts]>,
    timed: bool,
}

/// The counts of one method on one runtime. No other runtime's counts are on its cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    started: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    handled: [AtomicU64; CODES.len()],
    took: Histogram,
}

/// The counts of one method over all runtimes at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) started: u64,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    /// By code.
    pub(crate) handled: [u64; CODES.len()],
    pub(crate) took: Buckets,
}

/// A call under way. When it is dropped without a code, the client has given up.
#[derive(Debug)]
pub(crate) struct CountedCall {
    counts: Arc<[Counts]>,
    index: usize,
    kind: Kind,
    began: Option<Instant>,
    code: Option<Code>,
    span: CallSpan,
}

impl Calls {
    /// `timed` says whether calls are timed too.
    pub(crate) fn new(timed: bool) -> Self {
        Self(Arc::new(Shared { methods: Arc::new(Methods::known()), timed, shards: Mutex::default() }))
    }

    /// Whether calls are timed.
    pub(crate) fn is_timed(&self) -> bool {
        self.0.timed
    }

    /// A shard for one runtime.
    pub(crate) fn shard(&self) -> CallShard {
        let counts: Arc<[Counts]> = self.0.methods.all().iter().map(|_| Counts::default()).collect();
        self.0.shards.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counts));
        CallShard { methods: Arc::clone(&self.0.methods), counts, timed: self.0.timed }
    }

    /// Every known method with its counts.
    pub(crate) fn totals(&self) -> Vec<(&Method, Totals)> {
        let shards = self.0.shards.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let of = |index: usize| {
            let mut totals = Totals::default();
            shards.iter().filter_map(|shard| shard.get(index)).for_each(|counts| counts.add_to(&mut totals));
            totals
        };
        self.0.methods.all().iter().enumerate().map(|(index, method)| (method, of(index))).collect()
    }
}

impl CallShard {
    /// Counts the beginning of a call. None where the method is not one of the API's: whoever calls could otherwise
    /// fill the page with names.
    pub(crate) fn begin(&self, path: &str) -> Option<CountedCall> {
        let index = self.methods.index(path)?;
        let kind = self.methods.all().get(index)?.kind;
        let call = CountedCall {
            counts: Arc::clone(&self.counts),
            index,
            kind,
            began: self.timed.then(Instant::now),
            code: None,
            span: CallSpan::default(),
        };
        let counts = call.counts()?;
        counts.started.fetch_add(1, Ordering::Relaxed);
        if !kind.client_streams() {
            counts.received.fetch_add(1, Ordering::Relaxed);
        }
        Some(call)
    }
}

impl CountedCall {
    fn counts(&self) -> Option<&Counts> {
        self.counts.get(self.index)
    }
}

impl Drop for CountedCall {
    fn drop(&mut self) {
        self.span.end(self.code.unwrap_or(Code::Cancelled));
        let Some(counts) = self.counts() else { return };
        if !self.kind.server_streams() {
            // Go's library counts the answer of a call that failed, too.
            counts.sent.fetch_add(1, Ordering::Relaxed);
        }
        let code = self.code.unwrap_or(Code::Cancelled);
        if let Some(handled) = counts.handled.get(code as usize) {
            handled.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(began) = self.began {
            counts.took.observe(began.elapsed());
        }
    }
}

impl Counts {
    fn add_to(&self, totals: &mut Totals) {
        totals.started += self.started.load(Ordering::Relaxed);
        totals.received += self.received.load(Ordering::Relaxed);
        totals.sent += self.sent.load(Ordering::Relaxed);
        for (sum, handled) in totals.handled.iter_mut().zip(&self.handled) {
            *sum += handled.load(Ordering::Relaxed);
        }
        self.took.add_to(&mut totals.took);
    }
}

#[cfg(test)]
mod tests;
