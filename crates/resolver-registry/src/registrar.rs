//! The registrar: makes the registration and keeps its lease alive, on a stream of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, TryFutureExt as _};
use proto_gen::Transport;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseRevokeRequest, PutRequest,
    RequestOp, TxnRequest, request_op,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};
use tracing::{info, warn};

use crate::complaint::Complaint;
use crate::config::Config;
use crate::entry;
use crate::registry::Shared;
use crate::session::{Session, Step};

const TROUBLE: &str = "cannot register this proxy or keep its registration";
/// Who leaves does not wait longer than this for etcd to hear of it.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(2);
/// Pings are sent one at a time; there is room for the ones that nobody has answered.
const PINGS: usize = 4;

pub(crate) struct Registrar<K, L> {
    pub(crate) config: Config,
    pub(crate) kv: KvClient<K>,
    pub(crate) lease: LeaseClient<L>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) complaint: Complaint,
}

/// A keep-alive stream. etcd sends its headers with its first answer, so opening it is part of reading from it.
struct Pulse {
    pings: mpsc::Sender<LeaseKeepAliveRequest>,
    answers: Pin<Box<dyn Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send>>,
}

impl<K: Transport, L: Transport> Registrar<K, L> {
    /// Runs until this proxy leaves.
    pub(crate) async fn run(mut self) {
        let mut session = Session::new(Instant::now(), self.config.ttl);
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            () = shared.leaving.opened() => {}
            () = self.register(&mut session) => {}
        }
        if let Some(id) = session.lease() {
            let revoked = timeout(REVOKE_TIMEOUT, self.lease.lease_revoke(LeaseRevokeRequest { id })).await;
            match revoked {
                Ok(Ok(_)) => {
                    info!(addr = %self.config.itself.address, "revoked the lease of the registration")
                }
                Ok(Err(status)) => {
                    warn!(reason = status.message(), "cannot revoke the lease of the registration")
                }
                Err(_) => warn!(after = ?REVOKE_TIMEOUT, "cannot revoke the lease of the registration"),
            }
        }
        shared.counters.registered.set(0);
        shared.left.open();
    }

    async fn register(&mut self, session: &mut Session) {
        let mut pulse: Option<Pulse> = None;
        loop {
            let now = Instant::now();
            let failure = match session.next(now) {
                Step::Grant => self.grant(session).await.err(),
                Step::Put(lease) => self.put(session, lease).await.err(),
                Step::Ping { lease, is_silent } => {
                    if is_silent {
                        pulse = None;
                    }
                    let pulse = pulse.get_or_insert_with(|| Pulse::open(self.lease.clone()));
                    // No room means that nothing has been answered for long: the next ping opens another stream.
                    let _ = pulse.pings.try_send(LeaseKeepAliveRequest { id: lease });
                    None
                }
                Step::Expired => {
                    self.expired();
                    None
                }
                Step::Wait(until) => {
                    tokio::select! {
                        () = sleep_until(until) => None,
                        () = self.shared.own_lost.notified() => {
                            session.vanished(Instant::now());
                            None
                        }
                        answer = next(&mut pulse) => self.heard(session, answer).err(),
                    }
                }
            };
            if let Some(status) = failure {
                pulse = None;
                self.shared.counters.failures.increment();
                self.complaint.of(TROUBLE, &status);
                if session.failed(Instant::now(), &status) {
                    self.expired();
                }
            }
        }
    }

    async fn grant(&mut self, session: &mut Session) -> Result<(), Status> {
        let asked = Instant::now();
        let request = LeaseGrantRequest { id: 0, ttl: self.config.ttl };
        let granted = answer(&self.config, self.lease.lease_grant(request)).await?;
        session.granted(Instant::now(), asked, granted.id, granted.ttl);
        Ok(())
    }

    /// In a transaction, as `etcd grpc-proxy` does it.
    async fn put(&mut self, session: &mut Session, lease: i64) -> Result<(), Status> {
        let Config { prefix, itself, .. } = &self.config;
        let put = PutRequest {
            key: entry::key(prefix, &itself.address).into(),
            value: itself.to_value().into(),
            lease,
            ..PutRequest::default()
        };
        let op = RequestOp { request: Some(request_op::Request::RequestPut(put)) };
        let request = TxnRequest { success: vec![op], ..TxnRequest::default() };
        answer(&self.config, self.kv.txn(request)).await?;
        session.registered(Instant::now());
        self.complaint.is_over();
        self.shared.counters.registered.set(1);
        self.shared.counters.registrations.increment();
        info!(addr = %itself.address, "lease-ttl" = self.config.ttl, "registered session with lease");
        Ok(())
    }

    fn heard(
        &mut self,
        session: &mut Session,
        answer: Result<LeaseKeepAliveResponse, Status>,
    ) -> Result<(), Status> {
        let LeaseKeepAliveResponse { id, ttl, .. } = answer?;
        self.complaint.is_over();
        if session.alive(Instant::now(), id, ttl) {
            self.expired();
        }
        Ok(())
    }

    /// The words are those of `etcd grpc-proxy`.
    fn expired(&self) {
        self.shared.counters.registered.set(0);
        self.shared.counters.expirations.increment();
        warn!("session expired; possible network partition or server restart");
        warn!("creating a new session to rejoin");
    }
}

impl Pulse {
    fn open<L: Transport>(mut lease: LeaseClient<L>) -> Self {
        let (pings, received) = mpsc::channel(PINGS);
        let opening = async move { lease.lease_keep_alive(ReceiverStream::new(received)).await };
        let answers = opening.map_ok(Response::into_inner).try_flatten_stream();
        Self { pings, answers: Box::pin(answers) }
    }
}

/// The next answer. A stream that ends, well or not, is lost.
async fn next(pulse: &mut Option<Pulse>) -> Result<LeaseKeepAliveResponse, Status> {
    match pulse {
        Some(pulse) => {
            let ended = || Status::unavailable("the keep-alive stream has ended");
            pulse.answers.next().await.unwrap_or_else(|| Err(ended()))
        }
        None => std::future::pending().await,
    }
}

/// One call, within the time that etcd may take.
pub(crate) async fn answer<R>(
    config: &Config,
    call: impl Future<Output = Result<Response<R>, Status>>,
) -> Result<R, Status> {
    match timeout(config.answer_timeout, call).await {
        Ok(answer) => answer.map(Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded(format!("no answer within {:?}", config.answer_timeout))),
    }
}
