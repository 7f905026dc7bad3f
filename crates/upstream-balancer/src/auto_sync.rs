//! `AutoSync`: the members as etcd itself lists them, asked again and again.

use std::time::Duration;

use proto_gen::etcdserverpb::{Member, MemberListRequest, MemberListResponse};
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Code, Status};
use tracing::{info, warn};

use crate::Endpoint;
use crate::identity::Identity;
use crate::upstream::Upstream;

/// etcd's client gives the cluster this long to tell its members.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// So many different reasons are logged until etcd tells its members again.
const MAX_COMPLAINTS: usize = 16;
/// A slip in the interval must not become a load on etcd.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Who is refused is refused again: asking becomes rarer, up to this or the interval.
const MAX_REFUSED_WAIT: Duration = Duration::from_secs(60);

/// Replaces the members of a [`crate::Cluster`] by those that etcd lists, every interval. Run it on the runtime of its
/// upstream.
///
/// Learners and members that have not started are left out. Members are spoken to only as the endpoints of the
/// configuration are, with TLS or without. Those who serve are not left before one of the list does. Where no member can
/// be reached, the endpoints of the configuration are tried as well.
#[derive(Debug)]
pub struct AutoSync {
    upstream: Upstream,
    identity: Identity,
    interval: Duration,
    refusals: u32,
    /// What was logged since etcd told its members, in bounds.
    complaints: Vec<String>,
}

impl AutoSync {
    /// Asks through `upstream` as `identity`, for the first time at once, and ten times a second at most.
    pub fn new(upstream: Upstream, identity: Identity, interval: Duration) -> Self {
        Self { upstream, identity, interval: interval.max(MIN_INTERVAL), refusals: 0, complaints: Vec::new() }
    }

    /// Runs for ever.
    pub async fn run(mut self) {
        loop {
            let due = Instant::now();
            match self.ask().await {
                Ok(list) => self.heed(&list),
                Err(status) => self.complain(&status),
            }
            sleep_until(due + self.wait()).await;
        }
    }

    async fn ask(&self) -> Result<MemberListResponse, Status> {
        // One member's own view may be old: a removed member would name itself.
        let request = MemberListRequest { linearizable: true };
        let asked = self.identity.ask(request, |request| self.upstream.member_list(request));
        match timeout(ANSWER_TIMEOUT, asked).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded(format!("no answer within {ANSWER_TIMEOUT:?}"))),
        }
    }

    fn heed(&mut self, list: &MemberListResponse) {
        let config = self.upstream.config();
        let tls = config.tls.is_some();
        let is_spoken = |endpoint: &Endpoint| {
            config.endpoints.iter().any(|given| given.is_tls(tls) == endpoint.is_tls(tls))
        };
        let mut endpoints: Vec<Endpoint> = serving(&list.members).filter(is_spoken).collect();
        if endpoints.is_empty() {
            self.complain(&Status::failed_precondition(
                "etcd lists no member that this proxy could speak to",
            ));
            return;
        }
        if !std::mem::take(&mut self.complaints).is_empty() {
            info!("etcd tells its members again");
        }
        self.refusals = 0;
        let cluster = self.upstream.cluster();
        if !cluster.serves_at(&endpoints) {
            // Members may advertise addresses that cannot be reached from here.
            endpoints.extend(cluster.members().into_iter().map(|member| member.endpoint));
        }
        cluster.replace(&endpoints);
    }

    fn complain(&mut self, status: &Status) {
        if matches!(status.code(), Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied) {
            self.refusals = self.refusals.saturating_add(1);
        }
        let reason = status.message();
        if self.complaints.len() < MAX_COMPLAINTS && !self.complaints.iter().any(|known| known == reason) {
            warn!(reason, "cannot synchronize the endpoints with etcd's members");
            self.complaints.push(reason.to_owned());
        }
        let cluster = self.upstream.cluster();
        if !cluster.is_available() {
            let mut endpoints: Vec<_> = cluster.members().into_iter().map(|member| member.endpoint).collect();
            endpoints.extend(self.upstream.config().endpoints.iter().cloned());
            cluster.replace(&endpoints);
        }
    }

    fn wait(&self) -> Duration {
        let longest = self.interval.max(MAX_REFUSED_WAIT);
        self.interval
            .saturating_mul(1_u32.checked_shl(self.refusals.min(31)).unwrap_or(u32::MAX))
            .min(longest)
    }
}

/// Where the voting members that have started take clients.
fn serving(members: &[Member]) -> impl Iterator<Item = Endpoint> {
    let started = members.iter().filter(|member| !member.name.is_empty() && !member.is_learner);
    // What is no endpoint for us is none for etcd's own client either.
    started.flat_map(|member| &member.client_ur_ls).filter_map(|url| url.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cluster::Cluster;
    use crate::config::{Config, Policy};

    fn member(name: &str, urls: &[&str], is_learner: bool) -> Member {
        let client_ur_ls = urls.iter().map(|&url| url.to_owned()).collect();
        Member { name: name.to_owned(), client_ur_ls, is_learner, ..Member::default() }
    }

    fn auto_sync(endpoint: &str, interval: Duration) -> AutoSync {
        let config = Config {
            endpoints: vec![endpoint.parse().expect("an endpoint")],
            tls: None,
            resolver: dns_discovery::Resolver::System,
            policy: Policy::Pin,
            connections: 1,
            dial_timeout: Duration::from_secs(5),
            keepalive: None,
            max_send_bytes: 1 << 20,
            max_recv_bytes: 1 << 20,
        };
        let upstream = Upstream::new(Cluster::new(config).0);
        AutoSync::new(upstream.clone(), Identity::new(upstream, None, &[]), interval)
    }

    fn endpoints(auto_sync: &AutoSync) -> Vec<String> {
        let members = auto_sync.upstream.cluster().members();
        members.into_iter().map(|member| member.endpoint.to_string()).collect()
    }

    fn list(members: Vec<Member>) -> MemberListResponse {
        MemberListResponse { members, ..MemberListResponse::default() }
    }

    #[test]
    fn a_list_with_nobody_to_speak_to_replaces_nobody() {
        let mut auto_sync = auto_sync("a:1", Duration::from_secs(1));
        for members in [vec![], vec![member("tls", &["https://b:1"], false)]] {
            auto_sync.heed(&list(members));
            assert_eq!(endpoints(&auto_sync), ["a:1"]);
        }
        assert_eq!(auto_sync.complaints.len(), 1, "said once");
    }

    #[test]
    fn who_serves_is_kept_until_another_does_and_the_first_endpoints_are_the_way_back() {
        let mut auto_sync = auto_sync("a:1", Duration::from_secs(1));
        let b = list(vec![member("b", &["http://b:1"], false)]);
        auto_sync.heed(&b);
        assert_eq!(endpoints(&auto_sync), ["http://b:1", "a:1"], "b has not served yet");
        auto_sync.heed(&b);
        assert_eq!(endpoints(&auto_sync), ["http://b:1", "a:1"]);
        let newcomer = Arc::clone(auto_sync.upstream.cluster().roster().members().first().expect("a member"));
        auto_sync.upstream.cluster().healthy(&newcomer);
        auto_sync.heed(&b);
        assert_eq!(endpoints(&auto_sync), ["http://b:1"]);
        let gone = Status::unavailable("no etcd member can be reached");
        auto_sync.complain(&gone);
        assert_eq!(endpoints(&auto_sync), ["http://b:1"], "it can still be reached, as far as is known");
        let cluster = auto_sync.upstream.cluster();
        cluster.unreachable(&newcomer, "gone");
        auto_sync.complain(&gone);
        assert_eq!(endpoints(&auto_sync), ["http://b:1", "a:1"]);
    }

    #[test]
    fn asking_becomes_rarer_with_refusals_and_not_with_failures() {
        let mut auto_sync = auto_sync("a:1", Duration::from_secs(5));
        auto_sync.complain(&Status::unavailable("gone"));
        assert_eq!(auto_sync.wait(), Duration::from_secs(5));
        let refused = Status::invalid_argument("etcdserver: user name is empty");
        let waits: Vec<u64> = (0..5)
            .map(|_| {
                auto_sync.complain(&refused);
                auto_sync.wait().as_secs()
            })
            .collect();
        assert_eq!(waits, [10, 20, 40, 60, 60]);
        auto_sync.heed(&list(vec![member("a", &["http://a:1"], false)]));
        assert_eq!(auto_sync.wait(), Duration::from_secs(5));
    }

    #[test]
    fn learners_and_members_that_have_not_started_are_skipped_and_bad_urls_too() {
        let members = [
            member("a", &["http://a:1", "http://b:1"], false),
            member("", &["http://c:1"], false),
            member("learner", &["http://d:1"], true),
            member("odd", &["nonsense", "ftp://e:1", "https://f:1"], false),
            member("silent", &[], false),
        ];
        let found: Vec<String> = serving(&members).map(|endpoint| endpoint.to_string()).collect();
        assert_eq!(found, ["http://a:1", "http://b:1", "https://f:1"]);
    }
}
