//! `Monitor`: asks the members in use how they are, and the failed ones whether they are back.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{HeaderMap, HeaderName};
use proto_gen::etcdserverpb::{StatusRequest, StatusResponse};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Code, Status};

use crate::cluster::Cluster;
use crate::config::Config;
use crate::connection::{Connection, Failure};
use crate::dial::dial;
use crate::identity::{Identity, TOKEN, Token};
use crate::member::{Health, Member};
use crate::pool::Lane;
use crate::unary::{Method, ask, frame};
use crate::upstream::NO_LEADER;

/// A member in use is asked so often; with the two time-outs below, a black hole is found within 8 seconds.
const ROUND: Duration = Duration::from_millis(2_500);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Failed members are asked after so long, then after twice as long, and so on.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// While no member can be reached at all, calls wait for the first that comes back.
const MAX_BACKOFF_ALONE: Duration = Duration::from_millis(500);

const STATUS: Method = Method::read("/etcdserverpb.Maintenance/Status");

/// The work that keeps a [`Cluster`]'s knowledge true. Run it on one runtime, for as long as the cluster is used.
#[derive(Debug)]
pub struct Monitor {
    cluster: Arc<Cluster>,
    identity: Option<Identity>,
}

/// Asks one member, again and again.
#[derive(Debug)]
struct Visitor {
    member: Arc<Member>,
    identity: Option<Identity>,
    connection: Option<Connection>,
    backoff: Duration,
    due: Instant,
}

/// What a member says about itself.
#[derive(Debug)]
enum Report {
    Serves,
    /// It lives, but cannot serve.
    Unfit(String),
    /// It does not answer on a fresh connection either.
    Dead(String),
    /// This process could not ask.
    Unknown,
}

impl Monitor {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster, identity: None }
    }

    /// The same, asking as `identity`: where etcd has authentication, only who is known is told whether there is a
    /// leader.
    #[must_use]
    pub fn identified(self, identity: Identity) -> Self {
        Self { identity: Some(identity), ..self }
    }

    /// Runs for ever. Each member is visited at its own pace, so that a dead one delays nobody's turn.
    pub async fn run(self) {
        let mut rosters = self.cluster.rosters();
        let mut visited = Vec::new();
        let mut visits = FuturesUnordered::new();
        loop {
            let roster = Arc::clone(&rosters.borrow_and_update());
            let is_new = |member: &&Arc<Member>| !visited.iter().any(|other| Arc::ptr_eq(other, member));
            let newcomers: Vec<_> = roster.members().iter().filter(is_new).map(Arc::clone).collect();
            visits.extend(
                newcomers
                    .into_iter()
                    .map(|member| Visitor::new(member, self.identity.clone()).run(&self.cluster)),
            );
            visited = roster.members().to_vec();
            tokio::select! {
                changed = rosters.changed() => if changed.is_err() { return },
                // A visitor whose member has gone.
                Some(()) = visits.next() => {}
            }
        }
    }
}

impl Visitor {
    fn new(member: Arc<Member>, identity: Option<Identity>) -> Self {
        Self { member, identity, connection: None, backoff: FIRST_BACKOFF, due: Instant::now() }
    }

    async fn run(mut self, cluster: &Cluster) {
        let member = Arc::clone(&self.member);
        let mut changes = cluster.changes();
        loop {
            tokio::select! {
                () = sleep_until(self.due) => self.visit(cluster, &member).await,
                _ = changes.changed() => self.hurry(&member),
                () = member.retired() => return,
            }
        }
    }

    /// A member that has just failed is asked soon, not at its next regular turn.
    fn hurry(&mut self, member: &Member) {
        if member.health() != Health::Healthy && self.backoff == FIRST_BACKOFF {
            self.due = self.due.min(Instant::now() + FIRST_BACKOFF);
        }
    }

    async fn visit(&mut self, cluster: &Cluster, member: &Arc<Member>) {
        if member.health() != Health::Healthy || cluster.roster().in_use(member) {
            match self.ask(&cluster.config, member).await {
                Report::Serves => cluster.healthy(member),
                Report::Unfit(reason) => cluster.unfit(member, &reason),
                Report::Dead(reason) => cluster.dead(member, &reason),
                Report::Unknown => {}
            }
        }
        self.plan(cluster, member);
    }

    fn plan(&mut self, cluster: &Cluster, member: &Member) {
        let wait = if member.health() == Health::Healthy {
            self.backoff = FIRST_BACKOFF;
            ROUND
        } else {
            let limit = if cluster.is_available() { MAX_BACKOFF } else { MAX_BACKOFF_ALONE };
            let wait = self.backoff.min(limit);
            self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
            wait
        };
        // Many proxies watch over one cluster; they must not ask in step.
        self.due = Instant::now() + wait.mul_f64(0.9 + 0.2 * fastrand::f64());
    }

    /// Asks over the connection at hand; where that fails, once more over a fresh one, which decides.
    async fn ask(&mut self, config: &Config, member: &Arc<Member>) -> Report {
        if let Some(connection) = self.connection.take().filter(|connection| !connection.is_closed())
            && let Some(report) = self.status(&connection, config).await
        {
            self.connection = Some(connection);
            return report;
        }
        match dial(config, &member.endpoint, Lane::Unary).await {
            Err(error) if error.is_our_own() => Report::Unknown,
            Err(error) => Report::Dead(error.to_string()),
            Ok(dialed) => {
                let (connection, life) = Connection::new(config.keepalive, Arc::clone(member), dialed);
                tokio::spawn(life);
                // Its ping was answered just now: a member that is only slow to say how it is lives.
                let report = self.status(&connection, config).await.unwrap_or(Report::Unknown);
                self.connection = Some(connection);
                report
            }
        }
    }

    /// None when the member does not answer.
    async fn status(&self, connection: &Connection, config: &Config) -> Option<Report> {
        let held = self.identity.as_ref().and_then(Identity::held);
        let answer = ask_status(connection, config, held.as_ref()).await?;
        if let (Err(refusal), Some(identity)) = (&answer, &self.identity)
            && identity.heed(held.as_ref(), refusal)
            // The member answers, so there is one to authenticate with.
            && let Ok(Ok(Some(token))) = timeout(ANSWER_TIMEOUT, identity.token()).await
        {
            let again = ask_status(connection, config, Some(&token)).await?;
            if let Err(refusal) = &again {
                identity.heed(Some(&token), refusal);
            }
            return Some(report(again));
        }
        Some(report(answer))
    }
}

/// None when the member does not answer.
async fn ask_status(
    connection: &Connection,
    config: &Config,
    token: Option<&Token>,
) -> Option<Result<StatusResponse, Status>> {
    let message = frame(&StatusRequest {}, config.max_send_bytes).ok()?;
    let headers = token.map(|token| (HeaderName::from_static(TOKEN), token.clone()));
    let asked = ask::<StatusResponse>(
        connection,
        config,
        &STATUS,
        headers.into_iter().collect::<HeaderMap>(),
        message,
    );
    match timeout(ANSWER_TIMEOUT, asked).await {
        Err(_) | Ok(Err(Failure::Unsent(_) | Failure::Lost(_))) => None,
        Ok(Ok(answer)) => Some(answer.map(tonic::Response::into_inner)),
    }
}

fn report(answer: Result<StatusResponse, Status>) -> Report {
    match answer {
        Ok(status) => judge(&status),
        Err(status) if status.code() == Code::Unavailable => Report::Unfit(status.message().to_owned()),
        // Any other refusal, such as for want of a token, comes from a member that serves.
        Err(_) => Report::Serves,
    }
}

fn judge(status: &StatusResponse) -> Report {
    if status.is_learner {
        Report::Unfit("member is a learner".to_owned())
    } else if status.leader == 0 {
        Report::Unfit(NO_LEADER.to_owned())
    } else {
        Report::Serves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_without_leader_and_a_learner_cannot_serve() {
        let serving = StatusResponse { leader: 7, ..StatusResponse::default() };
        assert!(matches!(judge(&serving), Report::Serves));
        assert!(matches!(judge(&StatusResponse::default()), Report::Unfit(reason) if reason == NO_LEADER));
        let learner = StatusResponse { leader: 7, is_learner: true, ..StatusResponse::default() };
        assert!(matches!(judge(&learner), Report::Unfit(reason) if reason == "member is a learner"));
    }
}
