//! Keep-alives under authentication: each user on a stream of his own, each refusal to whom it concerns.

use e2e::{Client, Cluster, Pair, Proxy, Shape, Side, Transcript, environment};
use proto_gen::authpb::{Permission, permission};
use proto_gen::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthRoleGrantPermissionRequest, AuthUserAddRequest,
    AuthUserGrantRoleRequest, AuthenticateRequest, PutRequest,
};
use tonic::Code;

use super::{fresh, keep_alive, ping};
use crate::requests::{grant, put};

fn shape() -> Shape {
    Shape::single().flag("--bcrypt-cost=4")
}

/// Users root, alice and bob, who may write below `alice/` and `bob/`; each has a lease with a key of his own on it,
/// alice also one with a key of root's.
async fn enable(client: &Client) {
    let mut auth = client.auth();
    for name in ["root", "alice", "bob"] {
        let password = name.to_owned();
        let user = AuthUserAddRequest { name: name.to_owned(), password, ..Default::default() };
        auth.user_add(user).await.expect("a user");
        auth.role_add(AuthRoleAddRequest { name: name.to_owned() }).await.expect("a role");
        let granted = AuthUserGrantRoleRequest { user: name.to_owned(), role: name.to_owned() };
        auth.user_grant_role(granted).await.expect("a role granted");
        let (key, range_end) = (format!("{name}/").into(), format!("{name}0").into());
        let perm = Some(Permission { perm_type: permission::Type::Readwrite.into(), key, range_end });
        let granted = AuthRoleGrantPermissionRequest { name: name.to_owned(), perm };
        auth.role_grant_permission(granted).await.expect("a permission");
    }
    for (id, key) in [(1, "alice/1"), (2, "bob/1"), (3, "root/1")] {
        client.lease().lease_grant(grant(id, 3000)).await.expect("a lease");
        client.kv().put(PutRequest { lease: id, ..put(key, "1") }).await.expect("a key");
    }
    auth.auth_enable(AuthEnableRequest {}).await.expect("authentication");
}

async fn logged_in(client: &Client, name: &str) -> Client {
    let request = AuthenticateRequest { name: name.to_owned(), password: name.to_owned() };
    let token = client.auth().authenticate(request).await.expect("a token").into_inner().token;
    client.with("token", &token)
}

#[tokio::test]
async fn answers_and_refusals_are_equal_for_every_credential() {
    Pair::start(shape()).await.compare(everybody_pings).await;
}

async fn everybody_pings(seen: &mut Transcript, side: &Side<'_>) {
    enable(&side.client).await;
    let alice = logged_in(&side.client, "alice").await;
    let bob = logged_in(&side.client, "bob").await;
    let root = logged_in(&side.client, "root").await;
    let garbage = side.client.with("token", "garbage.1");
    let named = [
        ("nobody", side.client.clone()),
        ("garbage", garbage),
        ("alice", alice),
        ("bob", bob),
        ("root", root),
    ];
    for (name, client) in named {
        for id in [1, 2, 3, 4711] {
            let mut alive = keep_alive(&client);
            alive.send(ping(id)).await;
            let answer = alive.try_next().await.map(|answer| answer.map(fresh));
            seen.note(&format!("{name} pings {id}"), answer.map_err(|status| status.to_string()));
        }
    }
}

#[tokio::test]
async fn one_users_refusal_is_nobody_elses() {
    let cluster = Cluster::start(shape()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let client = proxy.client();
    enable(&client).await;
    let (alice, bob) = (logged_in(&client, "alice").await, logged_in(&client, "bob").await);
    let mut alive = [(keep_alive(&alice), 1), (keep_alive(&alice), 1), (keep_alive(&bob), 2)];
    let garbage = client.with("token", "garbage.1");
    for _ in 0..20 {
        let mut refused = keep_alive(&garbage);
        refused.send(ping(1)).await;
        for (stream, id) in &alive {
            stream.send(ping(*id)).await;
        }
        for (stream, id) in &mut alive {
            let answer = stream.next().await;
            assert_eq!((answer.id, answer.ttl >= 2999), (*id, true), "{answer:?}");
        }
        // Before 3.4.42 and 3.5.28 etcd asks no keep-alive for a token.
        if environment::etcd_version() > (3, 6) {
            let status = refused.try_next().await.expect_err("a token that is none");
            assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
        }
    }
}
