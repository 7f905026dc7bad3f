//! What cannot be confined is let through or refused, as the operator says.

use bytes::Bytes;
use e2e::raw::frame;
use e2e::{Client, Cluster, Etcdctl, Proxy, RawConnection, Shape};
use prost::Message;
use proto_gen::etcdserverpb::{
    AlarmRequest, CompactionRequest, LeaseLeasesRequest, LeaseRevokeRequest, MemberListRequest, PutRequest,
    StatusRequest,
};
use tonic::{Code, Status};

use super::everything;
use crate::requests::{get, grant, put};

const STRICT: [&str; 2] = ["--namespace=ns/", "--namespace-policy=strict"];
const DOCUMENT: &str = include_str!("../../../docs/namespace.md");

/// What passes whole: service, and the methods that reach beyond the namespace.
const UNCONFINED: [(&str, &str); 4] = [
    ("etcdserverpb.Maintenance", "Snapshot Hash HashKV Defragment MoveLeader Downgrade"),
    ("etcdserverpb.Cluster", "MemberAdd MemberRemove MemberUpdate MemberPromote"),
    (
        "etcdserverpb.Auth",
        "AuthEnable AuthDisable UserAdd UserGet UserList UserDelete UserChangePassword UserGrantRole \
         UserRevokeRole RoleAdd RoleGet RoleList RoleDelete RoleGrantPermission RoleRevokePermission",
    ),
    ("etcdserverpb.Maintenance", "NotYetKnown"),
];

async fn cluster_and_proxy(flags: &[&str]) -> (Cluster, Proxy) {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), flags).await;
    (cluster, proxy)
}

fn is_refused<T: std::fmt::Debug>(answer: Result<T, Status>) {
    let status = answer.expect_err("a refusal");
    assert_eq!(status.code(), Code::PermissionDenied, "{status}");
    assert!(status.message().ends_with("refused by --namespace-policy=strict"), "{status}");
}

fn unconfined() -> impl Iterator<Item = (&'static str, &'static str)> {
    UNCONFINED.iter().flat_map(|(service, methods)| methods.split(' ').map(move |method| (*service, method)))
}

#[tokio::test]
async fn strict_refuses_by_name_what_cannot_be_confined() {
    let (cluster, proxy) = cluster_and_proxy(&STRICT).await;
    let raw = RawConnection::connect(proxy.address()).await;
    for (service, method) in unconfined() {
        let path = format!("/{service}/{method}");
        let (code, message) = raw.call(&path, &[], frame(&[])).await.expect("an answer").grpc();
        assert_eq!(code.as_deref(), Some("7"), "{path}: {message}");
        assert!(message.contains("--namespace-policy=strict"), "{path}: {message}");
        assert!(method == "NotYetKnown" || DOCUMENT.contains(method), "{method} is not documented");
    }
    let client = proxy.client();
    is_refused(client.lease().lease_leases(LeaseLeasesRequest {}).await);
    is_refused(client.kv().compact(CompactionRequest { revision: 1, physical: false }).await);
    is_refused(client.maintenance().alarm(AlarmRequest { action: 1, member_id: 0, alarm: 1 }).await);
    is_refused(client.maintenance().alarm(AlarmRequest { action: 9, member_id: 0, alarm: 1 }).await);
    cluster.member(0).client().kv().put(put("still", "writable")).await.expect("no alarm");
}

#[tokio::test]
async fn strict_lets_a_tenant_do_its_work() {
    let (_cluster, proxy) = cluster_and_proxy(&STRICT).await;
    let client = proxy.client();
    client.kv().put(put("a", "1")).await.expect("a write");
    client.maintenance().status(StatusRequest {}).await.expect("a status");
    client.cluster().member_list(MemberListRequest::default()).await.expect("the members");
    client.maintenance().alarm(AlarmRequest::default()).await.expect("no alarms");
    let healthy = Etcdctl::of(proxy.address()).run(&["endpoint", "health"]).await;
    assert_eq!(healthy.code, 0, "{}", healthy.stderr);
    let locked = Etcdctl::of(proxy.address()).run(&["lock", "mutex", "/bin/true"]).await;
    assert_eq!(locked.code, 0, "{}", locked.stderr);
}

#[tokio::test]
async fn permissive_lets_everything_through() {
    let (_cluster, proxy) = cluster_and_proxy(&["--namespace=ns/"]).await;
    let client = proxy.client();
    client.lease().lease_leases(LeaseLeasesRequest {}).await.expect("all leases");
    client.kv().put(put("a", "1")).await.expect("a write");
    client.kv().compact(CompactionRequest { revision: 2, physical: false }).await.expect("a compaction");
    let raw = RawConnection::connect(proxy.address()).await;
    for path in ["/etcdserverpb.Maintenance/HashKV", "/etcdserverpb.Maintenance/Snapshot"] {
        let (code, message) = raw.call(path, &[], frame(&[])).await.expect("an answer").grpc();
        assert_eq!(code.as_deref(), Some("0"), "{path}: {message}");
    }
    let activate = AlarmRequest { action: 1, member_id: 0, alarm: 1 };
    let body: Bytes = frame(&activate.encode_to_vec());
    let (code, message) =
        raw.call("/etcdserverpb.Maintenance/Alarm", &[], body).await.expect("an answer").grpc();
    assert_eq!(code.as_deref(), Some("0"), "{message}");
}

async fn attach(client: &Client, key: &str, lease: i64) {
    client.kv().put(PutRequest { lease, ..put(key, "1") }).await.expect("a write");
}

#[tokio::test]
async fn a_lease_with_others_keys_is_revoked_under_permissive_only() {
    let (cluster, strict) = cluster_and_proxy(&STRICT).await;
    let permissive = Proxy::start(&cluster.endpoints(), &["--namespace=ns/"]).await;
    let outside = cluster.member(0).client();
    let (tenant, lax) = (strict.client(), permissive.client());
    for lease in [1, 2] {
        tenant.lease().lease_grant(grant(lease, 3000)).await.expect("a lease");
        attach(&tenant, &format!("own{lease}"), lease).await;
    }
    attach(&outside, "foreign", 2).await;

    tenant.lease().lease_revoke(LeaseRevokeRequest { id: 1 }).await.expect("a revocation");
    is_refused(tenant.lease().lease_revoke(LeaseRevokeRequest { id: 2 }).await);
    assert_eq!(outside.kv().range(get("foreign")).await.expect("a read").into_inner().count, 1);
    let unknown = tenant.lease().lease_revoke(LeaseRevokeRequest { id: 3 }).await.expect_err("no such lease");
    assert_eq!(
        (unknown.code(), unknown.message()),
        (Code::NotFound, "etcdserver: requested lease not found")
    );

    lax.lease().lease_revoke(LeaseRevokeRequest { id: 2 }).await.expect("a revocation");
    assert!(everything(&outside).await.is_empty());
}
