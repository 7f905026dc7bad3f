//! One client stream as an HTTP body: polled when the client can take more, so a slow client needs no queue.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use proto_gen::etcdserverpb::{WatchRequest, watch_request::RequestUnion};
use tokio::time::Sleep;
use tonic::Status;

use crate::batch::Frames;
use crate::groups::SessionRef;
use crate::hub::Shared;
use crate::quota::Quota;
use crate::requests::RequestFrames;
use crate::session::{Move, Say, Session};
use crate::shard::Shard;

/// How many requests are taken in at once.
const GULP: usize = 128;
/// How often in a row events go out before the client is listened to again.
const HURRY: u8 = 8;

/// The response to a Watch call whose request body is `B`. It also reads the requests, whenever it is polled.
#[derive(Debug)]
pub struct WatchBody<B> {
    requests: Option<RequestFrames<B>>,
    /// `None` once the stream is to end.
    open: Option<Open>,
    frames: Frames,
    status: Option<Status>,
    deadline: Option<Pin<Box<Sleep>>>,
    /// The next poll has something to do, whether or not anybody rang.
    restless: bool,
    /// Rounds since the client was listened to.
    hurried: u8,
}

#[derive(Debug)]
struct Open {
    shared: Arc<Shared>,
    shard: Arc<Shard>,
    me: SessionRef,
    session: Session,
}

impl<B> WatchBody<B> {
    /// A stream of a session that has entered.
    pub(crate) fn new(
        shared: Arc<Shared>,
        shard: Arc<Shard>,
        me: SessionRef,
        class: usize,
        requests: B,
        deadline: Option<Pin<Box<Sleep>>>,
        quota: Option<Quota>,
    ) -> Self {
        let limit = shared.config.max_request_bytes;
        let session = Session::new(me, class, shared.config.fragment_bytes, quota);
        Self {
            requests: Some(RequestFrames::new(requests, limit)),
            open: Some(Open { shared, shard, me, session }),
            frames: Frames::default(),
            status: None,
            deadline,
            restless: true,
            hurried: 0,
        }
    }

    /// A stream that ends before it begins.
    pub(crate) fn refused(status: Status) -> Self {
        Self {
            requests: None,
            open: None,
            frames: Frames::default(),
            status: Some(status),
            deadline: None,
            restless: false,
            hurried: 0,
        }
    }

    fn end(&mut self, status: Status) {
        self.status = Some(status);
        self.requests = None;
        self.deadline = None;
        self.open = None;
    }
}

impl<B> WatchBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    /// One round: hears the bells and the client, has a turn. False if there was nothing to do.
    fn round(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(open) = &mut self.open else { return false };
        let mut rung = Vec::new();
        let woken = open.shard.take(open.me.key, cx.waker(), &mut rung);
        // An event's round is followed by another, which finds nothing but the client; listening once is enough.
        self.hurried = if rung.is_empty() { 0 } else { (self.hurried + 1) % HURRY };
        let listens = open.session.has_room() && self.hurried == 0;
        let (asked, end) = read_requests(&mut self.requests, listens, cx);
        let idle = rung.is_empty() && asked.is_empty() && !woken && !open.session.has_more();
        if !std::mem::take(&mut self.restless) && idle && end.is_none() {
            return false;
        }
        let mut say = Vec::new();
        let failure = open.turn(asked, &rung, &mut say);
        open.render(say, &mut self.frames);
        if let Some(status) = failure.or(end) {
            self.end(status);
        }
        true
    }
}

impl<B> Body for WatchBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(chunk) = self.frames.pop() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if let Some(status) = self.status.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers(&status)))));
            }
            if self.open.is_none() {
                return Poll::Ready(None);
            }
            if self.deadline.as_mut().is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
                self.end(crate::refusal::deadline());
            } else if !self.round(cx) {
                return Poll::Pending;
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.open.is_none() && self.status.is_none() && self.frames.bytes() == 0
    }
}

impl Open {
    /// The only time that the machine's lock is held for a stream.
    fn turn(&mut self, asked: Vec<WatchRequest>, rung: &[usize], say: &mut Vec<Say>) -> Option<Status> {
        let session = &mut self.session;
        let failure = self.shared.with(|groups, now| {
            if let Some(status) = groups.failure(session.class()) {
                return Some(status.clone());
            }
            session.expect(asked.iter().filter(|request| is_create(request)).count());
            asked.into_iter().for_each(|request| session.request(request, groups, now));
            rung.iter().for_each(|watcher| session.ring(*watcher));
            session.turn(groups, now, say);
            None
        });
        self.follow_moves();
        failure
    }

    fn follow_moves(&mut self) {
        for Move { watcher, from, to } in self.session.take_moves() {
            if let Some(seat) = from {
                self.shard.unlisten(seat);
            }
            if let Some(group) = to {
                let seat = self.shard.listen(group, self.me.key, watcher);
                self.session.seated(watcher, seat);
            }
        }
    }

    fn render(&self, say: Vec<Say>, frames: &mut Frames) {
        let (mut events, mut responses) = (0, 0);
        let mut run = Vec::new();
        frames.reserve(say.iter().map(Say::copied_bytes).sum());
        for say in say {
            match say {
                Say::Message(message) => {
                    self.send_run(&mut run, frames);
                    frames.message(&message, Bytes::new());
                }
                Say::Batch { batch, watch_id, wish } => {
                    let written = match batch.as_first_message(watch_id, wish) {
                        Some(message) => {
                            run.push(message.clone());
                            batch.len()
                        }
                        None => {
                            self.send_run(&mut run, frames);
                            batch.write(watch_id, wish, frames)
                        }
                    };
                    events += written;
                    responses += u64::from(written > 0);
                }
            }
        }
        self.send_run(&mut run, frames);
        if responses > 0 {
            self.shared.counters.events_delivered.add(events as u64);
            self.shared.counters.responses_delivered.add(responses);
        }
    }

    fn send_run(&self, run: &mut Vec<Bytes>, frames: &mut Frames) {
        if run.len() > 1 {
            frames.share(self.shard.last_run.join(std::mem::take(run)));
        }
        run.drain(..).for_each(|message| frames.share(message));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let session = &mut self.session;
        self.shared.with(|groups, now| session.end(groups, now));
        self.follow_moves();
        self.shard.remove_session(self.me.key);
    }
}

/// What the client asks; and how the stream ends, if its requests broke. A client that will ask no more still listens.
fn read_requests<B>(
    requests: &mut Option<RequestFrames<B>>,
    listens: bool,
    cx: &mut Context<'_>,
) -> (Vec<WatchRequest>, Option<Status>)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut asked = Vec::new();
    while let Some(frames) = requests.as_mut().filter(|_| listens && asked.len() < GULP) {
        match frames.poll_request(cx) {
            Poll::Pending => break,
            Poll::Ready(Some(Ok(request))) => asked.push(request),
            Poll::Ready(Some(Err(status))) => return (asked, Some(status)),
            Poll::Ready(None) => *requests = None,
        }
    }
    (asked, None)
}

fn is_create(request: &WatchRequest) -> bool {
    matches!(request.request_union, Some(RequestUnion::CreateRequest(_)))
}

fn trailers(status: &Status) -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        trailers.insert("grpc-status", http::HeaderValue::from(status.code() as i32));
    }
    trailers
}
