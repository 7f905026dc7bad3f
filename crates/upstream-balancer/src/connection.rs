//! One HTTP/2 connection to a member: calls go out over it, and its pulse is taken while it lives.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason};
use http::uri::{self, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};
use tokio::time::{Instant, interval};
use tonic::Status;
use tracing::warn;

use crate::body::{Pump, ReceivedBody};
use crate::config::Keepalive;
use crate::dial::Dialed;
use crate::member::Member;
use crate::pulse::{Beat, Pulse};

/// What speaks of the client's connection and means nothing on ours.
const HOP_BY_HOP: [header::HeaderName; 5] =
    [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::CONTENT_LENGTH];

const BEAT: Duration = Duration::from_millis(500);

/// A handle to an open connection; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    shared: Arc<Shared>,
}

/// Which connection it is, without keeping it open.
#[derive(Debug)]
pub(crate) struct ConnectionId(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    member: Arc<Member>,
    in_flight: AtomicUsize,
    closed: AtomicBool,
}

/// What a call sends after its headers.
pub(crate) enum Outgoing {
    /// One framed message, and that is all.
    Message(Bytes),
    /// Frames as they come; awaited nowhere but in the connection.
    Stream(tonic::body::Body),
}

/// Why a call has no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The member has not seen the call and never will.
    Unsent(Status),
    /// The member may have acted on the call.
    Lost(Status),
}

/// Counts a call in flight until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Shared>);

impl InFlight {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.in_flight.fetch_add(1, Ordering::Relaxed);
        shared.member.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.member.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection {
    /// The handle, and the work that keeps the connection alive until it ends.
    pub(crate) fn new(
        keepalive: Option<Keepalive>,
        member: Arc<Member>,
        dialed: Dialed,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let shared = Arc::new(Shared {
            member: Arc::clone(&member),
            in_flight: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let connection = Self { sender: dialed.sender, shared: Arc::clone(&shared) };
        // Driven by a task of its own: what wakes it for every call must not also poll timers.
        let life = async move {
            let mut driver = AbortOnDrop(tokio::spawn(async move {
                // Calls learn of the end by their own streams.
                let _ = dialed.connection.await;
            }));
            member.connections.fetch_add(1, Ordering::Relaxed);
            let pulse = Pulse::new(keepalive, Instant::now());
            let mut life = member.life();
            tokio::select! {
                _ = &mut driver.0 => {}
                _ = life.changed() => {}
                () = take_pulse(pulse, &shared, dialed.ping_pong, || dialed.heard.load(Ordering::Relaxed)) => {
                    warn!(endpoint = %member.endpoint, "connection closed: http/2 ping unanswered");
                }
            }
            shared.closed.store(true, Ordering::Release);
            member.connections.fetch_sub(1, Ordering::Relaxed);
        };
        (connection, life)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    pub(crate) fn id(&self) -> ConnectionId {
        ConnectionId(Arc::clone(&self.shared))
    }

    pub(crate) fn is(&self, id: &ConnectionId) -> bool {
        Arc::ptr_eq(&self.shared, &id.0)
    }

    pub(crate) fn member(&self) -> &Arc<Member> {
        &self.shared.member
    }

    /// The head of a call to this member.
    pub(crate) fn head(&self, path: PathAndQuery, mut headers: HeaderMap) -> http::Request<()> {
        let mut head = http::Request::new(());
        *head.method_mut() = Method::POST;
        *head.version_mut() = Version::HTTP_2;
        let (scheme, authority) = self.shared.member.origin.clone();
        let mut parts = uri::Parts::default();
        (parts.scheme, parts.authority, parts.path_and_query) = (Some(scheme), Some(authority), Some(path));
        // Never fails: all three parts are there.
        *head.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        for name in HOP_BY_HOP {
            headers.remove(name);
        }
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/grpc"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        *head.headers_mut() = headers;
        head
    }

    /// Resolves when a call can be sent; an error means that this connection never will.
    pub(crate) async fn ready(&self) -> Result<(), Status> {
        self.sender.clone().ready().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// Sends a call and waits for the head of its response. Dropped, it cancels the call.
    pub(crate) async fn send(
        &self,
        head: http::Request<()>,
        outgoing: Outgoing,
    ) -> Result<http::Response<ReceivedBody>, Failure> {
        let unsent = |error: h2::Error| Failure::Unsent(unavailable(&error));
        let mut sender = self.sender.clone().ready().await.map_err(unsent)?;
        let in_flight = InFlight::new(&self.shared);
        let (response, mut stream) = sender.send_request(head, false).map_err(unsent)?;
        let pump = match outgoing {
            Outgoing::Message(bytes) => {
                stream.send_data(bytes, true).map_err(lost)?;
                None
            }
            Outgoing::Stream(body) => Some(Pump::start(body, stream)),
        };
        let response = await_head(response, pump.as_ref()).await?;
        Ok(response.map(|stream| ReceivedBody::new(stream, pump, in_flight)))
    }
}

async fn await_head(
    response: ResponseFuture,
    pump: Option<&Pump>,
) -> Result<http::Response<h2::RecvStream>, Failure> {
    response.await.map_err(|error| match pump.and_then(Pump::failure) {
        Some(status) => Failure::Lost(status),
        None => lost(error),
    })
}

/// RFC 9113, 8.7: a stream that the peer refuses was not processed.
fn lost(error: h2::Error) -> Failure {
    if error.is_remote() && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM) {
        Failure::Unsent(unavailable(&error))
    } else {
        Failure::Lost(status_of(&error))
    }
}

fn unavailable(error: &h2::Error) -> Status {
    Status::unavailable(format!("connection to etcd lost: {error}"))
}

/// The status of a call whose stream ended early, as gRPC's HTTP/2 mapping has it.
pub(crate) fn status_of(error: &h2::Error) -> Status {
    if !(error.is_remote() && error.is_reset()) {
        return unavailable(error);
    }
    let message = format!("stream ended by etcd: {error}");
    match error.reason() {
        Some(Reason::CANCEL) => Status::cancelled(message),
        Some(Reason::REFUSED_STREAM) => Status::unavailable(message),
        Some(Reason::ENHANCE_YOUR_CALM) => Status::resource_exhausted(message),
        Some(Reason::INADEQUATE_SECURITY) => Status::permission_denied(message),
        _ => Status::internal(message),
    }
}

/// Returns when the peer is dead.
async fn take_pulse(mut pulse: Pulse, shared: &Shared, mut ping_pong: PingPong, heard: impl Fn() -> u64) {
    let mut beats = interval(BEAT);
    loop {
        let now = beats.tick().await;
        match pulse.beat(now, heard(), shared.in_flight.load(Ordering::Relaxed) > 0) {
            Beat::Fine => {}
            Beat::Dead => return,
            Beat::Ping => {
                // Whether it is answered shows in what is heard; an unanswered one is still in flight, which is fine.
                let _ = poll_fn(|cx| std::task::Poll::Ready(ping_pong.poll_pong(cx))).await;
                let _ = ping_pong.send_ping(Ping::opaque());
            }
        }
    }
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
