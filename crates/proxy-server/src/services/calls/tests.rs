//! Calls as they are counted.

use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio_stream::StreamExt as _;
use tonic::Status;
use tonic::body::Body;

use super::*;

const RANGE: &str = "/etcdserverpb.KV/Range";
const WATCH: &str = "/etcdserverpb.Watch/Watch";

fn totals(calls: &Calls, name: &str) -> Totals {
    calls.totals().into_iter().find(|(method, _)| method.name == name).unwrap().1
}

fn message(length: u8) -> Bytes {
    let mut bytes = vec![0, 0, 0, 0, length];
    bytes.resize(5 + usize::from(length), 7);
    bytes.into()
}

fn trailers(code: &'static str) -> Frame<Bytes> {
    Frame::trailers(HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static(code),
    )]))
}

fn answer(frames: Vec<Frame<Bytes>>) -> Response<Body> {
    let frames = tokio_stream::iter(frames.into_iter().map(Ok::<_, Status>));
    Response::new(Body::new(StreamBody::new(frames)))
}

async fn run(call: Option<CountedCall>, answer: Response<Body>) {
    let mut body = CountedBody::of(answer, call).into_body();
    while body.frame().await.is_some() {}
}

use bytes::Bytes;

#[tokio::test]
async fn a_unary_call_is_one_message_each_way_and_a_code() {
    let calls = Calls::new(false);
    let shard = calls.shard();
    run(shard.begin(RANGE), answer(vec![Frame::data(message(3)), trailers("0")])).await;
    run(shard.begin(RANGE), answer(vec![trailers("14")])).await;
    run(shard.begin(RANGE), Status::permission_denied("").into_http()).await;
    let range = totals(&calls, "Range");
    assert_eq!((range.started, range.received, range.sent), (3, 3, 3));
    let handled: Vec<_> =
        CODES.iter().zip(range.handled).filter(|(_, count)| *count > 0).map(|(code, _)| *code).collect();
    assert_eq!(handled, ["OK", "PermissionDenied", "Unavailable"]);
    assert_eq!(range.took.count(), 0);
}

#[tokio::test]
async fn messages_of_a_stream_are_counted_however_they_are_cut() {
    let calls = Calls::new(true);
    let call = calls.shard().begin(WATCH);
    let request = StreamBody::new(
        tokio_stream::iter([message(9), message(0)]).map(|data| Ok::<_, Status>(Frame::data(data))),
    );
    let request = RequestBody::from(Body::new(request)).of_call(call.as_ref());
    request.collect().await.unwrap();
    let all = [message(200), message(0), message(1)].concat();
    let cut = all.chunks(7).map(|piece| Frame::data(Bytes::copy_from_slice(piece))).chain([trailers("0")]);
    run(call, answer(cut.collect())).await;
    let watch = totals(&calls, "Watch");
    assert_eq!((watch.started, watch.received, watch.sent, watch.handled[0]), (1, 2, 3, 1));
    assert_eq!(watch.took.count(), 1);
}

#[tokio::test]
async fn a_call_that_is_given_up_is_canceled() {
    let calls = Calls::new(false);
    let shard = calls.shard();
    drop(shard.begin(RANGE));
    let pending =
        Response::new(Body::new(StreamBody::new(tokio_stream::pending::<Result<Frame<Bytes>, Status>>())));
    drop(CountedBody::of(pending, shard.begin(RANGE)));
    assert_eq!(totals(&calls, "Range").handled[1], 2);
}

#[test]
fn shards_add_up_and_unknown_methods_have_no_name() {
    let calls = Calls::new(false);
    let (one, other) = (calls.shard(), calls.shard());
    drop((one.begin(RANGE), other.begin(RANGE)));
    assert!(one.begin("/my.Service/Call").is_none());
    assert_eq!(totals(&calls, "Range").started, 2);
}
