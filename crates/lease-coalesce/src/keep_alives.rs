//! One client stream, polled when the client can take more: it reads the pings and gives the answers.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use proto_gen::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use tokio::time::{Sleep, sleep};
use tonic::Status;

use crate::caller::Caller;
use crate::hub::Shared;
use crate::refusal;
use crate::renewals::{Seat, SessionId};
use crate::shard::Shard;

/// How many pings are taken in at once.
const GULP: usize = 128;

/// The answers to the pings of one client, of which `R` is the stream. Must be polled on the runtime of its door.
pub struct KeepAlives<R> {
    /// `None` when the client asks no more.
    pings: Option<R>,
    /// How its asking broke off; told when everything that was asked is answered.
    broken: Option<Status>,
    /// `None` when nothing more will be answered.
    session: Option<Session>,
    /// Pings that were asked and whose answers have not been taken.
    pending: usize,
    answers: VecDeque<LeaseKeepAliveResponse>,
    /// How the stream ends after the answers, if not well.
    end: Option<Status>,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// A place among the client streams; it is left when this is dropped.
struct Session {
    shared: Arc<Shared>,
    shard: Arc<Shard>,
    seat: Seat,
    id: SessionId,
}

impl<R> KeepAlives<R> {
    /// A client stream of this caller, in this shard.
    ///
    /// # Errors
    /// When the hub is closed.
    pub(crate) fn open(
        shared: &Arc<Shared>,
        shard: &Arc<Shard>,
        index: usize,
        caller: Caller,
        pings: R,
        timeout: Option<Duration>,
    ) -> Result<Self, Status> {
        let seat = Seat { shard: index, key: shard.add() };
        match shared.with(|renewals, now| renewals.enter(caller, seat, now)) {
            Ok(id) => Ok(Self {
                pings: Some(pings),
                broken: None,
                session: Some(Session { shared: Arc::clone(shared), shard: Arc::clone(shard), seat, id }),
                pending: 0,
                answers: VecDeque::new(),
                end: None,
                deadline: timeout.map(|timeout| Box::pin(sleep(timeout))),
            }),
            Err(status) => {
                shard.remove(seat.key);
                Err(status)
            }
        }
    }

    fn finish(&mut self, end: Option<Status>) {
        (self.pings, self.session, self.deadline) = (None, None, None);
        self.end = end;
    }
}

impl<R> Stream for KeepAlives<R>
where
    R: Stream<Item = Result<LeaseKeepAliveRequest, Status>> + Unpin,
{
    type Item = Result<LeaseKeepAliveResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(response) = this.answers.pop_front() {
                return Poll::Ready(Some(Ok(response)));
            }
            let Some(session) = &this.session else {
                return Poll::Ready(this.end.take().map(Err));
            };
            if this.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
                this.finish(Some(refusal::deadline()));
                continue;
            }
            let is_rung = session.shard.hear(session.seat.key, cx.waker());
            let asked = listen(&mut this.pings, &mut this.broken, session.room(this.pending), cx);
            this.pending += asked.len();
            if this.pings.is_none() && this.pending == 0 {
                let broken = this.broken.take();
                this.finish(broken);
                continue;
            }
            if asked.is_empty() && !is_rung {
                return Poll::Pending;
            }
            let end = session.turn(&asked, &mut this.answers);
            this.pending = this.pending.saturating_sub(this.answers.len());
            if end.is_some() {
                this.finish(end);
            }
        }
    }
}

/// What the client asks, as far as there is room for answers.
fn listen<R>(
    pings: &mut Option<R>,
    broken: &mut Option<Status>,
    room: usize,
    cx: &mut Context<'_>,
) -> Vec<i64>
where
    R: Stream<Item = Result<LeaseKeepAliveRequest, Status>> + Unpin,
{
    let mut asked = Vec::new();
    while let Some(open) = pings.as_mut().filter(|_| asked.len() < room) {
        match open.poll_next_unpin(cx) {
            Poll::Pending => break,
            Poll::Ready(Some(Ok(ping))) => asked.push(ping.id),
            Poll::Ready(end) => {
                *pings = None;
                *broken = end.and_then(Result::err);
            }
        }
    }
    asked
}

impl Session {
    /// How many pings may be taken in now.
    fn room(&self, pending: usize) -> usize {
        self.shared.max_pending.saturating_sub(pending).min(GULP)
    }

    /// The only time that the machine's lock is held for a stream.
    fn turn(&self, asked: &[i64], answers: &mut VecDeque<LeaseKeepAliveResponse>) -> Option<Status> {
        self.shared.with(|renewals, now| {
            for lease in asked {
                renewals.ask(self.id, *lease, now);
            }
            renewals.take(self.id, answers)
        })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.with(|renewals, now| renewals.exit(self.id, now));
        self.shard.remove(self.seat.key);
    }
}

impl<R> fmt::Debug for KeepAlives<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAlives").field("pending", &self.pending).finish_non_exhaustive()
    }
}
