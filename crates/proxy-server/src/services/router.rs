//! Where a gRPC call goes: by its path alone, and nothing on the way is decoded twice.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use http::{Request, Response};
use kv_cache::{KvCache, Overseen};
use lease_coalesce::Coalesced;
use leasing_kv::Leasing;
use namespace::{Namespace, Namespaced};
use proto_gen::etcdserverpb::kv_server::KvServer;
use proto_gen::etcdserverpb::lease_server::LeaseServer;
use proto_gen::v3electionpb::election_server::ElectionServer;
use proto_gen::v3lockpb::lock_server::LockServer;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Code, Status};
use upstream_balancer::{Lane, MessageLimit, Upstream};

use crate::process::live::Live;
use crate::services::alarms::Alarms;
use crate::services::calls::{CallShard, CountedBody, RequestBody};
use crate::services::drain::end_with_drain;
use crate::services::health::HealthService;
use crate::services::member_list::MemberList;
use crate::services::read_only;
use crate::services::sort_guard::SortGuard;
use crate::services::watch_door::WatchDoor;
use crate::wiring::{TenantKv, TenantNames};

/// All services of one runtime.
#[derive(Clone)]
pub(crate) struct Router {
    pub(crate) kv: KvServer<SortGuard<TenantKv>>,
    pub(crate) watch: WatchDoor,
    pub(crate) lease: LeaseServer<Coalesced<Overseen<Namespaced<Upstream>>>>,
    pub(crate) election: ElectionServer<TenantNames>,
    pub(crate) lock: LockServer<TenantNames>,
    pub(crate) health: HealthService,
    /// None passes MemberList through.
    pub(crate) member_list: Option<MemberList>,
    /// None passes Alarm through.
    pub(crate) alarms: Option<Alarms>,
    /// Hears of what may be changed by calls that are not decoded.
    pub(crate) cache: KvCache,
    /// So does this.
    pub(crate) leasing: Leasing,
    /// Everything that is not decoded.
    pub(crate) pass_through: Upstream,
    /// What says whether it may pass.
    pub(crate) namespace: Namespace,
    /// Says whether writes are refused.
    pub(crate) live: Live,
    /// Largest message in bytes that a client may send.
    pub(crate) max_client_bytes: usize,
    pub(crate) drain: CancellationToken,
    pub(crate) calls: CallShard,
}

pub(crate) type Call = Request<MessageLimit<RequestBody>>;
pub(crate) type Answer = Response<Body>;
/// What the generated servers give.
type Served = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

impl Router {
    /// Answers one call, be it a client's or one of this process. The future is small: each call in flight has one.
    pub(crate) fn call(
        self: &Arc<Self>,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Response<CountedBody>> + Send + use<> {
        let call = self.calls.begin(request.uri().path());
        let limited =
            |body: RequestBody| MessageLimit::new(body.of_call(call.as_ref()), self.max_client_bytes);
        let answer = self.serve(request.map(limited));
        async move { CountedBody::of(certain(answer.await), call) }
    }

    /// Refuses a call and counts it as one.
    pub(crate) fn refuse<B>(&self, request: &Request<B>, refusal: Status) -> Response<CountedBody> {
        CountedBody::of(refusal.into_http(), self.calls.begin(request.uri().path()))
    }

    fn serve(self: &Arc<Self>, call: Call) -> Served {
        if !self.live.is_read_only() {
            return self.serve_admitted(call);
        }
        let router = Arc::clone(self);
        Box::pin(async move {
            match read_only::admit(call, router.max_client_bytes).await {
                Ok(call) => router.serve_admitted(call).await,
                Err(refusal) => Ok(refusal.into_http()),
            }
        })
    }

    fn serve_admitted(self: &Arc<Self>, call: Call) -> Served {
        match service_and_method(call.uri().path()) {
            ("etcdserverpb.KV", "Range" | "Put" | "DeleteRange" | "Txn" | "Compact" | "RangeStream") => {
                self.kv.clone().call(call)
            }
            // Keep-alives end with their hub.
            (
                "etcdserverpb.Lease",
                "LeaseGrant" | "LeaseRevoke" | "LeaseKeepAlive" | "LeaseTimeToLive" | "LeaseLeases",
            ) => self.lease.clone().call(call),
            _ => {
                let router = Arc::clone(self);
                Box::pin(async move { Ok(router.serve_others(call).await) })
            }
        }
    }

    async fn serve_others(&self, call: Call) -> Answer {
        let path = call.uri().path().to_owned();
        let (service, method) = service_and_method(&path);
        match (service, method) {
            ("etcdserverpb.Watch", "Watch") => self.watch.serve(call, &self.drain).await,
            ("v3electionpb.Election", "Observe") => {
                self.until_drain(serve(self.election.clone(), call)).await
            }
            ("v3electionpb.Election", "Campaign" | "Proclaim" | "Leader" | "Resign") => {
                serve(self.election.clone(), call).await
            }
            ("v3lockpb.Lock", "Lock" | "Unlock") => serve(self.lock.clone(), call).await,
            ("grpc.health.v1.Health", _) => self.until_drain(serve(self.health.clone(), call)).await,
            // These carry keys: what is not known here must not walk around the layers that look at keys.
            (
                "etcdserverpb.KV"
                | "etcdserverpb.Watch"
                | "etcdserverpb.Lease"
                | "v3electionpb.Election"
                | "v3lockpb.Lock",
                _,
            ) => Status::unimplemented(format!("unknown method {method} for service {service}")).into_http(),
            ("etcdserverpb.Cluster", "MemberList") => match &self.member_list {
                Some(member_list) => member_list.serve(call).await,
                None => self.pass_through(call).await,
            },
            ("etcdserverpb.Maintenance", "Alarm") => match &self.alarms {
                Some(alarms) => alarms.serve(call).await,
                None => self.pass_through(call).await,
            },
            _ => match self.namespace.admit(service, method) {
                Ok(()) if changes_nothing_that_is_kept(service, method) => self.pass_through(call).await,
                Ok(()) => self.pass_change_through(call).await,
                Err(refusal) => refusal.into_http(),
            },
        }
    }

    /// A call after which nothing that was read before may be given again.
    async fn pass_change_through(&self, call: Call) -> Answer {
        let change = self.cache.pending_change();
        self.leasing.permissions_changed();
        let answer = self.pass_through.pass_through(Lane::Bulk, call.map(Body::new)).await;
        self.leasing.permissions_changed();
        match answer {
            Ok(response) => {
                match Status::from_header_map(response.headers()).map(|status| status.code()) {
                    Some(Code::Unimplemented) => change.forget(),
                    // A unary call's head comes with its answer, so what it changes is changed by now.
                    _ => change.ended(),
                }
                response.map(Body::new)
            }
            Err(status) => {
                drop(change);
                status.into_http()
            }
        }
    }

    async fn pass_through(&self, call: Call) -> Answer {
        match self.pass_through.pass_through(Lane::Bulk, call.map(Body::new)).await {
            Ok(response) => response.map(Body::new),
            Err(status) => status.into_http(),
        }
    }

    /// Streams that would never end by themselves.
    async fn until_drain(&self, answer: impl Future<Output = Answer>) -> Answer {
        end_with_drain(&self.drain, answer).await
    }
}

/// Whether a call that is passed through leaves keys, users, roles and permissions as they are. Of what is not known
/// here, nobody can say.
fn changes_nothing_that_is_kept(service: &str, method: &str) -> bool {
    match service {
        "etcdserverpb.Auth" => {
            matches!(method, "Authenticate" | "AuthStatus" | "UserGet" | "UserList" | "RoleGet" | "RoleList")
        }
        "etcdserverpb.Cluster" | "etcdserverpb.Maintenance" => true,
        _ => false,
    }
}

/// Calls a generated server, which never fails but in its answer.
pub(crate) async fn serve<S>(mut service: S, call: Call) -> Answer
where
    S: Service<Call, Response = Answer, Error = Infallible>,
{
    certain(service.call(call).await)
}

fn certain(answer: Result<Answer, Infallible>) -> Answer {
    match answer {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

/// What a path names, `/service/method`. Nothing where it names nothing.
pub(crate) fn service_and_method(path: &str) -> (&str, &str) {
    path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or_default()
}
