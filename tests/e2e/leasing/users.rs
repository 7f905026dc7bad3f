//! With authentication memory answers only whom etcd has allowed, and leasing keys are written as the proxy.

use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually};
use proto_gen::authpb::permission;
use proto_gen::etcdserverpb::{
    AuthEnableRequest, AuthRoleGrantPermissionRequest, AuthRoleRevokePermissionRequest, AuthenticateRequest,
    DeleteRangeRequest, PutRequest, TxnRequest,
};
use tonic::Code;

use super::{FLAG, number, own, read};
use crate::auth::{grant_role, permission, role, user};
use crate::requests::{compare, delete, get, op_put, put};

fn may(role: &str, kind: permission::Type, key: &str, range_end: &str) -> AuthRoleGrantPermissionRequest {
    permission(role, kind, key, range_end)
}

/// Keys under a/ for alice, under b/ for bob, all for the proxy to read, and authentication.
async fn prepare(member: &Client) {
    use permission::Type::{Read, Readwrite, Write};
    let (mut kv, mut auth) = (member.kv(), member.auth());
    for key in ["a/1", "a/2", "b/1", "w/1"] {
        kv.put(put(key, "secret")).await.expect("a write");
    }
    for name in ["root", "alice", "bob", "proxy", "writer"] {
        auth.user_add(user(name, name)).await.expect("a user");
        auth.role_add(role(name)).await.expect("a role");
        auth.user_grant_role(grant_role(name, name)).await.expect("a role of a user");
    }
    for (name, kind, key, range_end) in [
        ("alice", Readwrite, "a/", "a0"),
        ("alice", Read, "_l/", "_l0"),
        ("bob", Readwrite, "b/", "b0"),
        ("bob", Read, "_l/", "_l0"),
        ("writer", Write, "w/", "w0"),
        ("writer", Read, "_l/", "_l0"),
        ("proxy", Readwrite, "_l/", "_l0"),
        ("proxy", Read, "a/", "x"),
    ] {
        auth.role_grant_permission(may(name, kind, key, range_end)).await.expect("a permission");
    }
    auth.auth_enable(AuthEnableRequest {}).await.expect("authentication");
}

async fn log_in(client: &Client, name: &str) -> Client {
    let request = AuthenticateRequest { name: name.to_owned(), password: name.to_owned() };
    let token = client.auth().authenticate(request).await.expect("a token").into_inner().token;
    client.with("token", &token)
}

async fn start() -> (Cluster, Proxy) {
    let cluster = Cluster::start(Shape::single().flag("--bcrypt-cost=4")).await;
    prepare(&cluster.member(0).client()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[FLAG, "--user=proxy:proxy"]).await;
    (cluster, proxy)
}

async fn refusal(client: &Client, key: &str) -> Code {
    read(client, get(key)).await.expect_err("a refusal").code()
}

#[tokio::test]
async fn what_one_user_has_read_is_nobody_elses() {
    let (cluster, proxy) = start().await;
    let (alice, bob) = (log_in(&proxy.client(), "alice").await, log_in(&proxy.client(), "bob").await);
    own(&proxy, &alice, "a/1").await;
    for _ in 0..20 {
        assert_eq!(refusal(&bob, "a/1").await, Code::PermissionDenied);
        assert_eq!(refusal(&proxy.client(), "a/1").await, Code::InvalidArgument);
        assert_eq!(refusal(&proxy.client().with("token", "garbage.1"), "a/1").await, Code::Unauthenticated);
        assert_eq!(read(&alice, get("a/1")).await.expect("her own").kvs[0].value, "secret");
    }
    own(&proxy, &bob, "b/1").await;
    let mut root = log_in(&cluster.member(0).client(), "root").await.kv();
    let leases = root.range(crate::requests::range("_l/", "_l0")).await.expect("a read").into_inner();
    assert_eq!(leases.kvs.len(), 2);
}

#[tokio::test]
async fn a_permission_that_is_taken_away_is_gone_at_once_through_the_proxy_and_soon_elsewhere() {
    let (cluster, proxy) = start().await;
    for through_the_proxy in [true, false] {
        let alice = log_in(&proxy.client(), "alice").await;
        own(&proxy, &alice, "a/1").await;
        let root = match through_the_proxy {
            true => log_in(&proxy.client(), "root").await,
            false => log_in(&cluster.member(0).client(), "root").await,
        };
        let (key, range_end) = ("a/".into(), "a0".into());
        let revoke = AuthRoleRevokePermissionRequest { role: "alice".into(), key, range_end };
        root.auth().role_revoke_permission(revoke).await.expect("a revocation");
        if through_the_proxy {
            assert_eq!(refusal(&alice, "a/1").await, Code::PermissionDenied);
        }
        eventually("alice is refused", SOON, async || {
            // etcd before 3.5 wants a new token after a change.
            read(&alice, get("a/1")).await.err()
        })
        .await;
        root.auth()
            .role_grant_permission(may("alice", permission::Type::Readwrite, "a/", "a0"))
            .await
            .expect("a permission");
    }
}

/// What etcd checks of a plain write is checked of the guarded one: nothing is done by a transaction that may not be
/// done without it.
#[tokio::test]
async fn writes_are_refused_as_etcd_refuses_them() {
    let (cluster, proxy) = start().await;
    let direct = cluster.member(0).client();
    for (name, may_write) in [("alice", true), ("bob", false), ("writer", false)] {
        let mut codes = Vec::new();
        for client in [&direct, &proxy.client()] {
            let mut kv = log_in(client, name).await.kv();
            let code = |status: Option<tonic::Status>| status.map_or(Code::Ok, |status| status.code());
            let version = compare("a/1", 0.try_into().expect("equal"), 0.try_into().expect("a version"), {
                proto_gen::etcdserverpb::compare::TargetUnion::Version(77)
            });
            let both = TxnRequest {
                compare: vec![version.clone()],
                success: vec![op_put("a/2", "x")],
                failure: vec![op_put("a/1", "x")],
            };
            codes.push([
                code(kv.put(put("a/1", "x")).await.err()),
                code(kv.put(PutRequest { prev_kv: true, ..put("a/1", "x") }).await.err()),
                code(kv.put(PutRequest { prev_kv: true, ..put("w/1", "x") }).await.err()),
                code(kv.put(put("w/1", "x")).await.err()),
                code(kv.delete_range(delete("a/2", "")).await.err()),
                code(kv.delete_range(delete("a/", "b")).await.err()),
                code(kv.delete_range(DeleteRangeRequest { prev_kv: true, ..delete("w/1", "") }).await.err()),
                code(kv.txn(both).await.err()),
                code(kv.txn(TxnRequest { compare: vec![version], ..TxnRequest::default() }).await.err()),
            ]);
        }
        assert_eq!(codes[0], codes[1], "{name}");
        assert_eq!(codes[1][0] == Code::Ok, may_write, "{name}");
        assert_eq!(codes[1][7] == Code::Ok, may_write, "{name}");
    }
    assert_eq!(refusal(&proxy.client(), "w/1").await, Code::InvalidArgument);
}

#[tokio::test]
async fn a_proxy_that_may_own_nothing_still_serves_everybody_and_says_so_once() {
    let cluster = Cluster::start(Shape::single().flag("--bcrypt-cost=4")).await;
    prepare(&cluster.member(0).client()).await;
    for user in [None, Some("--user=bob:bob")] {
        let flags: Vec<&str> = [FLAG].into_iter().chain(user).collect();
        let proxy = Proxy::start(&cluster.endpoints(), &flags).await;
        let alice = log_in(&proxy.client(), "alice").await;
        for n in 0..50 {
            alice.kv().put(put("a/1", &n.to_string())).await.expect("a write");
            assert_eq!(super::value(&alice, "a/1").await, n.to_string());
        }
        assert_eq!(number(proxy.address(), "keys").await, 0.0);
        let said = |line: &serde_json::Value| line["msg"] == "cannot take leased keys or give them back";
        assert!(proxy.log().iter().filter(|line| said(line)).count() <= 2);
    }
    let root = log_in(&cluster.member(0).client(), "root").await;
    assert_eq!(root.kv().range(get("_l/a/1")).await.expect("a read").into_inner().count, 0);
}
