//! The worker: opens, feeds and reads the upstream streams as the machine wants it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures_util::stream::{AbortHandle, Abortable, BoxStream, SelectAll, abortable, once};
use futures_util::{StreamExt, TryFutureExt};
use proto_gen::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use crate::caller::Caller;
use crate::hub::Shared;
use crate::refusal;
use crate::renewals::{Action, Renewals, StreamId};
use crate::upstream::{OpenKeepAlive, Pings};

/// How many answers of one stream are taken in before the clients are woken.
const GULP: usize = 256;

/// Handles the upstream streams of a hub; nothing happens unless it runs.
#[must_use = "a hub without its worker answers nobody"]
pub struct Worker<O> {
    shared: Arc<Shared>,
    upstream: O,
    lines: HashMap<StreamId, Line>,
    heard: SelectAll<Abortable<BoxStream<'static, Heard>>>,
}

/// The way to an upstream stream.
struct Line {
    pings: mpsc::UnboundedSender<LeaseKeepAliveRequest>,
    abort: AbortHandle,
}

/// What came on an upstream stream; an error is its end.
type Heard = (StreamId, Vec<Result<LeaseKeepAliveResponse, Status>>);

impl<O: OpenKeepAlive> Worker<O> {
    pub(crate) fn new(shared: Arc<Shared>, upstream: O) -> Self {
        Self { shared, upstream, lines: HashMap::new(), heard: SelectAll::new() }
    }

    /// Runs until the hub is closed.
    pub async fn run(mut self) {
        loop {
            let deadline = self.act();
            if self.shared.is_closed() {
                return;
            }
            tokio::select! {
                Some(heard) = self.heard.next(), if !self.heard.is_empty() => self.hear(heard),
                () = self.shared.worker_bell.notified() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
            }
            self.shared.with(Renewals::tick);
        }
    }

    /// Does what the machine wants; says when it wants to be asked again.
    fn act(&mut self) -> Option<Instant> {
        let (actions, deadline) = self.shared.take_actions();
        for action in actions {
            match action {
                Action::Open { stream, caller } => self.open(stream, &caller),
                Action::Send { stream, lease } => {
                    if let Some(line) = self.lines.get(&stream) {
                        // A line whose far end is gone is about to be heard of as lost.
                        let _ = line.pings.send(LeaseKeepAliveRequest { id: lease });
                    }
                }
                Action::Close { stream } => {
                    if let Some(line) = self.lines.remove(&stream) {
                        line.abort.abort();
                    }
                }
            }
        }
        deadline.map(Instant::from_std)
    }

    fn open(&mut self, stream: StreamId, caller: &Caller) {
        let (pings, receiver) = mpsc::unbounded_channel();
        let answers = self.upstream.open(caller, Pings(receiver)).try_flatten_stream();
        let told = answers.chain(once(async { Err(refusal::ended()) }));
        let (heard, abort) = abortable(told.ready_chunks(GULP).map(move |chunk| (stream, chunk)).boxed());
        self.heard.push(heard);
        self.lines.insert(stream, Line { pings, abort });
    }

    fn hear(&mut self, (stream, chunk): Heard) {
        // What comes after a stream's end, or from one that is closed, is about nobody.
        if !self.lines.contains_key(&stream) {
            return;
        }
        self.shared.with(|renewals, now| {
            for heard in chunk {
                match heard {
                    Ok(response) => renewals.answer(stream, response, now),
                    Err(status) => {
                        let (code, message) = (status.code(), status.message());
                        tracing::debug!(?code, message, "an upstream keep-alive stream has ended");
                        renewals.lost(stream, &status, now);
                    }
                }
            }
            renewals.settled(stream, now);
        });
    }
}

impl<O> fmt::Debug for Worker<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("lines", &self.lines.len()).finish_non_exhaustive()
    }
}
