//! `Upstream`: the handle by which one runtime calls the cluster.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use tokio::time::Instant;
use tonic::Status;
use tonic::codegen::Service;

use crate::body::ReceivedBody;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::connection::{Connection, Failure, Outgoing};
use crate::limit::MessageLimit;
use crate::member::Member;
use crate::pool::{Lane, Pool};

/// Calls the cluster from one runtime; cheap to clone, but only within that runtime.
///
/// It implements the generated service traits of KV, Watch, Lease, Lock and Election, so that a layer can wrap it.
#[derive(Clone, Debug)]
pub struct Upstream(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cluster: Arc<Cluster>,
    pools: Vec<Pool>,
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
        let connections = cluster.config.connections;
        let pools = cluster.all().iter().map(|member| Pool::new(Arc::clone(member), connections)).collect();
        Self(Arc::new(Inner { cluster, pools }))
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
        2 * self.0.pools.len() + 2
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
            let chosen = self.0.cluster.choose(tried);
            let Some(pool) = chosen.and_then(|index| self.0.pools.get(index)) else {
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
        for pool in &self.0.pools {
            pool.discard(connection);
        }
    }

    /// Takes note of what an answer says about the member that gave it.
    pub(crate) fn heed(&self, member: &Member, status: &Status) {
        if status.message() == NO_LEADER {
            self.0.cluster.unfit(member, NO_LEADER);
        }
    }
}

fn no_member() -> Status {
    Status::unavailable("no etcd member can be reached")
}

/// etcd's word for a member that cannot serve.
pub(crate) const NO_LEADER: &str = "etcdserver: no leader";

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
