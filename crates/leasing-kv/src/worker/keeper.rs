//! The keeper: takes the session's lease and keeps it alive, on a stream of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, TryFutureExt as _};
use proto_gen::Transport;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseRevokeRequest,
};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};
use tracing::{info, warn};

use super::answer;
use super::trouble::Trouble;
use crate::leasing::Shared;
use crate::session::{Session, Step};

/// Whoever leaves does not wait longer than this for etcd to hear of it.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(2);
/// Pings are sent one at a time; there is room for the ones that nobody has answered.
const PINGS: usize = 4;

#[derive(Debug)]
pub(super) struct Keeper<L> {
    shared: Arc<Shared>,
    lease: LeaseClient<L>,
    trouble: Trouble,
}

/// A keep-alive stream. etcd sends its headers with its first answer, so opening it is part of reading from it.
struct Pulse {
    pings: mpsc::Sender<LeaseKeepAliveRequest>,
    answers: Pin<Box<dyn Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send>>,
}

impl<L: Transport> Keeper<L> {
    pub(super) fn new(shared: Arc<Shared>, lease: LeaseClient<L>) -> Self {
        let trouble = Trouble::new("cannot keep the lease that keys are owned by");
        Self { shared, lease, trouble }
    }

    /// Runs until everything is given back.
    pub(super) async fn run(mut self) {
        let mut session = Session::new(self.shared.now());
        let shared = Arc::clone(&self.shared);
        let closing = async {
            let _ = shared.closing.subscribe().wait_for(|closing| *closing).await;
        };
        tokio::select! {
            () = closing => {}
            () = self.keep(&mut session) => {}
        }
        shared.holdings().close();
        if let Some(held) = session.held() {
            self.revoke(held.lease).await;
        }
        shared.closed.send_replace(true);
    }

    async fn revoke(&mut self, id: i64) {
        match timeout(REVOKE_TIMEOUT, self.lease.lease_revoke(LeaseRevokeRequest { id })).await {
            Ok(Ok(_)) => info!("gave back all leased keys"),
            Ok(Err(status)) => warn!(reason = status.message(), "cannot give back the leased keys"),
            Err(_) => warn!(after = ?REVOKE_TIMEOUT, "cannot give back the leased keys"),
        }
    }

    async fn keep(&mut self, session: &mut Session) {
        let mut pulse: Option<Pulse> = None;
        loop {
            let now = self.shared.now();
            let failure = match session.next(now) {
                Step::Grant => self.grant(session).await.err(),
                Step::Ping { lease, is_silent } => {
                    if is_silent {
                        pulse = None;
                    }
                    let pulse = pulse.get_or_insert_with(|| Pulse::open(self.lease.clone()));
                    // No room means that nothing has been answered for long: the next ping opens another stream.
                    let _ = pulse.pings.try_send(LeaseKeepAliveRequest { id: lease });
                    None
                }
                Step::Lost(_) => {
                    self.lost();
                    pulse = None;
                    None
                }
                Step::Wait(until) => self.wait(session, until.since(now), &mut pulse).await.err(),
            };
            if let Some(status) = failure {
                pulse = None;
                self.trouble.failed(&status);
                session.failed(self.shared.now(), &status);
            }
        }
    }

    async fn wait(
        &mut self,
        session: &mut Session,
        time: Duration,
        pulse: &mut Option<Pulse>,
    ) -> Result<(), Status> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            () = self.shared.lease_gone.notified() => {
                if let Some(held) = session.held()
                    && session.gone(self.shared.now(), held.lease)
                {
                    self.lost();
                }
                Ok(())
            }
            answer = next(pulse) => self.heard(session, answer),
        }
    }

    async fn grant(&mut self, session: &mut Session) -> Result<(), Status> {
        let sent = self.shared.now();
        let request = LeaseGrantRequest { id: 0, ttl: self.shared.config.ttl.max(1) };
        let granted = answer(self.shared.config.answer_timeout, self.lease.lease_grant(request)).await?;
        let header = granted.header.unwrap_or_default();
        session.granted(sent, granted.id, granted.ttl);
        self.shared.heard(Some(&header));
        self.publish(session);
        self.shared.start.send_if_modified(|start| {
            let is_first = *start == 0;
            if is_first {
                *start = header.revision.saturating_add(1);
            }
            is_first
        });
        self.trouble.is_over();
        Ok(())
    }

    fn heard(
        &mut self,
        session: &mut Session,
        answer: Result<LeaseKeepAliveResponse, Status>,
    ) -> Result<(), Status> {
        let LeaseKeepAliveResponse { id, ttl, .. } = answer?;
        self.trouble.is_over();
        match session.answered(self.shared.now(), id, ttl) {
            Some(_) => self.lost(),
            None => {
                self.publish(session);
                let now = self.shared.now();
                self.shared.holdings().kept(now);
                self.shared.bell.notify_one();
            }
        }
        Ok(())
    }

    fn publish(&self, session: &Session) {
        if let Some(held) = session.held() {
            self.shared.holdings().session(held);
        }
    }

    fn lost(&self) {
        self.shared.holdings().lost();
        warn!("lost the lease that keys are owned by; all reads go to etcd until there is another");
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
