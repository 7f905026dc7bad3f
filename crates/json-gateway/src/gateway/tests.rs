//! Whole requests over a service that does as it is told.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{BufMut as _, BytesMut};
use http::HeaderMap;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use prost_reflect::prost::Message;
use proto_gen::etcdserverpb::*;
use proto_gen::mvccpb::KeyValue;
use serde_json::{Value, json};

use super::*;

type Answering = dyn Fn(Request<Body>) -> Response<Body> + Send + Sync;

/// A service that answers by a function, or never.
#[derive(Clone)]
struct Scripted(Option<Arc<Answering>>);

impl tower_service::Service<Request<Body>> for Scripted {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match &self.0 {
            Some(answer) => Box::pin(std::future::ready(Ok(answer(request)))),
            None => Box::pin(std::future::pending()),
        }
    }
}

fn gateway(answer: impl Fn(Request<Body>) -> Response<Body> + Send + Sync + 'static) -> Gateway<Scripted> {
    over(Scripted(Some(Arc::new(answer))))
}

fn over(service: Scripted) -> Gateway<Scripted> {
    let config = Config { max_value_bytes: 1000, origins: Origins::default() };
    Gateway::new(service, Api::new().unwrap(), config)
}

fn framed(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).unwrap());
    frame.put_slice(&message.encode_to_vec());
    frame.freeze()
}

fn trailers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
    };
    pairs.iter().map(pair).collect()
}

/// An answer of these frames and trailers.
fn answer(frames: Vec<Bytes>, end: Option<HeaderMap>) -> Response<Body> {
    let frames: Vec<_> =
        frames.into_iter().map(Frame::data).chain(end.map(Frame::trailers)).map(Ok::<_, Status>).collect();
    let mut response = Response::new(Body::new(StreamBody::new(futures_util::stream::iter(frames))));
    *response.headers_mut() = trailers(&[("content-type", "application/grpc"), ("x-served-by", "m0")]);
    response
}

fn done() -> Option<HeaderMap> {
    Some(trailers(&[("grpc-status", "0")]))
}

fn post(path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path).body(Full::new(body.into())).unwrap()
}

async fn read(response: Response<Body>) -> (u16, String) {
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (code, String::from_utf8(body.to_vec()).unwrap())
}

async fn asked(gateway: &Gateway<Scripted>, request: Request<Full<Bytes>>) -> (u16, Value) {
    let (code, body) = read(gateway.answer(request).await.response).await;
    (code, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}")))
}

fn lines(body: &str) -> Vec<Value> {
    body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn alive(id: i64) -> LeaseKeepAliveResponse {
    LeaseKeepAliveResponse { id, ttl: 5, ..Default::default() }
}

#[tokio::test]
async fn a_call_goes_out_as_grpc_and_comes_back_as_json() {
    let gateway = gateway(|request| {
        assert_eq!(request.uri(), "/etcdserverpb.KV/Range");
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.headers()["content-type"], "application/grpc");
        assert_eq!(request.headers()["te"], "trailers");
        assert_eq!(request.headers()["authorization"], "token");
        assert_eq!(request.headers().len(), 3);
        let kvs = vec![KeyValue { key: "a".into(), ..Default::default() }];
        answer(vec![framed(&RangeResponse { kvs, count: 1, ..Default::default() })], done())
    });
    for path in ["/v3/kv/range", "/v3beta/kv/range", "/v3/kv/range?pretty"] {
        let mut request = post(path, "{}");
        request.headers_mut().insert("authorization", "token".parse().unwrap());
        request.headers_mut().insert("user-agent", "x".parse().unwrap());
        let response = gateway.answer(request).await.response;
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["grpc-metadata-x-served-by"], "m0");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        assert!(response.body().size_hint().exact().is_some());
        assert_eq!(read(response).await, (200, r#"{"kvs":[{"key":"YQ=="}],"count":"1"}"#.to_owned()));
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_none_are_refused() {
    let gateway = gateway(|request| panic!("nobody asks for {}", request.uri()));
    for path in ["/v3/", "/v3/kv", "/v3/kv/range/", "/v3beta/", "/v3/etcdserverpb.KV/Range"] {
        let expected = json!({ "error": "Not Found", "code": 5, "message": "Not Found" });
        assert_eq!(asked(&gateway, post(path, "{}")).await, (404, expected), "{path}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::HEAD] {
        let mut request = post("/v3/kv/range", "");
        *request.method_mut() = method;
        let (code, body) = asked(&gateway, request).await;
        assert_eq!((code, &body["message"]), (501, &json!("Method Not Allowed")));
    }
    let mut request = post("/v3/kv/range", "");
    *request.method_mut() = Method::OPTIONS;
    let response = gateway.answer(request).await.response;
    assert_eq!(response.headers()["access-control-allow-headers"], "accept, content-type, authorization");
    assert_eq!(read(response).await, (200, String::new()));
}

#[tokio::test]
async fn a_refusal_of_the_service_keeps_its_words_under_https_code() {
    let gateway = gateway(|_| Status::unauthenticated("etcdserver: invalid auth token").into_http());
    for path in ["/v3/kv/put", "/v3/watch", "/v3/maintenance/snapshot"] {
        let response = gateway.answer(post(path, "{}")).await.response;
        assert_eq!(response.headers()["www-authenticate"], "etcdserver: invalid auth token");
        let (code, body) = read(response).await;
        let words = "etcdserver: invalid auth token";
        let expected = json!({ "error": words, "code": 16, "message": words });
        assert_eq!((code, serde_json::from_str::<Value>(&body).unwrap()), (401, expected), "{path}");
    }
}

#[tokio::test]
async fn a_service_that_breaks_off_is_an_error_and_no_answer() {
    let message = framed(&PutResponse::default());
    let header = |name: &'static str, value: &str| Some(trailers(&[(name, value)]));
    let cases: [(Vec<Bytes>, Option<HeaderMap>, u16); 7] = [
        (vec![message.clone()], None, 500),
        (vec![message.clone()], header("x", "y"), 500),
        (vec![message.clone()], header("grpc-status", "14"), 503),
        (vec![], done(), 500),
        (vec![message.slice(..3)], done(), 500),
        (vec![Bytes::from_static(b"\x01\0\0\0\0")], done(), 500),
        (vec![Bytes::from_static(b"\0\0\0\0\x02\x0a\x09")], done(), 500),
    ];
    for (frames, end, expected) in cases {
        let shown = format!("{frames:?} {end:?}");
        let gateway = gateway(move |_| answer(frames.clone(), end.clone()));
        let (code, body) = asked(&gateway, post("/v3/kv/put", "{}")).await;
        assert_eq!(code, expected, "{shown}: {body}");
    }
}

#[tokio::test]
async fn a_message_may_come_in_pieces_and_several_in_one() {
    let whole: Vec<u8> = (1..=3).flat_map(|id| framed(&alive(id)).to_vec()).collect();
    let expected: Vec<Value> =
        (1..=3).map(|id| json!({ "result": { "ID": id.to_string(), "TTL": "5" } })).collect();
    for size in [1, 2, 5, 6, 7, 100] {
        let frames: Vec<Bytes> = whole.chunks(size).map(Bytes::copy_from_slice).collect();
        let gateway = gateway(move |_| answer(frames.clone(), done()));
        let (code, body) = read(gateway.answer(post("/v3/lease/keepalive", "{}")).await.response).await;
        assert_eq!((code, lines(&body)), (200, expected.clone()), "pieces of {size}");
    }
}

#[tokio::test]
async fn a_stream_that_fails_says_so_in_its_last_line() {
    let end = trailers(&[("grpc-status", "14"), ("grpc-message", "etcdserver: no leader")]);
    let gateway = gateway(move |_| answer(vec![framed(&alive(7))], Some(end.clone())));
    let (code, body) = read(gateway.answer(post("/v3/lease/keepalive", "{}")).await.response).await;
    let error = json!({
        "code": 14, "message": "etcdserver: no leader",
        "grpc_code": 14, "http_code": 503, "http_status": "Service Unavailable",
    });
    assert_eq!((code, lines(&body)[1].clone()), (200, json!({ "error": error })));
}

#[tokio::test]
async fn a_stream_that_fails_at_once_is_refused_by_its_code() {
    let end = trailers(&[("grpc-status", "7"), ("grpc-message", "no")]);
    let gateway = gateway(move |_| answer(vec![], Some(end.clone())));
    assert_eq!(asked(&gateway, post("/v3/watch", "{}")).await.0, 403);
}

#[tokio::test]
async fn trailers_reach_those_who_take_them() {
    let end = trailers(&[("grpc-status", "0"), ("x-took", "5")]);
    let gateway = gateway(move |_| answer(vec![framed(&PutResponse::default())], Some(end.clone())));
    let mut request = post("/v3/kv/put", "{}");
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    let response = gateway.answer(request).await.response;
    assert_eq!(response.headers()["trailer"], "grpc-trailer-x-took");
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers(&[("grpc-trailer-x-took", "5")])));
    let response = gateway.answer(post("/v3/kv/put", "{}")).await.response;
    assert!(!response.headers().contains_key("trailer"));
    assert_eq!(response.into_body().collect().await.unwrap().trailers(), None);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_wait() {
    let gateway = over(Scripted(None));
    for path in ["/v3/kv/put", "/v3/watch", "/v3/maintenance/snapshot"] {
        let mut request = post(path, "{}");
        request.headers_mut().insert("grpc-timeout", "5S".parse().unwrap());
        let began = tokio::time::Instant::now();
        let (code, body) = asked(&gateway, request).await;
        assert_eq!((code, &body["message"]), (504, &json!("context deadline exceeded")));
        assert_eq!(began.elapsed().as_secs(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_stream_with_a_line() {
    let gateway = gateway(|_| {
        let first = futures_util::stream::iter([Ok::<_, Status>(Frame::data(framed(&alive(1))))]);
        let frames = futures_util::StreamExt::chain(first, futures_util::stream::pending());
        Response::new(Body::new(StreamBody::new(frames)))
    });
    let mut request = post("/v3/lease/keepalive", "{}");
    request.headers_mut().insert("grpc-timeout", "5S".parse().unwrap());
    let (code, body) = read(gateway.answer(request).await.response).await;
    let lines = lines(&body);
    assert_eq!((code, lines.len(), &lines[1]["error"]["code"]), (200, 2, &json!(4)));
}

#[tokio::test]
async fn a_value_that_is_too_large_is_refused() {
    let gateway = gateway(|request| panic!("nobody asks for {}", request.uri()));
    let large = format!("{{\"key\":\"{}\"}}", "x".repeat(1000));
    for path in ["/v3/kv/put", "/v3/watch", "/v3/maintenance/snapshot"] {
        let (code, body) = asked(&gateway, post(path, large.clone())).await;
        assert_eq!((code, &body["message"]), (413, &json!("http: request body too large")));
        // Without a length, in pieces, and without an end.
        let piece = Bytes::copy_from_slice(&large.as_bytes()[..500]);
        let first = futures_util::stream::iter(
            vec![piece; 3].into_iter().map(|piece| Ok::<_, Status>(Frame::data(piece))),
        );
        let endless = futures_util::StreamExt::chain(first, futures_util::stream::pending());
        let request = Request::post(path).body(StreamBody::new(endless)).unwrap();
        assert_eq!(gateway.answer(request).await.response.status(), 413);
    }
}

#[tokio::test]
async fn a_stream_is_read_no_faster_than_its_client_reads() {
    let pulled = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pulled);
    let gateway = gateway(move |_| {
        let counted = Arc::clone(&counted);
        let chunk = framed(&SnapshotResponse { blob: vec![0; 30_000].into(), ..Default::default() });
        let frames = std::iter::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Status>(Frame::data(chunk.clone()))
        });
        Response::new(Body::new(StreamBody::new(futures_util::stream::iter(frames))))
    });
    let mut body = gateway.answer(post("/v3/maintenance/snapshot", "{}")).await.response.into_body();
    assert_eq!(pulled.load(Ordering::Relaxed), 1);
    for piece in 1..100 {
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(data.len() <= 200_000, "{} bytes", data.len());
        assert!(pulled.load(Ordering::Relaxed) <= 1 + 2 * piece, "after {piece} pieces");
    }
}

#[tokio::test]
async fn a_long_answer_comes_in_pieces() {
    let kvs: Vec<KeyValue> = (0..200)
        .map(|index| KeyValue {
            key: format!("{index}").into(),
            value: vec![7; 10_000].into(),
            ..Default::default()
        })
        .collect();
    let message = framed(&RangeResponse { kvs: kvs.clone(), count: 200, ..Default::default() });
    let gateway = gateway(move |_| answer(vec![message.clone()], done()));
    let mut body = gateway.answer(post("/v3/kv/range", "{}")).await.response.into_body();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap();
        assert!(piece.len() <= 160_000, "a piece of {} bytes", piece.len());
        whole.extend_from_slice(&piece);
    }
    let json: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!((json["kvs"].as_array().unwrap().len(), &json["count"]), (200, &json!("200")));
}

/// A client's stream is the service's: request by request, and its end.
#[tokio::test]
async fn the_requests_of_a_stream_arrive_one_by_one() {
    let gateway = gateway(|request| {
        let frames = futures_util::StreamExt::map(request.into_body().into_data_stream(), |data| {
            let data = data?;
            let request = LeaseKeepAliveRequest::decode(&data[5..]).unwrap();
            Ok::<_, Status>(Frame::data(framed(&alive(request.id))))
        });
        let frames = futures_util::StreamExt::chain(
            frames,
            futures_util::stream::iter([Ok(Frame::trailers(done().unwrap()))]),
        );
        Response::new(Body::new(StreamBody::new(frames)))
    });
    let (code, body) = read(
        gateway.answer(post("/v3/lease/keepalive", "{\"ID\":1}\n{\"ID\":\"2\"}{\"ID\":3}")).await.response,
    )
    .await;
    let ids: Vec<Value> = lines(&body).iter().map(|line| line["result"]["ID"].clone()).collect();
    assert_eq!((code, ids), (200, vec![json!("1"), json!("2"), json!("3")]));
    let (code, body) = read(gateway.answer(post("/v3/lease/keepalive", "")).await.response).await;
    assert_eq!((code, body.as_str()), (200, ""));
    let (_, body) =
        read(gateway.answer(post("/v3/lease/keepalive", "{\"ID\":1}{\"ID\":")).await.response).await;
    let error = lines(&body).pop().unwrap()["error"].clone();
    assert_eq!((&error["code"], &error["message"]), (&json!(3), &json!("unexpected EOF")));
}

#[test]
fn the_routes_are_those_of_etcd() {
    let table = include_str!("../../tests/data/routes.tsv");
    let routes = Routes::new().unwrap();
    let mut count = 0;
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [method, path, body, rpc] = columns[..] else { panic!("{line}") };
        assert_eq!((method, body), ("POST", "*"), "{line}");
        assert_eq!(routes.find(path).unwrap().method, format!("/{rpc}"), "{line}");
        count += 1;
    }
    assert_eq!(count, routes.len());
}

#[test]
fn a_path_is_the_gateways_by_its_beginning() {
    assert!(owns("/v3/kv/range") && owns("/v3/") && owns("/v3beta/x"));
    assert!(!owns("/v3") && !owns("/v3alpha/kv/range") && !owns("/health") && !owns("/x/v3/kv/range"));
}
