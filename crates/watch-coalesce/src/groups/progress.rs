//! Progress: how far etcd has certainly told us everything.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use proto_gen::etcdserverpb::{WatchProgressRequest, watch_request::RequestUnion};

use super::{Action, Cursor, Groups, SessionRef, StreamId};

/// What is asked and known of one stream's progress.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) wanted: bool,
    waiting: HashSet<SessionRef>,
    /// When the requests without an answer were sent, oldest first. An answer is taken for the oldest one's, so at
    /// worst it is newer than it is taken for.
    unanswered: VecDeque<u64>,
    sent_at: Option<Instant>,
    proof: Option<Proof>,
}

#[derive(Clone, Copy, Debug)]
struct Proof {
    asked: u64,
    answered: u64,
    revision: i64,
}

impl Progress {
    /// The latest answer: when it came and what it said.
    pub(super) fn take_proof(&mut self) -> Option<(u64, i64)> {
        let proof = self.proof.take();
        *self = Self { wanted: self.wanted, waiting: std::mem::take(&mut self.waiting), ..Self::default() };
        proof.map(|proof| (proof.answered, proof.revision))
    }
}

impl Groups {
    /// Whether a watcher has read all that its group has.
    pub(crate) fn has_read_all(&self, cursor: &Cursor) -> bool {
        self.groups
            .get(cursor.group)
            .is_none_or(|group| cursor.seq == group.log.end() && group.ended.is_none())
    }

    /// A moment that later progress answers can be compared with.
    pub(crate) fn moment(&mut self) -> u64 {
        self.next_clock()
    }

    /// Up to which revision a group has certainly been told everything, by an answer to a question asked after
    /// `moment`. If there is none, the question is put and the session woken when the answer comes.
    pub(crate) fn progress_since(
        &mut self,
        group: usize,
        moment: u64,
        session: SessionRef,
        now: Instant,
    ) -> Option<i64> {
        let group = self.groups.get(group).filter(|group| group.ended.is_none())?;
        let (stream, created_at, created) = (group.stream, group.created_at, group.watch_id.is_some());
        let upstream = self.streams.get_mut(&stream)?;
        // A member that announces too much would do so to its own clients as well, but for one that is far behind.
        let created = created && (!group.catch_up || upstream.honest == Some(true));
        let progress = &mut upstream.progress;
        match progress.proof {
            Some(proof) if created && proof.asked > moment && proof.answered > created_at => {
                Some(proof.revision)
            }
            _ => {
                progress.wanted = true;
                progress.waiting.insert(session);
                self.ask_progress(stream, now);
                None
            }
        }
    }

    /// Sends a progress request if one is wanted and it is time; one serves all who ask.
    pub(super) fn ask_progress(&mut self, stream: StreamId, now: Instant) {
        let asked = self.clock + 1;
        let Some(upstream) = self.streams.get_mut(&stream) else { return };
        let progress = &mut upstream.progress;
        if !progress.wanted || upstream.retry_at.is_some() || upstream.by_id.is_empty() {
            return;
        }
        let pause = match progress.unanswered.is_empty() {
            true => self.config.progress_interval,
            false => self.config.progress_retry,
        };
        if let Some(due) = progress.sent_at.map(|sent| sent + pause).filter(|due| *due > now) {
            return self.wake_me_at(due);
        }
        // Nothing came for a good while, so etcd has dropped what was asked.
        if progress.sent_at.is_some_and(|sent| sent + 10 * self.config.progress_retry <= now) {
            progress.unanswered.clear();
        }
        self.clock = asked;
        progress.unanswered.push_back(asked);
        progress.sent_at = Some(now);
        self.counters.progress_requests.increment();
        self.send(stream, RequestUnion::ProgressRequest(WatchProgressRequest {}));
        self.wake_me_at(now + self.config.progress_retry);
    }

    /// etcd says that every watcher of this stream, that it said `created` of, was sent everything up to `revision`.
    pub(super) fn progressed(&mut self, stream: StreamId, revision: i64, now: Instant) {
        let answered = self.next_clock();
        let Some(upstream) = self.streams.get_mut(&stream) else { return };
        let Some(honest) = upstream.honest else {
            upstream.honest = Some(false);
            // No news for the readers of a catch-up stream, so it is read on.
            return self.effects.actions.push(Action::Read { stream });
        };
        let catch_up = !upstream.is_main();
        let progress = &mut upstream.progress;
        let asked = progress.unanswered.pop_front().unwrap_or_default();
        progress.proof = Some(Proof { asked, answered, revision });
        progress.wanted = false;
        self.effects.woken.extend(progress.waiting.drain());
        let groups: Vec<_> = if catch_up { upstream.by_id.values().copied().collect() } else { Vec::new() };
        for index in groups {
            self.caught_up(index, honest.then_some(revision));
        }
        self.ask_progress(stream, now);
    }

    /// A catch-up group knows how far it has come, so its readers can hop if the live group covers the rest.
    fn caught_up(&mut self, index: usize, proven: Option<i64>) {
        let Some(group) = self.groups.get_mut(index) else { return };
        group.reading = false;
        if let Some(revision) = proven {
            group.log.advance(revision + 1);
        }
        self.effects.rung.push(index);
    }
}
