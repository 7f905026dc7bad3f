//! What the services below a namespace are asked, and what of their answers comes out.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream::iter};
use namespace::{Namespace, Namespaced, Policy};
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::lease_server::Lease;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::watch_server::Watch;
use proto_gen::etcdserverpb::{
    CompactionRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest, WatchCancelRequest,
    WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use proto_gen::mvccpb::{Event, KeyValue};
use proto_gen::v3electionpb::election_server::Election;
use proto_gen::v3electionpb::{CampaignRequest, LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest};
use proto_gen::v3lockpb::lock_server::Lock;
use proto_gen::v3lockpb::{LockRequest, UnlockRequest};
use tonic::codec::{BufferSettings, EncodeBody};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::{ProstDecoder, ProstEncoder};

use crate::double::Double;
use crate::store::Store;

fn tenant<S>(inner: S, policy: Policy) -> Namespaced<S> {
    Namespaced::new(inner, Namespace::new("ns/", policy))
}

fn now<T>(answer: impl Future<Output = Result<Response<T>, Status>>) -> Result<T, Status> {
    answer.now_or_never().unwrap().map(Response::into_inner)
}

fn kv(key: &'static str) -> Option<KeyValue> {
    Some(KeyValue { key: Bytes::from(key), ..Default::default() })
}

#[test]
fn the_keys_of_locks_live_inside() {
    let tenant = tenant(Double::default(), Policy::Strict);
    let held = now(tenant.lock(Request::new(LockRequest { name: "mutex".into(), lease: 1 }))).unwrap();
    assert_eq!(held.key, "mutex/1f");
    now(tenant.unlock(Request::new(UnlockRequest { key: held.key }))).unwrap();
    now(tenant.unlock(Request::new(UnlockRequest::default()))).unwrap();
    assert_eq!(tenant.inner().asked(), ["lock ns/mutex", "unlock ns/mutex/1f", "unlock "]);
}

#[test]
fn a_lock_may_have_no_name() {
    let tenant = tenant(Double::default(), Policy::Permissive);
    let held = now(tenant.lock(Request::new(LockRequest::default()))).unwrap();
    assert_eq!((held.key, tenant.inner().asked()), ("/1f".into(), vec!["lock ns/".to_owned()]));
}

#[test]
fn the_keys_of_elections_live_inside() {
    let tenant = tenant(Double::default(), Policy::Strict);
    let campaign = CampaignRequest { name: "seat".into(), ..Default::default() };
    let won = now(tenant.campaign(Request::new(campaign))).unwrap().leader;
    let expected = LeaderKey { name: "seat".into(), key: "seat/1f".into(), ..Default::default() };
    assert_eq!(won, Some(expected));
    now(tenant.proclaim(Request::new(ProclaimRequest { leader: won.clone(), value: "".into() }))).unwrap();
    now(tenant.resign(Request::new(ResignRequest { leader: won }))).unwrap();
    now(tenant.resign(Request::new(ResignRequest::default()))).unwrap();
    let asked =
        ["campaign ns/seat", "proclaim ns/seat ns/seat/1f", "resign ns/seat ns/seat/1f", "resign nobody"];
    assert_eq!(tenant.inner().asked(), asked);
}

#[test]
fn observers_see_the_leaders_key_stripped_and_errors_as_they_are() {
    let tenant = tenant(Double::default(), Policy::Strict);
    let name = || Request::new(LeaderRequest { name: "seat".into() });
    assert_eq!(now(tenant.leader(name())).unwrap().kv, kv("seat/1f"));
    let seen: Vec<_> = now(tenant.observe(name())).unwrap().collect().now_or_never().unwrap();
    assert_eq!(seen[0].as_ref().unwrap().kv, kv("seat/1f"));
    assert_eq!(seen[1].as_ref().unwrap_err().code(), Code::Aborted);
}

fn lease_holding(keys: &[&'static str], policy: Policy) -> Namespaced<Double> {
    let on_lease = keys.iter().copied().map(Bytes::from).collect();
    tenant(Double { on_lease, ..Double::default() }, policy)
}

fn revoke() -> Request<LeaseRevokeRequest> {
    let mut request = Request::new(LeaseRevokeRequest { id: 1 });
    request.metadata_mut().insert("token", "alice".parse().unwrap());
    request
}

#[test]
fn of_the_keys_on_a_lease_a_tenant_sees_its_own() {
    let tenant = lease_holding(&["ns/a", "ns/", "other", "ns/b"], Policy::Permissive);
    let lease =
        now(tenant.lease_time_to_live(Request::new(LeaseTimeToLiveRequest { id: 1, keys: true }))).unwrap();
    assert_eq!(lease.keys, ["a", "b"]);
}

#[test]
fn a_lease_with_foreign_keys_is_not_revoked_under_strict() {
    let tenant = lease_holding(&["ns/a", "other"], Policy::Strict);
    let refused = now(tenant.lease_revoke(revoke())).unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("--namespace-policy=strict"), "{refused}");
    assert_eq!(tenant.inner().asked(), ["keys on a lease, for alice"]);
}

#[test]
fn any_other_lease_is_revoked() {
    let own = lease_holding(&["ns/a", "ns/b"], Policy::Strict);
    now(own.lease_revoke(revoke())).unwrap();
    assert_eq!(own.inner().asked(), ["keys on a lease, for alice", "revoke "]);
    let permissive = lease_holding(&["ns/a", "other"], Policy::Permissive);
    now(permissive.lease_revoke(revoke())).unwrap();
    assert_eq!(permissive.inner().asked(), ["revoke "]);
}

#[test]
fn strict_refuses_what_cannot_be_confined_by_name() {
    let strict = Namespace::new("ns/", Policy::Strict);
    for (service, method) in [
        ("etcdserverpb.Maintenance", "Snapshot"),
        ("etcdserverpb.Cluster", "MemberAdd"),
        ("etcdserverpb.Auth", "RoleGet"),
        ("etcdserverpb.Unheard", "Of"),
    ] {
        let refused = strict.admit(service, method).unwrap_err();
        let text = format!(
            "etcd-grpc-proxy: {service}/{method} reaches beyond the namespace: refused by --namespace-policy=strict"
        );
        assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, &text[..]));
    }
    strict.admit("etcdserverpb.Maintenance", "Status").unwrap();
    for open in [Namespace::new("ns/", Policy::Permissive), Namespace::new("", Policy::Strict)] {
        open.admit("etcdserverpb.Maintenance", "Snapshot").unwrap();
    }
}

#[test]
fn strict_refuses_the_typed_calls_that_cannot_be_confined() {
    let leases = lease_holding(&[], Policy::Strict);
    assert_eq!(
        now(leases.lease_leases(Request::new(LeaseLeasesRequest {}))).unwrap_err().code(),
        Code::PermissionDenied
    );
    let compaction = || Request::new(CompactionRequest::default());
    assert_eq!(
        now(tenant(Store::default(), Policy::Strict).compact(compaction())).unwrap_err().code(),
        Code::PermissionDenied
    );
    now(tenant(Store::default(), Policy::Permissive).compact(compaction())).unwrap();
}

/// A stream of requests as a server decodes it.
fn requests(items: Vec<Result<WatchRequest, Status>>) -> Request<Streaming<WatchRequest>> {
    let body = EncodeBody::new_client(ProstEncoder::new(BufferSettings::default()), iter(items), None, None);
    let decoder = ProstDecoder::new(BufferSettings::default());
    Request::new(Streaming::new_request(decoder, body, None, None))
}

fn create(key: &'static str, range_end: &'static str) -> WatchRequest {
    let create = WatchCreateRequest { key: key.into(), range_end: range_end.into(), ..Default::default() };
    WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
}

fn words(requests: &[WatchRequest]) -> Vec<String> {
    requests.iter().map(|request| format!("{request:?}")).collect()
}

#[test]
fn watches_enter_the_namespace_and_everything_else_passes() {
    let cancel =
        WatchRequest { request_union: Some(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 3 })) };
    let progress =
        WatchRequest { request_union: Some(RequestUnion::ProgressRequest(WatchProgressRequest {})) };
    let nothing = WatchRequest { request_union: None };
    let asked = [create("a", ""), create("a", "b"), create("", ""), create("", "\0"), create("a", "\0")];
    let passes = [cancel, progress, nothing];
    let meant = [
        create("ns/a", ""),
        create("ns/a", "ns/b"),
        create("ns/\0", ""),
        create("ns/\0", "ns0"),
        create("ns/a", "ns0"),
    ];
    for (prefix, meant) in [("ns/", &meant), ("", &asked)] {
        let tenant = Namespaced::new(Double::default(), Namespace::new(prefix, Policy::Strict));
        let items = asked.iter().chain(&passes).cloned().map(Ok).collect();
        now(tenant.watch(requests(items))).map(drop).unwrap();
        assert_eq!(tenant.inner().asked(), words(&[&meant[..], &passes].concat()));
    }
}

#[test]
fn an_error_of_the_clients_half_arrives() {
    let tenant = tenant(Double::default(), Policy::Strict);
    let refused =
        now(tenant.watch(requests(vec![Ok(create("a", "")), Err(Status::data_loss("torn"))]))).map(drop);
    let refused = refused.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::DataLoss, "torn"));
}

#[test]
fn events_leave_without_the_prefix_and_foreign_ones_not_at_all() {
    let event = |key, prev| Event { r#type: 1, kv: kv(key), prev_kv: kv(prev) };
    let events =
        vec![event("ns/a", "ns/a"), event("other", "other"), event("ns/", "ns/"), event("ns/b", "other")];
    let canceled = WatchResponse { watch_id: 3, canceled: true, compact_revision: 7, ..Default::default() };
    let full = WatchResponse { watch_id: 2, fragment: true, events, ..Default::default() };
    let double = Double { watch: vec![full.clone(), canceled.clone()], ..Double::default() };
    let tenant = tenant(double, Policy::Strict);
    let seen = now(tenant.watch(requests(Vec::new()))).unwrap();
    let seen: Vec<_> = seen.map(Result::unwrap).collect().now_or_never().unwrap();
    let kept = vec![event("a", "a"), Event { r#type: 1, kv: kv("b"), prev_kv: None }];
    assert_eq!(seen, [WatchResponse { events: kept, ..full }, canceled]);
}
