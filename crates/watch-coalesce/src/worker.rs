//! The worker: opens, feeds and reads the upstream streams as the machine wants it.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::{AbortHandle, Aborted, BoxFuture, abortable};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use proto_gen::etcdserverpb::{WatchRequest, WatchResponse};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use crate::assemble::Assembler;
use crate::groups::{Action, Answer, Groups, StreamId};
use crate::hub::Shared;
use crate::key::Caller;
use crate::upstream::{OpenWatch, Requests};

/// How many upstream messages are taken in before the watchers are rung.
const GULP: usize = 64;

/// Handles the upstream streams of a hub; nothing happens unless it runs.
#[derive(Debug)]
#[must_use = "a hub without its worker answers nobody"]
pub struct Worker<O: OpenWatch> {
    shared: Arc<Shared>,
    upstream: O,
    lines: HashMap<StreamId, Line<O::Responses>>,
    heard: FuturesUnordered<BoxFuture<'static, Result<Heard<O::Responses>, Aborted>>>,
}

/// One upstream stream.
#[derive(Debug)]
struct Line<R> {
    requests: mpsc::UnboundedSender<WatchRequest>,
    assembler: Assembler,
    eager: bool,
    /// A read is wanted that could not be started yet.
    wanted: bool,
    /// Not being read.
    parked: Option<R>,
    abort: AbortHandle,
}

/// What came of opening or reading a stream.
#[derive(Debug)]
enum Heard<R> {
    Opened(StreamId, R),
    Message(StreamId, R, Box<WatchResponse>),
    Lost(StreamId, Status),
}

/// The same, as the machine wants to hear it.
enum News {
    Answer(StreamId, Answer),
    Lost(StreamId, Status),
}

impl<O: OpenWatch> Worker<O> {
    pub(crate) fn new(shared: Arc<Shared>, upstream: O) -> Self {
        Self { shared, upstream, lines: HashMap::new(), heard: FuturesUnordered::new() }
    }

    /// Runs until the hub is closed.
    pub async fn run(mut self) {
        loop {
            let deadline = self.act();
            if self.lines.is_empty() && self.shared.is_closed() {
                return;
            }
            tokio::select! {
                Some(heard) = self.heard.next(), if !self.heard.is_empty() => self.hear(heard),
                () = self.shared.worker_bell.notified() => {}
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
            }
            self.shared.with(Groups::tick);
        }
    }

    /// Does what the machine wants; says when it wants to be asked again.
    fn act(&mut self) -> Option<Instant> {
        let (actions, deadline) = self.shared.take_actions();
        for action in actions {
            match action {
                Action::Open { stream, caller, eager } => self.open(stream, &caller, eager),
                Action::Send { stream, request } => {
                    if let Some(line) = self.lines.get(&stream) {
                        // A line whose far end is gone is about to be heard of as lost.
                        _ = line.requests.send(request);
                    }
                }
                Action::Read { stream } => self.read(stream),
                Action::Close { stream } => {
                    if let Some(line) = self.lines.remove(&stream) {
                        line.abort.abort();
                    }
                }
            }
        }
        deadline.map(Instant::from_std)
    }

    fn open(&mut self, stream: StreamId, caller: &Caller, eager: bool) {
        let (requests, receiver) = mpsc::unbounded_channel();
        let opening = self.upstream.open(caller, Requests(receiver));
        let (future, abort) = abortable(async move {
            match opening.await {
                Ok(responses) => Heard::Opened(stream, responses),
                Err(status) => Heard::Lost(stream, status),
            }
        });
        self.heard.push(future.boxed());
        let line =
            Line { requests, assembler: Assembler::default(), eager, wanted: eager, parked: None, abort };
        self.lines.insert(stream, line);
    }

    fn read(&mut self, stream: StreamId) {
        let Some(line) = self.lines.get_mut(&stream) else { return };
        let Some(mut responses) = line.parked.take() else {
            line.wanted = true;
            return;
        };
        line.wanted = line.eager;
        let (future, abort) = abortable(async move {
            match responses.next().await {
                Some(Ok(message)) => Heard::Message(stream, responses, Box::new(message)),
                Some(Err(status)) => Heard::Lost(stream, status),
                None => Heard::Lost(stream, Status::unavailable("the watch stream has ended")),
            }
        });
        line.abort = abort;
        self.heard.push(future.boxed());
    }

    /// Takes in what has come, so that the watchers are rung once for all of it.
    fn hear(&mut self, first: Result<Heard<O::Responses>, Aborted>) {
        let mut news = Vec::new();
        news.extend(self.take_in(first));
        while news.len() < GULP {
            let Some(Some(heard)) = self.heard.next().now_or_never() else { break };
            news.extend(self.take_in(heard));
        }
        self.shared.with(|groups, now| {
            for news in news {
                match news {
                    News::Answer(stream, answer) => groups.answer(stream, answer, now),
                    News::Lost(stream, status) => groups.lost(stream, &status, now),
                }
            }
        });
    }

    fn take_in(&mut self, heard: Result<Heard<O::Responses>, Aborted>) -> Option<News> {
        match heard.ok()? {
            Heard::Opened(stream, responses) => {
                self.park(stream, responses);
                None
            }
            Heard::Message(stream, responses, message) => {
                let line = self.lines.get_mut(&stream)?;
                let answer = line.assembler.take(*message);
                self.park(stream, responses);
                Some(News::Answer(stream, answer))
            }
            Heard::Lost(stream, status) => {
                self.lines.remove(&stream)?;
                tracing::debug!(code = ?status.code(), message = status.message(), "an upstream watch stream was lost");
                Some(News::Lost(stream, status))
            }
        }
    }

    /// A stream rests until the machine wants more of it, if it does not want it already.
    fn park(&mut self, stream: StreamId, responses: O::Responses) {
        let Some(line) = self.lines.get_mut(&stream) else { return };
        line.parked = Some(responses);
        if line.wanted {
            self.read(stream);
        }
    }
}
