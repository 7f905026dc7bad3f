//! How a watcher comes in: a ticket, a question to etcd, a place.

use std::sync::Arc;
use std::time::Instant;

use proto_gen::etcdserverpb::{ResponseHeader, WatchCreateRequest};
use slab::Slab;

use super::upstream::Purpose;
use super::{Cursor, Group, Groups, SessionRef};
use crate::key::GroupKey;
use crate::log::Log;
use crate::refusal;

/// One create request on its way. There is one for each watcher of a crowd that comes at once, so it is small.
#[derive(Debug)]
pub(super) enum Ticket {
    Waiting(Wanted),
    /// The session has gone; whoever comes upon the ticket throws it away.
    Returned,
    Done(Outcome),
}

/// Who wants to watch what.
#[derive(Debug)]
pub(super) struct Wanted {
    session: SessionRef,
    class: usize,
    key: Arc<GroupKey>,
    start: i64,
}

/// What became of a create request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Placed(Placed),
    /// etcd said no, in these words.
    Refused(Arc<ResponseHeader>, Box<str>),
}

/// A place in a group, and the header to say `created` with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) cursor: Cursor,
    pub(crate) header: Arc<ResponseHeader>,
}

impl Groups {
    /// Asks for a place; the session is woken when [`Groups::collect`] has an answer.
    pub(crate) fn join(
        &mut self,
        class: usize,
        create: &WatchCreateRequest,
        session: SessionRef,
        now: Instant,
    ) -> usize {
        let key = self.known_key(class, GroupKey::of(create));
        let start = create.start_revision;
        let unusual = start < 0 || key.is_empty_range();
        let wanted = Wanted { session, class, key: key.clone(), start };
        let ticket = self.tickets.insert(Ticket::Waiting(wanted));
        match self.classes.get_mut(class).filter(|class| class.failure.is_none()) {
            None => self.refuse(ticket, &Arc::default(), ""),
            Some(class) if unusual => class.unusual.push(ticket),
            Some(class) => class.keys.entry(key.clone()).or_default().waiting.push(ticket),
        }
        self.ask(class, &key, now);
        ticket
    }

    /// The key as others hold it already, if anybody does.
    fn known_key(&self, class: usize, key: GroupKey) -> Arc<GroupKey> {
        let known = self.classes.get(class).and_then(|class| class.keys.get_key_value(&key));
        known.map_or_else(|| Arc::new(key), |(known, _)| known.clone())
    }

    /// The answer to a ticket, once; `None` as long as there is none.
    pub(crate) fn collect(&mut self, ticket: usize) -> Option<Outcome> {
        if !matches!(self.tickets.get(ticket)?, Ticket::Done(_)) {
            return None;
        }
        match self.throw_away(ticket)? {
            Ticket::Done(outcome) => Some(outcome),
            Ticket::Waiting(_) | Ticket::Returned => None,
        }
    }

    /// The last of a crowd's tickets takes with it the room that they needed.
    fn throw_away(&mut self, ticket: usize) -> Option<Ticket> {
        let thrown = self.tickets.try_remove(ticket);
        if self.tickets.is_empty() {
            self.tickets = Slab::new();
        }
        thrown
    }

    /// Gives a ticket back, whatever became of it.
    pub(crate) fn give_back(&mut self, ticket: usize, now: Instant) {
        match self.collect(ticket) {
            Some(Outcome::Placed(placed)) => self.leave(&placed.cursor, now),
            Some(Outcome::Refused(..)) => {}
            None => {
                if let Some(ticket) = self.tickets.get_mut(ticket) {
                    *ticket = Ticket::Returned;
                }
            }
        }
    }

    /// Sends the questions that can be sent: one at a time for each range.
    pub(super) fn ask(&mut self, class: usize, key: &Arc<GroupKey>, now: Instant) {
        let Some(main) = self.main_stream(class, now) else { return };
        self.ask_unusual(class, main);
        let Some(entrance) = self.classes.get_mut(class).and_then(|class| class.keys.get_mut(key)) else {
            return;
        };
        if entrance.asking.is_some() || entrance.waiting.is_empty() {
            return;
        }
        entrance.asking = Some(std::mem::take(&mut entrance.waiting));
        self.send_create(main, Purpose::Ask(key.clone()), key, 0);
    }

    /// A request that etcd is bound to refuse is put to it as it stands, for its words and its header.
    pub(super) fn ask_unusual(&mut self, class: usize, main: super::StreamId) {
        let Some(class) = self.classes.get_mut(class) else { return };
        for ticket in std::mem::take(&mut class.unusual) {
            let Some(Ticket::Waiting(Wanted { key, start, .. })) = self.tickets.get(ticket) else {
                self.wanted(ticket);
                continue;
            };
            let (key, start) = (key.clone(), *start);
            self.send_create(main, Purpose::Unusual(ticket), &key, start);
        }
    }

    /// etcd's answer to the question of everybody who wants this range.
    pub(super) fn asked(
        &mut self,
        class: usize,
        key: &Arc<GroupKey>,
        answer: Result<i64, String>,
        header: ResponseHeader,
        now: Instant,
    ) {
        let Some(entrance) = self.classes.get_mut(class).and_then(|class| class.keys.get_mut(key)) else {
            return;
        };
        let tickets = entrance.asking.take().unwrap_or_default();
        let header = Arc::new(header);
        match answer {
            Ok(watch_id) => {
                self.admit(class, key, watch_id, &header, now);
                tickets.into_iter().for_each(|ticket| self.place(ticket, &header, now));
            }
            Err(reason) => tickets.into_iter().for_each(|ticket| self.refuse(ticket, &header, &reason)),
        }
        self.ask(class, key, now);
        self.tidy_entrance(class, key);
    }

    /// etcd's answer to a request of the unusual kind. An old member may accept what newer ones refuse.
    pub(super) fn asked_unusual(
        &mut self,
        ticket: usize,
        answer: Result<i64, String>,
        header: ResponseHeader,
    ) {
        let reason = answer.err().unwrap_or_else(|| refusal::COMPACTED.to_owned());
        self.refuse(ticket, &Arc::new(header), &reason);
    }

    pub(super) fn refuse_everyone(&mut self, class: usize) {
        let Some(class) = self.classes.get_mut(class) else { return };
        let mut tickets = std::mem::take(&mut class.unusual);
        for (_, entrance) in class.keys.drain() {
            tickets.extend(entrance.asking.into_iter().flatten().chain(entrance.waiting));
        }
        for ticket in tickets {
            self.refuse(ticket, &Arc::default(), "");
        }
    }

    /// What was asked on a stream that broke is asked again on the next.
    pub(super) fn ask_again(&mut self, class: usize, purpose: Purpose) {
        let Some(class) = self.classes.get_mut(class) else { return };
        match purpose {
            Purpose::Unusual(ticket) => class.unusual.push(ticket),
            Purpose::Ask(key) => {
                if let Some(entrance) = class.keys.get_mut(&key) {
                    let asked = entrance.asking.take().unwrap_or_default();
                    entrance.waiting.splice(0..0, asked);
                }
            }
            Purpose::Feed(_) => {}
        }
    }

    /// The first watcher for a range becomes its live group; any other has served when it was created.
    fn admit(
        &mut self,
        class: usize,
        key: &Arc<GroupKey>,
        watch_id: i64,
        header: &ResponseHeader,
        now: Instant,
    ) {
        let Some(main) = self.classes.get(class).and_then(|class| class.main) else { return };
        if self.live_of(class, key).is_some() {
            self.counters.joins_shared.increment();
            return self.send_cancel(main, watch_id);
        }
        let live = self.new_group(class, key, main, Log::starting_at(header.revision + 1), false, now);
        self.attach(live, main, watch_id, now);
        if let Some(entrance) = self.classes.get_mut(class).and_then(|class| class.keys.get_mut(key)) {
            entrance.live = Some(live);
        }
        self.start_lingering(live, now);
    }

    fn place(&mut self, ticket: usize, header: &Arc<ResponseHeader>, now: Instant) {
        let Some(Wanted { session, class, key, start }) = self.wanted(ticket) else { return };
        let next = if start == 0 { header.revision + 1 } else { start };
        let cursor = self.seat(class, &key, next, now);
        self.counters.client_watchers.increment();
        self.answer_ticket(ticket, session, Outcome::Placed(Placed { cursor, header: header.clone() }));
    }

    /// A cursor for a watcher that has seen everything below `next`.
    pub(super) fn seat(&mut self, class: usize, key: &Arc<GroupKey>, next: i64, now: Instant) -> Cursor {
        let live = self.live_of(class, key).filter(|live| self.covers(*live, next));
        let group = match live.or_else(|| self.catch_up_at(class, key, next)) {
            Some(group) => group,
            None => self.new_catch_up(class, key, next, now),
        };
        let mut cursor = Cursor { group, seq: 0, next };
        if let Some(group) = self.groups.get_mut(group) {
            cursor.seq = group.log.position_of(next);
            group.members += 1;
            if group.catch_up {
                self.counters.lagging_watchers.increment();
            }
        }
        cursor
    }

    pub(super) fn refuse(&mut self, ticket: usize, header: &Arc<ResponseHeader>, reason: &str) {
        let Some(Wanted { session, .. }) = self.wanted(ticket) else { return };
        self.answer_ticket(ticket, session, Outcome::Refused(header.clone(), reason.into()));
    }

    /// What a ticket that is about to be answered was for; `None` if nobody waits for the answer any more.
    fn wanted(&mut self, ticket: usize) -> Option<Wanted> {
        let found = self.tickets.get_mut(ticket)?;
        if matches!(found, Ticket::Returned) {
            self.throw_away(ticket);
            return None;
        }
        match std::mem::replace(found, Ticket::Returned) {
            Ticket::Waiting(wanted) => Some(wanted),
            answered => {
                *found = answered;
                None
            }
        }
    }

    fn answer_ticket(&mut self, ticket: usize, session: SessionRef, outcome: Outcome) {
        if let Some(found) = self.tickets.get_mut(ticket) {
            *found = Ticket::Done(outcome);
        }
        if self.effects.woken.last() != Some(&session) {
            self.effects.woken.push(session);
        }
    }

    fn covers(&self, group: usize, next: i64) -> bool {
        self.groups
            .get(group)
            .is_some_and(|group| group.ended.is_none() && group.log.first_revision() <= next)
    }

    /// A catch-up group that has already come as far as `next`, and still remembers it.
    fn catch_up_at(&self, class: usize, key: &Arc<GroupKey>, next: i64) -> Option<usize> {
        let groups = &self.classes.get(class)?.keys.get(key)?.catching_up;
        let reached = |group: &Group| next <= group.log.next();
        groups.iter().copied().find(|g| self.covers(*g, next) && self.groups.get(*g).is_some_and(reached))
    }

    fn new_catch_up(&mut self, class: usize, key: &Arc<GroupKey>, next: i64, now: Instant) -> usize {
        self.make_room_for_catch_up(now);
        let stream = self.open_stream(class, false, now);
        let group = self.new_group(class, key, stream, Log::starting_at(next), true, now);
        self.catch_ups.push(group);
        if let Some(class) = self.classes.get_mut(class) {
            class.keys.entry(key.clone()).or_default().catching_up.push(group);
        }
        self.send_create(stream, Purpose::Feed(group), key, next);
        group
    }

    /// A catch-up group whose readers have stalled gives way; if they ever read again, they open another. One that
    /// is being read never does, or a crowd of readers would only take each other's places.
    fn make_room_for_catch_up(&mut self, now: Instant) {
        if self.catch_ups.len() < self.config.max_catch_ups {
            return;
        }
        let stalled = |index: &&usize| {
            let group = self.groups.get(**index);
            group.is_some_and(|group| !group.reading && group.touched + self.config.stall <= now)
        };
        if let Some(stalled) = self.catch_ups.iter().find(stalled).copied() {
            self.abandon(stalled);
        }
    }

    fn new_group(
        &mut self,
        class: usize,
        key: &Arc<GroupKey>,
        stream: super::StreamId,
        log: Log,
        catch_up: bool,
        now: Instant,
    ) -> usize {
        let serial = self.next_clock();
        if let Some(class) = self.classes.get_mut(class) {
            class.groups += 1;
        }
        self.groups.insert(Group {
            class,
            key: key.clone(),
            serial,
            catch_up,
            log,
            bytes: 0,
            stream,
            watch_id: None,
            created_at: 0,
            members: 0,
            ended: None,
            reading: false,
            touched: now,
        })
    }

    fn tidy_entrance(&mut self, class: usize, key: &Arc<GroupKey>) {
        if let Some(class) = self.classes.get_mut(class)
            && class.keys.get(key).is_some_and(super::Entrance::is_idle)
        {
            class.keys.remove(key);
        }
        self.settle_class(class);
    }
}
