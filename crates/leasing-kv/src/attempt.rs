//! Things that are begun under the lock and end however the call ends.

use std::sync::Arc;

use proto_gen::KeyRange;
use tonic::{Code, Status};

use crate::executed::Effect;
use crate::guards::Guards;
use crate::holdings::{Begun, Cleared, Ending, WaiterId};
use crate::leasing::Shared;
use crate::writes::Writes;

/// A write under way. When it is dropped without an end, because the caller has gone, nobody knows what it did.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    shared: &'a Shared,
    begun: Option<Begun>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn begin(shared: &'a Shared, writes: &Writes) -> (Self, Guards) {
        let now = shared.now();
        let (begun, guards) = shared.holdings().begin(now, writes);
        if !writes.ranges.is_empty() {
            shared.bell.notify_one();
        }
        (Self { shared, begun: Some(begun) }, guards)
    }

    pub(crate) fn done(mut self, revision: i64, effects: Option<&[Effect<'_>]>) {
        self.end(&Ending::Done { revision, effects });
    }

    pub(crate) fn not_done(mut self) {
        self.end(&Ending::NotDone);
    }

    pub(crate) fn failed(mut self, status: &Status) {
        self.end(if is_answered(status) { &Ending::NotDone } else { &Ending::Unknown });
    }

    fn end(&mut self, ending: &Ending<'_>) {
        let Some(begun) = self.begun.take() else { return };
        let now = self.shared.now();
        let has_errands = {
            let mut holdings = self.shared.holdings();
            holdings.end(now, &begun, ending);
            holdings.has_errands()
        };
        if has_errands {
            self.shared.bell.notify_one();
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.end(&Ending::Unknown);
    }
}

/// Whether a write that ended with this status has not happened and will not. Statuses that this process may have made
/// after etcd answered, such as for an answer that is too large, say nothing of that.
fn is_answered(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Unauthenticated
    )
}

/// Keeps ranges from being acquired.
#[derive(Debug)]
pub(crate) struct Block {
    shared: Arc<Shared>,
    ranges: Vec<KeyRange>,
}

impl Block {
    pub(crate) fn new(shared: &Arc<Shared>, ranges: Vec<KeyRange>) -> Self {
        shared.holdings().block(&ranges);
        Self { shared: Arc::clone(shared), ranges }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.shared.holdings().unblock(&self.ranges);
    }
}

/// Waits for the owners of what is to be written.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    shared: &'a Shared,
    waiter: WaiterId,
    cleared: Cleared,
}

impl<'a> Wait<'a> {
    pub(crate) fn begin(shared: &'a Shared, writes: &Writes) -> Self {
        let (waiter, cleared) = shared.holdings().clear(writes);
        shared.bell.notify_one();
        Self { shared, waiter, cleared }
    }

    /// Whether anybody owned anything.
    pub(crate) async fn ended(&mut self) -> bool {
        (&mut self.cleared).await.unwrap_or(true)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.shared.holdings().leave(self.waiter);
    }
}
