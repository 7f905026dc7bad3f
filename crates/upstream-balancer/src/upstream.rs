//! `Upstream`: the handle by which one runtime calls the cluster.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use tokio::time::Instant;
use tonic::codegen::Service;
use tonic::{Code, Status};

use crate::body::ReceivedBody;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::connection::{Connection, Failure, Outgoing};
use crate::crew::{Aboard, Crew};
use crate::limit::MessageLimit;
use crate::member::Member;
use crate::pool::Lane;

/// Calls the cluster from one runtime; cheap to clone, but only within that runtime.
///
/// It implements the generated service traits of KV, Watch, Lease, Lock and Election, so that a layer can wrap it.
#[derive(Clone, Debug)]
pub struct Upstream(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cluster: Arc<Cluster>,
    /// One runtime alone locks it, for as long as it takes to look whether the members have changed.
    crew: Mutex<Crew>,
}

/// One kind of traffic to the cluster, as what tonic's generated clients call.
#[derive(Clone, Debug)]
pub struct LaneService {
    upstream: Upstream,
    lane: Lane,
}

impl Upstream {
    /// A handle for the runtime it is used on. Connections are dialled when the first call needs them.
    pub fn new(cluster: Arc<Cluster>) -> Self {
        let crew = Mutex::new(Crew::new(&cluster));
        Self(Arc::new(Inner { cluster, crew }))
    }

    /// What is known of the members.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.0.cluster
    }

    /// The service that sends what it is given over connections of this kind.
    pub fn lane(&self, lane: Lane) -> LaneService {
        LaneService { upstream: self.clone(), lane }
    }

    /// Hands a call to a member as it is and its answer back as it is; nothing is decoded or collected.
    ///
    /// # Errors
    /// `Unavailable` when no member can be reached; otherwise what ended the call before it had a response.
    pub async fn pass_through(
        &self,
        lane: Lane,
        request: http::Request<tonic::body::Body>,
    ) -> Result<http::Response<MessageLimit<ReceivedBody>>, Status> {
        let patience = Instant::now() + self.config().dial_timeout;
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        // A body can be read once, so only the way to an open connection is tried more than once.
        let connection = self.place_ready(lane, patience).await?;
        let head = connection.head(path, parts.headers);
        match connection.send(head, Outgoing::Stream(body)).await {
            Ok(response) => Ok(response.map(|body| MessageLimit::new(body, self.config().max_recv_bytes))),
            Err(Failure::Unsent(status) | Failure::Lost(status)) => Err(status),
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.cluster.config
    }

    /// How often a call is tried: every member once, and once more over a fresh connection.
    pub(crate) fn max_attempts(&self) -> usize {
        2 * self.aboard().members() + 2
    }

    fn aboard(&self) -> Arc<Aboard> {
        self.0.crew.lock().unwrap_or_else(PoisonError::into_inner).aboard()
    }

    /// A connection to a member that this call has not tried.
    pub(crate) async fn place(
        &self,
        lane: Lane,
        tried: &[Arc<Member>],
        patience: Instant,
    ) -> Result<Connection, Status> {
        let mut last = None;
        // Bounded, because members stay in the choice when this process is at fault and cannot dial anybody.
        for _ in 0..self.max_attempts() {
            let aboard = self.aboard();
            let Some(pool) = aboard.choose(tried) else {
                if !tried.is_empty() || !self.wait_for_member(patience).await {
                    break;
                }
                continue;
            };
            match pool.connection(&self.0.cluster, lane).await {
                Ok(connection) => return Ok(connection),
                Err(status) => last = Some(status),
            }
        }
        Err(last.unwrap_or_else(no_member))
    }

    /// As [`Self::place`], with a connection that takes a call at this moment.
    async fn place_ready(&self, lane: Lane, patience: Instant) -> Result<Connection, Status> {
        let mut last = None;
        for _ in 0..self.max_attempts() {
            let connection = self.place(lane, &[], patience).await?;
            match connection.ready().await {
                Ok(()) => return Ok(connection),
                Err(status) => {
                    self.discard(&connection);
                    last = Some(status);
                }
            }
        }
        Err(last.unwrap_or_else(no_member))
    }

    async fn wait_for_member(&self, patience: Instant) -> bool {
        let left = patience.saturating_duration_since(Instant::now());
        self.0.cluster.available(left).await
    }

    pub(crate) fn discard(&self, connection: &Connection) {
        self.aboard().discard(connection);
    }

    /// Takes note of what an answer says about the member that gave it.
    pub(crate) fn heed(&self, member: &Member, status: &Status) {
        if status.message() == NO_LEADER || is_stopped(status) {
            self.0.cluster.unfit(member, status.message());
        }
    }
}

fn no_member() -> Status {
    Status::unavailable("no etcd member can be reached")
}

/// etcd's word for a member that cannot serve.
pub(crate) const NO_LEADER: &str = "etcdserver: no leader";

/// What a member says, with no code of its own, from when it was removed from the cluster until it has ended.
pub(crate) fn is_stopped(status: &Status) -> bool {
    status.code() == Code::Unknown && status.message() == "raft: stopped"
}

/// Typed calls are decoded here, so only what this process can decompress may be accepted: nothing.
pub(crate) const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

impl Service<http::Request<tonic::body::Body>> for LaneService {
    type Response = http::Response<MessageLimit<ReceivedBody>>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<tonic::body::Body>) -> Self::Future {
        request.headers_mut().remove(ACCEPT_ENCODING);
        let Self { upstream, lane } = self.clone();
        Box::pin(async move { upstream.pass_through(lane, request).await })
    }
}
