//! What the handle and the worker share: the lines, what was learned of answers, and a bell.
//!
//! All of it lives on one thread, so nobody ever waits for the lock; it is there because a service must be able to
//! change threads between calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use crate::caller::Caller;
use crate::config::Config;
use crate::counters::Counters;
use crate::heavy::{Fingerprint, Heavy};
use crate::kind::kind;
use crate::lines::{Batch, Class, Entrance, Lines, Ticket};

pub(crate) type Answer = Result<Response<RangeResponse>, Status>;
/// Dropped without an answer, it lets its reader ask for himself.
pub(crate) type Waiter = oneshot::Sender<Answer>;

#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) counters: Arc<Counters>,
    /// Rung for the worker.
    pub(crate) bell: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    lines: Lines<Waiter>,
    heavy: Heavy,
    /// Whether the worker looks after those who wait without being rung for.
    watched: bool,
}

/// How a read goes on.
#[derive(Debug)]
pub(crate) enum Way<'a> {
    /// It shares nothing.
    Past,
    /// It goes at once, by itself.
    Alone(Pass<'a>),
    /// Its answer comes from a batch, or it is to ask for itself.
    Together(oneshot::Receiver<Answer>),
}

/// A lone read under way. When it is dropped those behind it go.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    station: &'a Station,
    ticket: Ticket,
    fingerprint: Fingerprint,
}

impl Station {
    pub(crate) fn new(config: &Config, counters: Arc<Counters>) -> Self {
        let state = State { lines: Lines::new(config), heavy: Heavy::new(), watched: false };
        Self { counters, bell: Notify::new(), state: Mutex::new(state) }
    }

    pub(crate) fn enter(&self, request: &Request<RangeRequest>) -> Way<'_> {
        let mut state = self.state();
        if !state.lines.is_open() {
            return Way::Past;
        }
        let read = request.get_ref();
        let fingerprint = state.heavy.fingerprint(read);
        let Some(kind) = kind(read, fingerprint, &state.heavy) else {
            self.counters.excluded_reads.increment();
            return Way::Past;
        };
        let headers: &HeaderMap = request.metadata().as_ref();
        let now = Instant::now();
        match state.lines.enter(Class { caller: Caller::of(headers), kind }, now) {
            Entrance::Go(ticket) => {
                self.counters.plain_reads.increment();
                Way::Alone(Pass { station: self, ticket, fingerprint })
            }
            Entrance::Wait(place) => {
                let (waiter, answer) = oneshot::channel();
                state.lines.wait(place, read, fingerprint, waiter, now);
                if !state.watched {
                    self.bell.notify_one();
                }
                Way::Together(answer)
            }
        }
    }

    pub(crate) fn open(&self) {
        self.state().lines.open();
    }

    pub(crate) fn close(&self) {
        self.state().lines.close();
    }

    pub(crate) fn tick(&self, now: Instant) {
        self.state().lines.tick(now);
    }

    pub(crate) fn is_due(&self) -> bool {
        self.state().lines.is_due()
    }

    pub(crate) fn take(&self) -> Option<Batch<Waiter>> {
        self.state().lines.take(Instant::now())
    }

    /// The worker rests: with calls under way it will look again by itself, and as long as anybody waits.
    /// Returns whether it must.
    pub(crate) fn watch(&self, calls_under_way: bool) -> bool {
        let mut state = self.state();
        state.watched = calls_under_way || state.lines.anybody_waits();
        state.watched
    }

    pub(crate) fn returned(&self, ticket: Ticket) {
        self.state().lines.returned(ticket);
    }

    pub(crate) fn refused(&self, reads: usize) {
        self.state().lines.refused(reads);
    }

    pub(crate) fn learn<'a>(&self, answers: impl Iterator<Item = (Fingerprint, &'a RangeResponse)>) {
        let mut state = self.state();
        answers.for_each(|(fingerprint, answer)| state.heavy.learn(fingerprint, answer));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// Takes note of what the read was answered with.
    pub(crate) fn answered(&self, answer: &Answer) {
        if let Ok(answer) = answer {
            self.station.learn(std::iter::once((self.fingerprint, answer.get_ref())));
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.station.state();
        state.lines.returned(self.ticket);
        if state.lines.is_due() {
            self.station.bell.notify_one();
        }
    }
}
