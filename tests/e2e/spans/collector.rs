//! A collector that keeps what it is sent: OTLP over gRPC, read by the numbers of its specification.

use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Compressed or not, and a length.
const PREFIX: usize = 5;

/// A span, with what it says about its service.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) service: String,
    pub(super) instance: String,
    pub(super) name: String,
    /// In hexadecimal, as in trace contexts; empty where there is none.
    pub(super) trace: String,
    pub(super) id: String,
    pub(super) parent: String,
    pub(super) kind: i32,
    pub(super) status: i32,
    /// `rpc.grpc.status_code`.
    pub(super) code: i64,
    /// In nanoseconds.
    pub(super) began: u64,
    pub(super) ended: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Collector {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let collector = Self { address, seen: Arc::default() };
        let own = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        collector
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    async fn serve(self, stream: TcpStream) {
        let mut connection = h2::server::handshake(stream).await.expect("a handshake");
        while let Some(Ok((request, mut answer))) = connection.accept().await {
            let collector = self.clone();
            tokio::spawn(async move {
                assert_eq!(request.uri().path(), EXPORT);
                let mut body = request.into_body();
                let mut message = BytesMut::new();
                while let Some(data) = body.data().await {
                    let data = data.expect("data");
                    body.flow_control().release_capacity(data.len()).expect("a window");
                    message.extend_from_slice(&data);
                }
                collector.take(message.freeze());
                let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
                let mut stream = answer.send_response(head, false).expect("a stream");
                stream.send_data(Bytes::from_static(&[0; PREFIX]), false).expect("an empty message");
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                stream.send_trailers(trailers).expect("an end");
            });
        }
    }

    fn take(&self, message: Bytes) {
        let request = ExportTraceServiceRequest::decode(&message[PREFIX..]).expect("spans");
        let mut seen = self.seen.lock().unwrap();
        for of_resource in request.resource_spans {
            let said = of_resource.resource.unwrap_or_default().attributes;
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            seen.extend(spans.map(|span| Seen {
                service: text(&said, "service.name"),
                instance: text(&said, "service.instance.id"),
                code: value(&span.attributes, "rpc.grpc.status_code").int_value.unwrap_or(-1),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                kind: span.kind,
                status: span.status.unwrap_or_default().code,
                began: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                name: span.name,
            }));
        }
    }
}

fn value(attributes: &[KeyValue], key: &str) -> AnyValue {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    found.and_then(|attribute| attribute.value.clone()).unwrap_or_default()
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    value(attributes, key).string_value.unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Message)]
struct ExportTraceServiceRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Message)]
struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    string_value: Option<String>,
    #[prost(int64, optional, tag = "3")]
    int_value: Option<i64>,
}
