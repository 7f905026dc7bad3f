//! `Flight`: a question that is under way, and those who wait for its answer.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::{Code, Status};

use crate::kept::Kept;
use crate::key::Key;
use crate::moment::Moment;

/// How a flight ended.
#[derive(Clone, Debug)]
pub(crate) enum Landing {
    /// etcd answered.
    Answered(Arc<Kept>),
    /// etcd refused, as it would refuse everybody who asks this.
    Refused(Status),
    /// It failed for reasons that may be its own.
    Failed,
}

/// One question under way, as those see it who might wait for it.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    pub(crate) id: u64,
    pub(crate) sent: Moment,
    pub(crate) landing: watch::Receiver<Option<Landing>>,
}

/// The right to land a flight. Dropped before that, it lets those who wait ask by themselves.
#[derive(Debug)]
pub(crate) struct Pilot {
    pub(crate) id: u64,
    pub(crate) key: Key,
    pub(crate) sent: Moment,
    pub(crate) landing: watch::Sender<Option<Landing>>,
}

impl Pilot {
    pub(crate) fn new(id: u64, key: Key, sent: Moment) -> (Self, Flight) {
        let (sender, receiver) = watch::channel(None);
        (Self { id, key, sent, landing: sender }, Flight { id, sent, landing: receiver })
    }

    /// Whether anybody waits besides the one who is kept for those to come.
    pub(crate) fn has_passengers(&self) -> bool {
        self.landing.receiver_count() > 1
    }
}

impl Flight {
    /// Waits for the end; none when the pilot has gone.
    pub(crate) async fn landed(mut self) -> Option<Landing> {
        let landed = self.landing.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }
}

impl Landing {
    /// What a failure means for the others who asked the same.
    pub(crate) fn failed(status: &Status) -> Self {
        match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented => Self::Refused(status.clone()),
            _ => Self::Failed,
        }
    }
}
