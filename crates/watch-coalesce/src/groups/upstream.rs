//! The streams to etcd: what was asked on each, what came back, and what a lost one leaves to be done.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proto_gen::etcdserverpb::{
    ResponseHeader, WatchCancelRequest, WatchProgressRequest, WatchRequest, watch_request::RequestUnion,
};
use tonic::Status;

use super::progress::Progress;
use super::{Action, End, Groups, StreamId, create_request};
use crate::batch::Batch;
use crate::key::GroupKey;
use crate::refusal;

/// A stream that is open, or waits to be opened again.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) class: usize,
    /// Creates without an answer. etcd answers them in order, so a refusal, which has no id, is the oldest one's.
    pub(super) pending: VecDeque<(i64, Purpose)>,
    pub(super) by_id: HashMap<i64, usize>,
    pub(super) progress: Progress,
    pub(super) retry_at: Option<Instant>,
    /// Whether this member's progress answers prove anything; known with its first `created`.
    pub(super) honest: Option<bool>,
    main: bool,
    next_id: i64,
    attempt: u32,
}

/// Why a watcher was asked for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// For everybody who waits at a range's entrance.
    Ask(Arc<GroupKey>),
    /// To feed this group, from where it stands.
    Feed(usize),
    /// To have this ticket's request refused by etcd itself.
    Unusual(usize),
}

/// An upstream response whose events, if it has any, are encoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) header: ResponseHeader,
    pub(crate) watch_id: i64,
    pub(crate) created: bool,
    pub(crate) canceled: bool,
    pub(crate) compact_revision: i64,
    pub(crate) cancel_reason: String,
    /// Whole revisions; `None` if the response had no events, or none of them is complete yet.
    pub(crate) batch: Option<Arc<Batch>>,
    /// More fragments follow.
    pub(crate) partial: bool,
}

impl Groups {
    /// etcd has answered on a stream.
    pub(crate) fn answer(&mut self, stream: StreamId, answer: Answer, now: Instant) {
        let Some(upstream) = self.streams.get_mut(&stream) else { return };
        upstream.attempt = 0;
        let (class, main) = (upstream.class, upstream.main);
        if let Some(class) = self.classes.get_mut(class)
            && answer.header.revision >= class.latest.revision
        {
            class.latest = answer.header;
        }
        if !main {
            self.read_on(stream, &answer);
        }
        if answer.created {
            self.created(stream, answer, now);
        } else if answer.watch_id == -1 && answer.batch.is_none() && !answer.canceled && !answer.partial {
            self.progressed(stream, answer.header.revision, now);
        } else {
            self.event(stream, answer);
        }
    }

    /// A stream could not be opened, or has ended.
    pub(crate) fn lost(&mut self, stream: StreamId, status: &Status, now: Instant) {
        let Some(upstream) = self.streams.get(&stream) else { return };
        let class = upstream.class;
        let has_leader = self.classes.get(class).is_some_and(|class| class.caller.has_leader);
        if refusal::is_final(status, has_leader) {
            return self.fail_class(class, status.clone());
        }
        self.counters.resumes.increment();
        let Some(mut upstream) = self.streams.remove(&stream) else { return };
        let delay = self.backoff(upstream.attempt);
        upstream.attempt += 1;
        upstream.retry_at = Some(now + delay);
        self.wake_me_at(now + delay);
        for (_, purpose) in std::mem::take(&mut upstream.pending) {
            self.ask_again(class, purpose);
        }
        let proof = upstream.progress.take_proof();
        self.counters.upstream_watchers.sub(upstream.by_id.len() as u64);
        upstream.by_id.clear();
        let again = StreamId(self.next_clock());
        self.move_groups(stream, again, proof.filter(|_| upstream.honest == Some(true)));
        if let Some(class) = self.classes.get_mut(class).filter(|_| upstream.main) {
            class.main = Some(again);
        }
        self.streams.insert(again, upstream);
    }

    /// The class's main stream, opened if it was not; `None` while it waits to be opened again.
    pub(super) fn main_stream(&mut self, class: usize, now: Instant) -> Option<StreamId> {
        let found = self.classes.get(class).filter(|class| class.failure.is_none())?;
        let main = match found.main {
            Some(main) => main,
            None => self.open_stream(class, true, now),
        };
        self.streams.get(&main).filter(|upstream| upstream.retry_at.is_none()).map(|_| main)
    }

    pub(super) fn open_stream(&mut self, class: usize, main: bool, _now: Instant) -> StreamId {
        let stream = StreamId(self.next_clock());
        let upstream = Upstream {
            class,
            pending: VecDeque::new(),
            by_id: HashMap::new(),
            progress: Progress::default(),
            retry_at: None,
            honest: None,
            main,
            next_id: 1,
            attempt: 0,
        };
        self.streams.insert(stream, upstream);
        if let Some(class) = self.classes.get_mut(class) {
            if main {
                class.main = Some(stream);
            }
            let caller = class.caller.clone();
            self.effects.actions.push(Action::Open { stream, caller, eager: main });
        }
        self.try_honesty(stream);
        stream
    }

    /// The first request on a stream asks for progress while there is no watcher yet. etcd before 3.4.25 and 3.5.8
    /// answers at once, because it never looks whether its watchers are in step, and its answers may overtake
    /// events; later ones have nothing to say. Either way the first `created` comes behind that.
    fn try_honesty(&mut self, stream: StreamId) {
        self.send(stream, RequestUnion::ProgressRequest(WatchProgressRequest {}));
    }

    /// Opens a lost stream again: each group goes on from its next revision, and what was asked is asked again.
    pub(super) fn reopen(&mut self, stream: StreamId, now: Instant) {
        let Some(upstream) = self.streams.get_mut(&stream) else { return };
        upstream.retry_at = None;
        upstream.honest = None;
        let (index, main) = (upstream.class, upstream.main);
        let Some(class) = self.classes.get(index) else { return };
        let caller = class.caller.clone();
        let waiting: Vec<_> = class.keys.keys().cloned().collect();
        self.effects.actions.push(Action::Open { stream, caller, eager: main });
        self.try_honesty(stream);
        self.feed_groups(stream);
        if main {
            waiting.iter().for_each(|key| self.ask(index, key, now));
            self.ask_unusual(index, stream);
        }
    }

    pub(super) fn send_create(&mut self, stream: StreamId, purpose: Purpose, key: &GroupKey, start: i64) {
        let Some(upstream) = self.streams.get_mut(&stream) else { return };
        let watch_id = upstream.next_id;
        upstream.next_id += 1;
        upstream.pending.push_back((watch_id, purpose));
        self.send(stream, RequestUnion::CreateRequest(create_request(key, watch_id, start)));
    }

    pub(super) fn send_cancel(&mut self, stream: StreamId, watch_id: i64) {
        self.send(stream, RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
    }

    pub(super) fn send(&mut self, stream: StreamId, union: RequestUnion) {
        if self.streams.get(&stream).is_some_and(|upstream| upstream.retry_at.is_none()) {
            let request = WatchRequest { request_union: Some(union) };
            self.effects.actions.push(Action::Send { stream, request });
        }
    }

    pub(super) fn drop_stream(&mut self, stream: StreamId) {
        let Some(upstream) = self.streams.remove(&stream) else { return };
        self.counters.upstream_watchers.sub(upstream.by_id.len() as u64);
        for index in upstream.by_id.into_values() {
            if let Some(group) = self.groups.get_mut(index) {
                group.watch_id = None;
            }
        }
        for (_, purpose) in upstream.pending {
            if let Purpose::Unusual(ticket) = purpose {
                self.refuse(ticket, &Arc::default(), "");
            }
        }
        self.effects.actions.push(Action::Close { stream });
    }

    /// From now on this watcher feeds that group.
    pub(super) fn attach(&mut self, index: usize, stream: StreamId, watch_id: i64, now: Instant) {
        let created_at = self.next_clock();
        let (Some(group), Some(upstream)) = (self.groups.get_mut(index), self.streams.get_mut(&stream))
        else {
            return;
        };
        group.watch_id = Some(watch_id);
        group.created_at = created_at;
        upstream.by_id.insert(watch_id, index);
        self.counters.upstream_watchers.increment();
        self.ask_progress(stream, now);
    }

    fn created(&mut self, stream: StreamId, answer: Answer, now: Instant) {
        let Some(upstream) = self.streams.get_mut(&stream) else { return };
        let class = upstream.class;
        upstream.honest.get_or_insert(true);
        let Some((watch_id, purpose)) = upstream.pending.pop_front() else { return };
        let header = answer.header;
        let outcome = if answer.canceled { Err(answer.cancel_reason) } else { Ok(watch_id) };
        match (purpose, outcome) {
            (Purpose::Ask(key), outcome) => self.asked(class, &key, outcome, header, now),
            (Purpose::Unusual(ticket), outcome) => {
                if outcome.is_ok() {
                    self.send_cancel(stream, watch_id);
                }
                self.asked_unusual(ticket, outcome, header);
            }
            (Purpose::Feed(group), Err(reason)) => {
                self.end_group(group, End { header, compact_revision: 0, reason });
            }
            (Purpose::Feed(group), Ok(watch_id)) => self.fed(stream, group, watch_id, now),
        }
    }

    /// A group has its watcher (again), unless it was given up while that was on its way.
    fn fed(&mut self, stream: StreamId, index: usize, watch_id: i64, now: Instant) {
        match self.groups.get(index) {
            Some(group) if group.stream == stream && group.ended.is_none() => {
                self.attach(index, stream, watch_id, now)
            }
            _ => self.send_cancel(stream, watch_id),
        }
    }

    fn event(&mut self, stream: StreamId, answer: Answer) {
        let Some(upstream) = self.streams.get(&stream) else { return };
        let Some(index) = upstream.by_id.get(&answer.watch_id).copied() else { return };
        let progress = answer.batch.is_none() && !answer.canceled && !answer.partial;
        if let Some(batch) = answer.batch {
            self.append(index, batch);
        } else if progress {
            self.append(index, Arc::new(Batch::new(answer.header, &[])));
        }
        if answer.canceled {
            let (header, compact_revision) = (answer.header, answer.compact_revision);
            self.end_group(index, End { header, compact_revision, reason: answer.cancel_reason });
        }
    }

    /// What is no news to the readers of a catch-up stream must not stop its reading.
    fn read_on(&mut self, stream: StreamId, answer: &Answer) {
        let is_news = answer.batch.is_some() || answer.canceled || !(answer.created || answer.partial);
        if !is_news {
            self.effects.actions.push(Action::Read { stream });
        }
    }

    fn move_groups(&mut self, from: StreamId, to: StreamId, proof: Option<(u64, i64)>) {
        for (_, group) in self.groups.iter_mut().filter(|(_, group)| group.stream == from) {
            if let (Some((at, revision)), Some(_)) = (proof, group.watch_id)
                && at > group.created_at
            {
                group.log.advance(revision + 1);
            }
            group.stream = to;
            group.watch_id = None;
        }
    }

    fn feed_groups(&mut self, stream: StreamId) {
        let needy = |group: &super::Group| group.stream == stream && group.ended.is_none();
        let groups: Vec<_> = self
            .groups
            .iter_mut()
            .filter(|(_, group)| needy(group))
            .map(|(index, group)| {
                let reading = std::mem::take(&mut group.reading);
                (index, group.key.clone(), group.log.next(), reading)
            })
            .collect();
        for (index, key, next, reading) in groups {
            self.send_create(stream, Purpose::Feed(index), &key, next);
            if reading {
                self.effects.rung.push(index);
            }
        }
    }

    /// Doubles at each failure; the caller's own spread over members is not ours to add.
    fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self.config.backoff_min.saturating_mul(1 << attempt.min(16));
        doubled.min(self.config.backoff_max)
    }
}

impl Upstream {
    pub(super) fn is_main(&self) -> bool {
        self.main
    }
}
