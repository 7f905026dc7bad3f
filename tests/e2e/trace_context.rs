//! What a tracer puts into the metadata of a call reaches etcd, whichever way the call goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use e2e::{Client, JsonConnection, Proxy, SOON, eventually};
use http::{HeaderMap, Response};
use proto_gen::etcdserverpb::RangeRequest;
use tokio::net::TcpListener;

use crate::requests::{get, grant, put, watch, watch_key};
use crate::watch::open;

/// One context for each call, as tracers make them.
pub(crate) fn context(call: u8) -> String {
    format!("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902{call:02x}-01")
}

/// A member that writes down what it is asked and refuses it all.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<(String, HeaderMap)>>>);

impl Recorder {
    pub(crate) async fn listen(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let recorder = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(recorder.clone().serve(stream));
            }
        });
        address
    }

    async fn serve(self, stream: tokio::net::TcpStream) {
        let Ok(mut connection) = h2::server::handshake(stream).await else { return };
        while let Some(Ok((request, mut answer))) = connection.accept().await {
            let (head, _) = request.into_parts();
            self.0.lock().unwrap().push((head.uri.path().to_owned(), head.headers));
            let refused = Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", "9")
                .header("grpc-message", "refused");
            let _ = answer.send_response(refused.body(()).unwrap(), true);
        }
    }

    /// The contexts that came, by method.
    pub(crate) fn contexts(&self) -> HashMap<String, Vec<String>> {
        let mut contexts: HashMap<String, Vec<String>> = HashMap::new();
        for (path, headers) in &*self.0.lock().unwrap() {
            let method = path.rsplit('/').next().unwrap_or_default().to_owned();
            let context = headers.get("traceparent").map(|value| value.to_str().unwrap().to_owned());
            contexts.entry(method).or_default().extend(context);
        }
        contexts
    }
}

async fn traced(proxy: &Proxy, call: u8) -> Client {
    proxy.client().with("traceparent", &context(call)).with("tracestate", "vendor=1").with("baggage", "a=b")
}

/// JSON, over HTTP/1.1 and HTTP/2, by the header's own name and as metadata; streams too.
#[tokio::test]
async fn the_context_of_a_json_call_reaches_etcd() {
    let recorder = Recorder::default();
    let proxy = Proxy::start(&recorder.listen().await, &[]).await;
    let address = proxy.address();
    let traced = |json: JsonConnection, call| {
        json.with("Traceparent", &context(call)).with("tracestate", "vendor=1").with("baggage", "a=b")
    };
    let posts = [
        (traced(JsonConnection::connect(address).await, 1), "/v3/kv/put", "Put", 1),
        (traced(JsonConnection::connect_http2(address).await, 2), "/v3/kv/range", "Range", 2),
        (
            JsonConnection::connect(address).await.with("Grpc-Metadata-Traceparent", &context(3)),
            "/v3/lease/grant",
            "LeaseGrant",
            3,
        ),
        (traced(JsonConnection::connect(address).await, 4), "/v3/auth/status", "AuthStatus", 4),
        (traced(JsonConnection::connect(address).await, 5), "/v3/maintenance/snapshot", "Snapshot", 5),
    ];
    for (mut json, path, method, call) in posts {
        let answer = json.post(path, "{}").await;
        assert!(answer.body.contains("refused"), "{path}: {}", answer.body);
        let came = || recorder.contexts().get(method).cloned().unwrap_or_default();
        assert_eq!(came(), [context(call)], "{path}");
    }
    let calls = recorder.0.lock().unwrap();
    let (_, headers) = calls.iter().find(|(path, _)| path.ends_with("/Put")).expect("a put");
    assert_eq!(
        (&headers["tracestate"], &headers["baggage"]),
        (&"vendor=1".parse().unwrap(), &"a=b".parse().unwrap())
    );
}

#[tokio::test]
async fn the_context_of_a_call_reaches_etcd() {
    let recorder = Recorder::default();
    let proxy = Proxy::start(&recorder.listen().await, &[]).await;
    // Each is refused by the recorder; what counts is what it has written down.
    traced(&proxy, 1).await.kv().range(get("a")).await.expect_err("a refusal");
    let serializable = RangeRequest { serializable: true, ..get("a") };
    traced(&proxy, 2).await.kv().range(serializable).await.expect_err("a refusal");
    traced(&proxy, 3).await.kv().put(put("a", "1")).await.expect_err("a refusal");
    traced(&proxy, 4).await.lease().lease_grant(grant(0, 10)).await.expect_err("a refusal");
    let passed_through = proto_gen::etcdserverpb::AuthStatusRequest {};
    traced(&proxy, 5).await.auth().auth_status(passed_through).await.expect_err("a refusal");
    // The hub's streams belong to many; one that goes past it is the client's own.
    let past_the_hub = traced(&proxy, 6).await.with("etcd-proxy-watch", "passthrough");
    let stream = open(&past_the_hub);
    stream.send(watch(watch_key("a", 0))).await;
    let expected =
        [("Range", 1), ("Range", 2), ("Put", 3), ("LeaseGrant", 4), ("AuthStatus", 5), ("Watch", 6)];
    eventually("every context arrives", SOON, async || {
        let contexts = recorder.contexts();
        let came = |(method, call): &(&str, u8)| {
            contexts.get(*method).is_some_and(|contexts| contexts.contains(&context(*call)))
        };
        expected.iter().all(came).then_some(())
    })
    .await;
    let calls = recorder.0.lock().unwrap();
    let (_, headers) = calls.iter().find(|(path, _)| path.ends_with("/Put")).expect("a put");
    assert_eq!(
        (&headers["tracestate"], &headers["baggage"]),
        (&"vendor=1".parse().unwrap(), &"a=b".parse().unwrap())
    );
}
