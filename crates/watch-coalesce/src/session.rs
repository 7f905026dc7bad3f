//! One client stream: its watchers, its requests in their order, and what it has to say.
//!
//! Pure: it is told what the client asked and which of its watchers were rung, and it answers with messages. Requests
//! wait in a queue, because etcd answers them in order, but their questions to etcd are on their way meanwhile.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use prost::Message as _;
use proto_gen::etcdserverpb::watch_create_request::FilterType;
use proto_gen::etcdserverpb::{
    ResponseHeader, WatchCreateRequest, WatchRequest, WatchResponse, watch_request::RequestUnion,
};
use slab::Slab;

use crate::batch::{Batch, Wish};
use crate::groups::{Cursor, Groups, Outcome, Placed, Pulled, SessionRef};
use crate::quota::Quota;
use crate::refusal;

/// How much one turn may say: enough to fill a frame or two, little enough to let others have their turn.
const TURN_BYTES: usize = 48 << 10;
/// How many messages one turn may say.
const TURN_MESSAGES: usize = 512;
/// How many requests may wait for etcd before no more are read. etcd: 128 control answers per stream.
const QUEUE: usize = 1024;

/// A client stream.
#[derive(Debug)]
pub(crate) struct Session {
    me: SessionRef,
    class: usize,
    fragment_bytes: usize,
    watchers: Slab<Watcher>,
    by_id: HashMap<i64, usize>,
    next_id: i64,
    queue: VecDeque<Request>,
    ready: VecDeque<usize>,
    moves: Vec<Move>,
    progress: Progress,
    quota: Option<Quota>,
    /// Watchers and create requests that count in the quota.
    counted: usize,
}

/// One message, to be encoded when nobody waits for it.
#[derive(Debug)]
pub(crate) enum Say {
    Message(WatchResponse),
    Batch { batch: Arc<Batch>, watch_id: i64, wish: Wish },
}

impl Say {
    /// About how many bytes are copied to say it.
    pub(crate) fn copied_bytes(&self) -> usize {
        match self {
            Self::Message(message) => 5 + message.encoded_len(),
            Self::Batch { batch, .. } => batch.copied_bytes(),
        }
    }
}

/// A watcher now listens to another group, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) watcher: usize,
    pub(crate) from: Option<Seat>,
    pub(crate) to: Option<usize>,
}

/// Where a watcher listens: the group, and its place among the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) group: u32,
    pub(crate) place: u32,
}

#[derive(Debug)]
struct Watcher {
    id: i64,
    /// `None` once etcd has ended it; the id stays taken until the client cancels it, as it does in etcd.
    cursor: Option<Cursor>,
    seat: Option<Seat>,
    wants: Wants,
    queued: bool,
}

/// What a create request asks for, besides a range and a start.
#[derive(Clone, Copy, Debug)]
struct Wants {
    no_put: bool,
    no_delete: bool,
    fragment: bool,
    progress_notify: bool,
}

#[derive(Debug)]
enum Request {
    Create {
        ticket: usize,
        watch_id: i64,
        wants: Wants,
    },
    /// A watcher more than its client may have.
    TooMany,
    Cancel(i64),
    Progress,
}

/// When the client asked how far it has come, and when it asked again.
#[derive(Debug, Default)]
struct Progress {
    since: Option<u64>,
    again: Option<u64>,
}

impl Session {
    pub(crate) fn new(me: SessionRef, class: usize, fragment_bytes: usize, quota: Option<Quota>) -> Self {
        Self {
            me,
            class,
            fragment_bytes,
            watchers: Slab::new(),
            by_id: HashMap::new(),
            next_id: 0,
            queue: VecDeque::new(),
            ready: VecDeque::new(),
            moves: Vec::new(),
            progress: Progress::default(),
            quota,
            counted: 0,
        }
    }

    pub(crate) fn class(&self) -> usize {
        self.class
    }

    /// Whether another request can be taken; otherwise etcd has to answer some first.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < QUEUE
    }

    /// So many requests come at once: room for them in one piece, for what grows bit by bit leaves bits behind.
    pub(crate) fn expect(&mut self, requests: usize) {
        self.queue.reserve(requests);
        self.watchers.reserve(requests);
        self.by_id.reserve(requests);
    }

    /// The client asks. A kind of request that nobody knows is passed over, as etcd passes it over.
    pub(crate) fn request(&mut self, request: WatchRequest, groups: &mut Groups, now: Instant) {
        let request = match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.create(&create, groups, now),
            Some(RequestUnion::CancelRequest(cancel)) => Request::Cancel(cancel.watch_id),
            Some(RequestUnion::ProgressRequest(_)) => Request::Progress,
            None => return,
        };
        self.queue.push_back(request);
    }

    /// One of the watchers has something to read.
    pub(crate) fn ring(&mut self, watcher: usize) {
        if let Some(found) = self.watchers.get_mut(watcher)
            && !std::mem::replace(&mut found.queued, true)
        {
            self.ready.push_back(watcher);
        }
    }

    /// Whether another turn would find something to do.
    pub(crate) fn has_more(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Says what there is to say, up to the bounds of a turn.
    pub(crate) fn turn(&mut self, groups: &mut Groups, now: Instant, say: &mut Vec<Say>) {
        while let Some(request) = self.queue.pop_front() {
            if let Some(request) = self.serve(request, groups, now, say) {
                self.queue.push_front(request);
                break;
            }
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
        self.read(groups, now, say);
        if self.ready.is_empty() {
            self.tell_progress(groups, now, say);
        }
    }

    /// Which watchers changed the group that they listen to.
    pub(crate) fn take_moves(&mut self) -> Vec<Move> {
        std::mem::take(&mut self.moves)
    }

    /// A watcher listens now; what came before it did is read at once.
    pub(crate) fn seated(&mut self, watcher: usize, seat: Seat) {
        if let Some(found) = self.watchers.get_mut(watcher) {
            found.seat = Some(seat);
        }
        self.ring(watcher);
    }

    /// The stream ends: leaves everything as if it had never been here.
    pub(crate) fn end(&mut self, groups: &mut Groups, now: Instant) {
        for request in std::mem::take(&mut self.queue) {
            if let Request::Create { ticket, .. } = request {
                groups.give_back(ticket, now);
            }
        }
        for watcher in std::mem::take(&mut self.watchers) {
            self.leave(watcher.0, watcher.1, groups, now);
        }
        self.uncount(self.counted);
        groups.exit(self.class, self.me);
    }

    fn create(&mut self, create: &WatchCreateRequest, groups: &mut Groups, now: Instant) -> Request {
        if self.quota.as_ref().is_some_and(|quota| !quota.take()) {
            groups.count_refused();
            return Request::TooMany;
        }
        self.counted += 1;
        let wants = Wants {
            no_put: create.filters.contains(&(FilterType::Noput as i32)),
            no_delete: create.filters.contains(&(FilterType::Nodelete as i32)),
            fragment: create.fragment,
            progress_notify: create.progress_notify,
        };
        let ticket = groups.join(self.class, create, self.me, now);
        Request::Create { ticket, watch_id: create.watch_id, wants }
    }

    /// Serves the oldest request, or gives it back if it has to wait.
    fn serve(
        &mut self,
        request: Request,
        groups: &mut Groups,
        now: Instant,
        say: &mut Vec<Say>,
    ) -> Option<Request> {
        match request {
            Request::Create { ticket, watch_id, wants } => match groups.collect(ticket) {
                None => return Some(request),
                Some(Outcome::Refused(header, reason)) => {
                    self.uncount(1);
                    say.push(refused(*header, reason.into()));
                }
                Some(Outcome::Placed(placed)) => match self.free_id(watch_id) {
                    Some(id) => self.begin(id, placed, wants, say),
                    None => {
                        groups.leave(&placed.cursor, now);
                        self.uncount(1);
                        say.push(refused(*placed.header, refusal::DUPLICATE_ID.to_owned()));
                    }
                },
            },
            Request::TooMany => {
                let header = groups.latest_header(self.class);
                say.push(refused(header, refusal::TOO_MANY_REQUESTS.to_owned()));
            }
            Request::Cancel(id) => self.cancel(id, groups, now, say),
            Request::Progress => self.progress.ask(groups),
        }
        None
    }

    /// etcd: an id of the client's choice if it is free, else the next that was never given out and is free.
    fn free_id(&mut self, wanted: i64) -> Option<i64> {
        if wanted != 0 {
            return (!self.by_id.contains_key(&wanted)).then_some(wanted);
        }
        while self.by_id.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        Some(self.next_id - 1)
    }

    fn begin(&mut self, id: i64, placed: Placed, wants: Wants, say: &mut Vec<Say>) {
        let group = placed.cursor.group;
        let watcher = self.watchers.insert(Watcher {
            id,
            cursor: Some(placed.cursor),
            seat: None,
            wants,
            queued: false,
        });
        self.by_id.insert(id, watcher);
        self.moves.push(Move { watcher, from: None, to: Some(group) });
        say.push(Say::Message(WatchResponse {
            header: Some(*placed.header),
            watch_id: id,
            created: true,
            ..Default::default()
        }));
    }

    fn cancel(&mut self, id: i64, groups: &mut Groups, now: Instant, say: &mut Vec<Say>) {
        let Some(watcher) = self.by_id.remove(&id) else { return };
        if let Some(found) = self.watchers.try_remove(watcher) {
            self.uncount(usize::from(found.cursor.is_some()));
            self.leave(watcher, found, groups, now);
        }
        say.push(Say::Message(WatchResponse {
            header: Some(groups.latest_header(self.class)),
            watch_id: id,
            canceled: true,
            ..Default::default()
        }));
    }

    /// So many count no longer.
    fn uncount(&mut self, watchers: usize) {
        self.counted -= watchers;
        if let Some(quota) = &self.quota {
            quota.give_back(watchers);
        }
    }

    fn leave(&mut self, index: usize, watcher: Watcher, groups: &mut Groups, now: Instant) {
        if let Some(cursor) = watcher.cursor {
            groups.leave(&cursor, now);
        }
        self.moves.push(Move { watcher: index, from: watcher.seat, to: None });
    }

    fn read(&mut self, groups: &mut Groups, now: Instant, say: &mut Vec<Say>) {
        let mut bytes = 0;
        while bytes < TURN_BYTES && say.len() < TURN_MESSAGES {
            let Some(index) = self.ready.pop_front() else { return };
            let Some(watcher) = self.watchers.get_mut(index) else { continue };
            let before = watcher.cursor.map(|cursor| cursor.group);
            let (size, more) = watcher.read_one(self.fragment_bytes, groups, now, say);
            bytes += size;
            let after = watcher.cursor.map(|cursor| cursor.group);
            watcher.queued = more;
            if more {
                self.ready.push_back(index);
            }
            if before != after {
                let from = watcher.seat.take();
                self.moves.push(Move { watcher: index, from, to: after });
            }
            if before.is_some() && after.is_none() {
                self.uncount(1);
            }
        }
    }

    /// Answers the client's question only when every watcher was sent everything up to the answer.
    fn tell_progress(&mut self, groups: &mut Groups, now: Instant, say: &mut Vec<Say>) {
        let Some(since) = self.progress.since else { return };
        let mut reached: Option<i64> = None;
        let mut complete = true;
        for index in self.watchers.iter().map(|(index, _)| index).collect::<Vec<_>>() {
            let Some(cursor) = self.watchers.get(index).and_then(|watcher| watcher.cursor) else { continue };
            if !groups.has_read_all(&cursor) {
                self.ring(index);
                complete = false;
            }
            match groups.progress_since(cursor.group, since, self.me, now) {
                Some(revision) => reached = Some(reached.map_or(revision, |least| least.min(revision))),
                None => complete = false,
            }
        }
        match reached {
            Some(revision) if complete => self.say_progress(revision, groups, say),
            None if complete => self.progress = Progress::default(),
            _ => {}
        }
    }

    fn say_progress(&mut self, revision: i64, groups: &Groups, say: &mut Vec<Say>) {
        let header = ResponseHeader { revision, ..groups.latest_header(self.class) };
        say.push(Say::Message(WatchResponse { header: Some(header), watch_id: -1, ..Default::default() }));
        self.progress = Progress { since: self.progress.again.take(), again: None };
    }
}

impl Progress {
    fn ask(&mut self, groups: &mut Groups) {
        let moment = groups.moment();
        match self.since {
            None => self.since = Some(moment),
            Some(_) => self.again = Some(moment),
        }
    }
}

impl Watcher {
    /// Reads one batch: how much there is to send for it, and whether there may be more.
    fn read_one(
        &mut self,
        fragment_bytes: usize,
        groups: &mut Groups,
        now: Instant,
        say: &mut Vec<Say>,
    ) -> (usize, bool) {
        let Some(cursor) = &mut self.cursor else { return (0, false) };
        match groups.pull(cursor, now) {
            Pulled::Empty => (0, false),
            Pulled::Ended(end) => {
                groups.leave(cursor, now);
                self.cursor = None;
                say.push(Say::Message(WatchResponse {
                    header: Some(end.header),
                    watch_id: self.id,
                    canceled: true,
                    compact_revision: end.compact_revision,
                    cancel_reason: end.reason.clone(),
                    ..Default::default()
                }));
                (0, false)
            }
            Pulled::Batch(batch, more) => (self.say_batch(batch, fragment_bytes, say), more),
        }
    }

    fn say_batch(&mut self, batch: Arc<Batch>, fragment_bytes: usize, say: &mut Vec<Say>) -> usize {
        let Some(cursor) = &mut self.cursor else { return 0 };
        let Wants { no_put, no_delete, fragment, progress_notify } = self.wants;
        let fragment = fragment.then_some(fragment_bytes);
        let wish = Wish { from: cursor.next, no_put, no_delete, fragment };
        let known = batch.last() < cursor.next;
        Groups::passed(cursor, &batch);
        if batch.is_progress() {
            if progress_notify && (!known || batch.last() + 1 == wish.from) {
                let header = Some(*batch.header());
                say.push(Say::Message(WatchResponse { header, watch_id: self.id, ..Default::default() }));
            }
            return 0;
        }
        let size = batch.cost();
        if !known {
            say.push(Say::Batch { batch, watch_id: self.id, wish });
        }
        size
    }
}

fn refused(header: ResponseHeader, cancel_reason: String) -> Say {
    Say::Message(WatchResponse {
        header: Some(header),
        watch_id: -1,
        created: true,
        canceled: true,
        cancel_reason,
        ..Default::default()
    })
}
