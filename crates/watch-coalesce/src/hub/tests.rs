//! The hub over an etcd double, with the clock standing still.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::Stream;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use prost::Message;
use proto_gen::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
    watch_request::RequestUnion,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status};

use super::*;
use crate::double::{Etcd, revision};
use crate::quota::Quota;
use crate::upstream::Requests;
use crate::{Caller, WatchBody};

/// An etcd that answers at once.
#[derive(Clone, Default)]
struct Double(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    etcd: Etcd,
    next: u64,
    wakers: Vec<Waker>,
    broken: Option<Status>,
    down: Option<Status>,
}

struct Responses {
    double: Double,
    id: u64,
    requests: Requests,
}

impl Double {
    fn new() -> Self {
        let double = Self::default();
        double.with(|state| state.etcd = Etcd::new());
        double
    }

    fn with<T>(&self, call: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.lock().unwrap();
        let result = call(&mut state);
        state.wakers.drain(..).for_each(Waker::wake);
        result
    }

    fn write(&self, key: &str) {
        self.with(|state| state.etcd.write(&[key]));
    }
}

impl OpenWatch for Double {
    type Responses = Responses;

    fn open(
        &self,
        caller: &Caller,
        requests: Requests,
    ) -> impl Future<Output = Result<Responses, Status>> + Send + 'static {
        let token = caller.token.as_ref().map(|token| String::from_utf8_lossy(token).into_owned());
        let id = self.with(|state| {
            if let Some(status) = &state.down {
                return Err(status.clone());
            }
            state.next += 1;
            state.etcd.open(state.next, token);
            Ok(state.next)
        });
        let double = self.clone();
        async move { id.map(|id| Responses { double, id, requests }) }
    }
}

impl Stream for Responses {
    type Item = Result<WatchResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut asked = Vec::new();
        while let Poll::Ready(Some(request)) = Pin::new(&mut self.requests).poll_next(cx) {
            asked.push(request);
        }
        let mut state = self.double.0.lock().unwrap();
        if let Some(status) = state.broken.clone() {
            return Poll::Ready(Some(Err(status)));
        }
        asked.into_iter().for_each(|request| state.etcd.request(self.id, request));
        match state.etcd.streams.get_mut(&self.id).and_then(|stream| stream.pop(true)) {
            Some(response) => Poll::Ready(Some(Ok(response))),
            None => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Responses {
    fn drop(&mut self) {
        self.double.0.lock().unwrap().etcd.streams.remove(&self.id);
    }
}

type Sent = StreamBody<UnboundedReceiverStream<Result<Frame<Bytes>, Status>>>;

struct Client {
    requests: Option<mpsc::UnboundedSender<Result<Frame<Bytes>, Status>>>,
    body: WatchBody<Sent>,
    rest: BytesMut,
    events: VecDeque<i64>,
}

impl Client {
    fn open(service: &WatchService, headers: &[(&'static str, &str)]) -> Self {
        Self::open_with(service, headers, None)
    }

    fn open_with(service: &WatchService, headers: &[(&'static str, &str)], quota: Option<&Quota>) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let mut request = http::Request::new(StreamBody::new(UnboundedReceiverStream::new(receiver)));
        request.extensions_mut().extend(
            quota
                .map(|quota| {
                    let mut extensions = http::Extensions::new();
                    extensions.insert(quota.clone());
                    extensions
                })
                .unwrap_or_default(),
        );
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let response = service.serve(request);
        assert_eq!(response.headers()["content-type"], "application/grpc");
        Self {
            requests: Some(requests),
            body: response.into_body(),
            rest: BytesMut::new(),
            events: VecDeque::new(),
        }
    }

    fn send_bytes(&self, bytes: Bytes) {
        self.requests.as_ref().unwrap().send(Ok(Frame::data(bytes))).unwrap();
    }

    fn ask(&self, union: RequestUnion) {
        let request = WatchRequest { request_union: Some(union) };
        let mut bytes = BytesMut::new();
        bytes.put_u8(0);
        bytes.put_u32(request.encoded_len() as u32);
        request.encode(&mut bytes).unwrap();
        self.send_bytes(bytes.freeze());
    }

    fn watch(&self, key: &str, start_revision: i64) {
        let key = Bytes::copy_from_slice(key.as_bytes());
        self.ask(RequestUnion::CreateRequest(WatchCreateRequest {
            key,
            start_revision,
            ..Default::default()
        }));
    }

    /// The next message, or how the stream ended.
    async fn next(&mut self) -> Result<WatchResponse, Status> {
        loop {
            if self.rest.len() >= 5 {
                let length = u32::from_be_bytes(self.rest[1..5].try_into().unwrap()) as usize;
                if self.rest.len() >= 5 + length {
                    self.rest.advance(5);
                    return Ok(WatchResponse::decode(self.rest.split_to(length)).unwrap());
                }
            }
            match self.body.frame().await.expect("trailers come first").unwrap().into_data() {
                Ok(data) => self.rest.extend_from_slice(&data),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap();
                    assert!(self.body.frame().await.is_none());
                    return Err(Status::from_header_map(&trailers).unwrap());
                }
            }
        }
    }

    async fn created(&mut self) -> i64 {
        let response = self.next().await.unwrap();
        assert!(response.created && !response.canceled, "{response:?}");
        response.header.unwrap().revision
    }

    async fn event(&mut self) -> i64 {
        while self.events.is_empty() {
            let response = self.next().await.unwrap();
            assert!(!response.events.is_empty(), "{response:?}");
            self.events.extend(response.events.iter().map(revision));
        }
        self.events.pop_front().unwrap()
    }

    async fn quiet(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(50), self.next()).await;
        assert!(next.is_err(), "{next:?}");
    }
}

fn start(config: Config) -> (WatchHub, Double) {
    let double = Double::new();
    let (hub, worker) = WatchHub::new(config, double.clone());
    tokio::spawn(worker.run());
    (hub, double)
}

#[tokio::test(start_paused = true)]
async fn a_hundred_streams_share_one_watcher_and_each_gets_every_event() {
    let (hub, double) = start(Config::default());
    let (local, relay) = hub.local_service();
    tokio::spawn(relay.run());
    let doors = [local, hub.service()];
    let mut clients: Vec<_> = (0..100).map(|index| Client::open(&doors[index % 2], &[])).collect();
    for client in &mut clients {
        client.watch("a", 0);
        assert_eq!(client.created().await, 1);
    }
    assert_eq!(double.with(|state| state.etcd.watchers()), 1);
    double.write("a");
    double.write("b");
    double.write("a");
    for client in &mut clients {
        assert_eq!((client.event().await, client.event().await), (2, 4));
    }
    assert_eq!(hub.counters().events_delivered.get(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_stream_keeps_streaming() {
    let (hub, double) = start(Config::default());
    let mut client = Client::open(&hub.service(), &[]);
    client.watch("a", 0);
    client.requests = None;
    client.created().await;
    double.write("a");
    assert_eq!(client.event().await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_broken_upstream_is_not_noticed() {
    let (hub, double) = start(Config::default());
    let mut client = Client::open(&hub.service(), &[]);
    client.watch("a", 0);
    client.created().await;
    double.write("a");
    assert_eq!(client.event().await, 2);
    double.with(|state| {
        state.broken = Some(Status::unavailable("broken"));
        state.down = Some(Status::unavailable("down"));
    });
    client.quiet().await;
    double.write("a");
    double.with(|state| (state.broken, state.down) = (None, None));
    let syncing = double.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            syncing.with(|state| state.etcd.sync(10));
        }
    });
    assert_eq!(client.event().await, 3);
    double.write("a");
    assert_eq!(client.event().await, 4);
    assert!(hub.counters().resumes.get() >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_gets_everything_when_it_does() {
    let (hub, double) = start(Config { history_bytes: 2000, ..Config::default() });
    let (mut fast, mut slow) = (Client::open(&hub.service(), &[]), Client::open(&hub.service(), &[]));
    for client in [&mut fast, &mut slow] {
        client.watch("a", 0);
        client.created().await;
    }
    for expected in 2..300 {
        double.write("a");
        assert_eq!(fast.event().await, expected);
    }
    assert!(hub.counters().history_bytes.get() <= 2000);
    let syncing = double.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            syncing.with(|state| state.etcd.sync(10));
        }
    });
    for expected in 2..300 {
        assert_eq!(slow.event().await, expected);
    }
    assert_eq!(hub.counters().falls.get(), 1);
    double.write("a");
    assert_eq!((fast.event().await, slow.event().await), (300, 300));
}

#[tokio::test(start_paused = true)]
async fn progress_and_cancel_are_answered() {
    let (hub, double) = start(Config::default());
    let mut client = Client::open(&hub.service(), &[]);
    client.watch("a", 0);
    client.created().await;
    double.write("b");
    client.ask(RequestUnion::ProgressRequest(WatchProgressRequest {}));
    let progress = client.next().await.unwrap();
    assert_eq!((progress.watch_id, progress.header.unwrap().revision), (-1, 2));
    client.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 0 }));
    let canceled = client.next().await.unwrap();
    assert!(canceled.canceled);
    assert_eq!(canceled.header.unwrap().revision, 2);
}

#[tokio::test(start_paused = true)]
async fn a_closed_hub_ends_every_stream_with_a_reason() {
    let double = Double::new();
    let (hub, worker) = WatchHub::new(Config::default(), double.clone());
    let worker = tokio::spawn(worker.run());
    let mut client = Client::open(&hub.service(), &[]);
    client.watch("a", 0);
    client.created().await;
    hub.close();
    let end = client.next().await.unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::Unavailable, "etcdserver: server stopped"));
    let mut late = Client::open(&hub.service(), &[]);
    assert_eq!(late.next().await.unwrap_err().code(), Code::Unavailable);
    worker.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_leader_ends_only_the_streams_that_asked_for_one() {
    let (hub, double) = start(Config::default());
    let mut strict = Client::open(&hub.service(), &[("hasleader", "true")]);
    let mut easy = Client::open(&hub.service(), &[]);
    for client in [&mut strict, &mut easy] {
        client.watch("a", 0);
        client.created().await;
    }
    double.with(|state| state.broken = Some(Status::unavailable("etcdserver: no leader")));
    let end = strict.next().await.unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::Unavailable, "etcdserver: no leader"));
    double.with(|state| state.broken = None);
    tokio::time::sleep(Duration::from_secs(5)).await;
    double.write("a");
    assert_eq!(easy.event().await, 2);
}

#[tokio::test(start_paused = true)]
async fn etcds_final_word_ends_the_streams_of_its_caller_with_that_word() {
    let (hub, double) = start(Config::default());
    double.with(|state| state.down = Some(Status::unauthenticated("etcdserver: invalid auth token")));
    let mut client = Client::open(&hub.service(), &[("token", "t")]);
    client.watch("a", 0);
    let end = client.next().await.unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::Unauthenticated, "etcdserver: invalid auth token"));
    double.with(|state| state.down = None);
    let mut again = Client::open(&hub.service(), &[("token", "t")]);
    again.watch("a", 0);
    assert_eq!(again.created().await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_request_ends_its_own_stream_only() {
    let (hub, _double) = start(Config { max_request_bytes: 100, ..Config::default() });
    let mut good = Client::open(&hub.service(), &[]);
    for (bytes, code) in [
        (&b"\0\0\0\0\x02\xff\xff"[..], Code::Internal),
        (b"\x01\0\0\0\0", Code::Unimplemented),
        (b"\0\0\0\0\x65", Code::ResourceExhausted),
    ] {
        let mut client = Client::open(&hub.service(), &[]);
        client.send_bytes(Bytes::from_static(bytes));
        assert_eq!(client.next().await.unwrap_err().code(), code);
    }
    // An empty request, and one of a kind that nobody knows, are passed over.
    good.send_bytes(Bytes::from_static(b"\0\0\0\0\0\0\0\0\0\x02\x52\0"));
    good.watch("a", 0);
    assert_eq!(good.created().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_may_come_in_pieces() {
    let (hub, _double) = start(Config::default());
    let mut client = Client::open(&hub.service(), &[]);
    let request = b"\0\0\0\0\x05\x0a\x03\x0a\x01a";
    for byte in request {
        client.send_bytes(Bytes::copy_from_slice(&[*byte]));
        client.quiet_if(*byte != b'a').await;
    }
    assert_eq!(client.created().await, 1);
}

impl Client {
    async fn quiet_if(&mut self, quiet: bool) {
        if quiet {
            self.quiet().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_stream() {
    let (hub, _double) = start(Config::default());
    let mut client = Client::open(&hub.service(), &[("grpc-timeout", "2S")]);
    client.watch("a", 0);
    client.created().await;
    assert_eq!(client.next().await.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_leaves_nothing_behind() {
    let (hub, double) = start(Config::default());
    let mut client = Client::open(&hub.service(), &[]);
    client.watch("a", 0);
    client.created().await;
    drop(client);
    tokio::time::sleep(Duration::from_secs(11)).await;
    let counters = hub.counters();
    assert_eq!((counters.sessions.get(), counters.client_watchers.get()), (0, 0));
    assert_eq!(counters.upstream_watchers.get(), 0);
    assert!(double.with(|state| state.etcd.streams.is_empty()));
}

#[test]
fn a_body_can_cross_threads() {
    fn check<T: Send + 'static + Body<Data = Bytes, Error = Status>>() {}
    check::<WatchBody<Sent>>();
}

#[tokio::test(start_paused = true)]
async fn the_widest_ranges_are_told_widest_first() {
    let (hub, _double) = start(Config::default());
    let mut clients = Vec::new();
    for index in 0..1500 {
        let mut client = Client::open(&hub.service(), &[]);
        let key = match index {
            0..3 => "three".to_owned(),
            3..5 => "two".to_owned(),
            _ => format!("lonely-{index}"),
        };
        client.watch(&key, 0);
        client.created().await;
        clients.push(client);
    }
    let seen = |most| -> Vec<(Bytes, usize)> {
        hub.widest(most).into_iter().map(|range| (range.key, range.watchers)).collect()
    };
    assert_eq!(seen(2), [("three".into(), 3), ("two".into(), 2)]);
    assert_eq!(seen(5000).len(), 1497);
    clients.drain(..3);
    assert_eq!(seen(1), [("two".into(), 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_client_has_no_more_watchers_than_its_quota_over_all_its_streams() {
    let (hub, double) = start(Config::default());
    let quota = Quota::new(3);
    let service = hub.service();
    let mut streams: Vec<_> = (0..2).map(|_| Client::open_with(&service, &[], Some(&quota))).collect();
    for stream in [0, 1, 0] {
        streams[stream].watch("a", 0);
        streams[stream].created().await;
    }
    streams[1].watch("a", 0);
    let refused = streams[1].next().await.unwrap();
    assert!(refused.created && refused.canceled && refused.watch_id == -1, "{refused:?}");
    assert_eq!(refused.cancel_reason, "etcdserver: too many requests");
    assert_eq!(hub.counters().refused_watchers.get(), 1);
    // Who has no quota is not concerned.
    let mut other = Client::open(&service, &[]);
    other.watch("a", 0);
    other.created().await;

    streams[0].ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 0 }));
    assert!(streams[0].next().await.unwrap().canceled);
    streams[1].watch("a", 0);
    streams[1].created().await;
    // etcd's own refusal, and a watcher that etcd ends, take no place.
    streams[0].ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 1 }));
    assert!(streams[0].next().await.unwrap().canceled);
    assert_eq!(quota.taken(), 2);
    streams[0].watch("a", -1);
    assert!(streams[0].next().await.unwrap().canceled);
    assert_eq!(quota.taken(), 2);
    double.write("a");
    streams[1].event().await;
    drop(streams);
    assert!(quota.is_idle());
}
