//! With authentication every caller gets what etcd would say to that caller.

use e2e::{Client, Cluster, Pair, Proxy, SOON, Shape, eventually};
use proto_gen::authpb::permission;
use proto_gen::etcdserverpb::{
    AuthDisableRequest, AuthEnableRequest, AuthRoleGrantPermissionRequest, AuthRoleRevokePermissionRequest,
    AuthenticateRequest, RangeRequest,
};
use tonic::Code;

use super::{FOR_EVER, read};
use crate::auth::{grant_role, permission, role, user};
use crate::requests::{get, put, range};

/// What is asked by everybody.
fn asked() -> Vec<RangeRequest> {
    vec![
        get("a/1"),
        get("b/1"),
        get("none"),
        range("a/", "a0"),
        range("b/", "b0"),
        range("a/", "b0"),
        range("\0", "\0"),
        RangeRequest { count_only: true, ..range("a/", "a0") },
        RangeRequest { revision: 3, ..range("a/", "a0") },
    ]
}

fn may(role: &str, key: &str, range_end: &str) -> AuthRoleGrantPermissionRequest {
    permission(role, permission::Type::Readwrite, key, range_end)
}

/// Keys under a/ for alice, under b/ for bob, and authentication.
async fn prepare(member: &Client) {
    let (mut kv, mut auth) = (member.kv(), member.auth());
    for key in ["a/1", "a/2", "b/1"] {
        kv.put(put(key, "secret")).await.expect("a write");
    }
    for (name, key, range_end) in [("root", "", ""), ("alice", "a/", "a0"), ("bob", "b/", "b0")] {
        auth.user_add(user(name, name)).await.expect("a user");
        auth.role_add(role(name)).await.expect("a role");
        auth.user_grant_role(grant_role(name, name)).await.expect("a role of a user");
        if !key.is_empty() {
            auth.role_grant_permission(may(name, key, range_end)).await.expect("a permission");
        }
    }
    auth.auth_enable(AuthEnableRequest {}).await.expect("authentication");
}

async fn log_in(client: &Client, name: &str) -> Client {
    let request = AuthenticateRequest { name: name.to_owned(), password: name.to_owned() };
    let token = client.auth().authenticate(request).await.expect("a token").into_inner().token;
    client.with("token", &token)
}

fn revoke(role: &str, key: &str, range_end: &str) -> AuthRoleRevokePermissionRequest {
    AuthRoleRevokePermissionRequest {
        role: role.to_owned(),
        key: key.to_owned().into(),
        range_end: range_end.to_owned().into(),
    }
}

#[tokio::test]
async fn two_users_and_a_nobody_are_answered_as_etcd_answers_them() {
    let pair = Pair::start_with(Shape::single().flag("--bcrypt-cost=4"), &[FOR_EVER]).await;
    for cluster in [&pair.direct, &pair.proxied] {
        prepare(&cluster.member(0).client()).await;
    }
    pair.compare(async |seen, side| {
        let root = log_in(&side.client, "root").await;
        let (alice, bob) = (log_in(&side.client, "alice").await, log_in(&side.client, "bob").await);
        let again = log_in(&side.client, "alice").await;
        let garbage = side.client.with("token", "garbage.1");
        let everybody = [
            ("root", &root),
            ("alice", &alice),
            ("nobody", &side.client),
            ("bob", &bob),
            ("alice again", &again),
            ("garbage", &garbage),
        ];
        let mut look = async |when: &str| {
            for _ in 0..2 {
                for request in asked() {
                    for (who, client) in everybody {
                        let answer = read(client, request.clone()).await;
                        let answer = answer.map(|answer| (answer.count, answer.kvs));
                        seen.note(&format!("{when}: {who}: {request:?}"), answer.map_err(|s| s.to_string()));
                    }
                }
            }
        };
        look("at first").await;
        root.auth().role_revoke_permission(revoke("alice", "a/", "a0")).await.expect("a revocation");
        look("alice may nothing").await;
        root.auth().role_grant_permission(may("alice", "b/1", "")).await.expect("a permission");
        look("alice may read what is bob's").await;
        bob.kv().put(put("b/1", "bob's")).await.expect("a write");
        look("bob has written").await;
        root.auth().auth_disable(AuthDisableRequest {}).await.expect("no authentication");
        look("everybody may everything").await;
    })
    .await;
}

#[tokio::test]
async fn what_is_forbidden_elsewhere_is_forbidden_soon() {
    let cluster = Cluster::start(Shape::single().flag("--bcrypt-cost=4")).await;
    let member = cluster.member(0).client();
    prepare(&member).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let alice = log_in(&proxy.client(), "alice").await;
    // Read as often as it may be, so that a watch of it is held in her name.
    for _ in 0..200 {
        read(&alice, get("a/1")).await.expect("her own key");
    }
    let root = log_in(&member, "root").await;
    root.auth().role_revoke_permission(revoke("alice", "a/", "a0")).await.expect("a revocation");
    let refused = eventually("alice is refused", SOON, async || read(&alice, get("a/1")).await.err()).await;
    assert_eq!(refused.code(), Code::PermissionDenied);
}
