//! Whoever may not watch harms nobody who may, however many watch the same.

use e2e::{Client, Cluster, Proxy, Shape, eventually, metrics};
use proto_gen::authpb::{Permission, permission};
use proto_gen::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthRoleGrantPermissionRequest, AuthUserAddRequest,
    AuthUserChangePasswordRequest, AuthUserGrantRoleRequest, AuthUserRevokeRoleRequest, AuthenticateRequest,
    WatchResponse,
};

use crate::requests::{put, watch_range};
use crate::watch::{Watching, create_watch, events};

/// Users of these names, who may all read and write `a/`, and root.
async fn with_users(names: &[&str]) -> (Cluster, Client) {
    let cluster = Cluster::start(Shape::three().flag("--bcrypt-cost=4")).await;
    let mut auth = cluster.member(0).client().auth();
    auth.role_add(AuthRoleAddRequest { name: "a".to_owned() }).await.unwrap();
    let perm_type = permission::Type::Readwrite.into();
    let perm = Some(Permission { perm_type, key: "a/".into(), range_end: "a0".into() });
    auth.role_grant_permission(AuthRoleGrantPermissionRequest { name: "a".to_owned(), perm }).await.unwrap();
    for name in names.iter().chain(&["root"]) {
        let user = AuthUserAddRequest {
            name: (*name).to_owned(),
            password: (*name).to_owned(),
            ..Default::default()
        };
        auth.user_add(user).await.unwrap();
        let role = if *name == "root" { "root" } else { "a" };
        auth.role_add(AuthRoleAddRequest { name: role.to_owned() }).await.ok();
        let grant = AuthUserGrantRoleRequest { user: (*name).to_owned(), role: role.to_owned() };
        auth.user_grant_role(grant).await.unwrap();
    }
    auth.auth_enable(AuthEnableRequest {}).await.unwrap();
    let root = log_in(&cluster.member(0).client(), "root").await;
    (cluster, root)
}

async fn log_in(client: &Client, name: &str) -> Client {
    let request = AuthenticateRequest { name: name.to_owned(), password: name.to_owned() };
    let answer =
        eventually("a token", e2e::SOON, async || client.auth().authenticate(request.clone()).await.ok());
    client.with("token", &answer.await.into_inner().token)
}

async fn watch_a(client: &Client) -> (Watching, WatchResponse) {
    create_watch(client, watch_range("a/", "a0", 0)).await
}

/// One event reaches all of these watchers.
async fn all_receive(root: &Client, value: &str, watching: &mut [&mut Watching]) {
    eventually("a write", e2e::SOON, async || root.kv().put(put("a/1", value)).await.ok()).await;
    for watching in watching {
        let event = events(watching, 1).await.remove(0);
        assert_eq!(event.kv.unwrap().value, value);
    }
}

/// Waits until every member has heard of what one of them was told: whichever takes over a watcher knows of it.
async fn everywhere(cluster: &Cluster) {
    for member in cluster.members() {
        // A log-in is agreed upon as any change is, so it comes after those that were before it.
        log_in(&member.client(), "root").await;
    }
}

/// The member on which the proxy has its watchers.
async fn watched_member(cluster: &Cluster) -> usize {
    eventually("a member has the watchers", e2e::SOON, async || {
        for (index, member) in cluster.members().iter().enumerate() {
            if metrics::sum(member.address(), "etcd_debugging_mvcc_watcher_total", &[]).await > 0.0 {
                return Some(index);
            }
        }
        None
    })
    .await
}

fn is_refused(response: &WatchResponse) -> bool {
    response.canceled && response.cancel_reason.contains("permission denied")
}

#[tokio::test]
async fn a_refused_watcher_harms_nobody_else() {
    let (cluster, root) = with_users(&["alice"]).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let alice = log_in(&proxy.client(), "alice").await;
    let (mut first, created) = watch_a(&alice).await;
    assert!(created.created && !created.canceled, "{created:?}");

    let (_, refused) = watch_a(&proxy.client()).await;
    assert!(refused.canceled && refused.cancel_reason.contains("user name is empty"), "{refused:?}");
    let (_, refused) = watch_a(&proxy.client().with("token", "nonsense.1")).await;
    assert!(refused.canceled && refused.cancel_reason.contains("invalid auth token"), "{refused:?}");
    let (_, refused) = create_watch(&alice, watch_range("b/", "b0", 0)).await;
    assert!(is_refused(&refused), "{refused:?}");

    let (mut second, _) = watch_a(&alice).await;
    let (mut other_token, _) = watch_a(&log_in(&proxy.client(), "alice").await).await;
    all_receive(&root, "1", &mut [&mut first, &mut second, &mut other_token]).await;
}

#[tokio::test]
async fn a_revoked_permission_ends_that_users_watchers_alone_when_they_are_resumed() {
    let (mut cluster, root) = with_users(&["alice", "bob"]).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let (alice, bob) = (log_in(&proxy.client(), "alice").await, log_in(&proxy.client(), "bob").await);
    let ((mut of_alice, _), (mut of_bob, _)) = (watch_a(&alice).await, watch_a(&bob).await);
    all_receive(&root, "1", &mut [&mut of_alice, &mut of_bob]).await;

    let revoke = AuthUserRevokeRoleRequest { name: "bob".to_owned(), role: "a".to_owned() };
    root.auth().user_revoke_role(revoke).await.unwrap();
    everywhere(&cluster).await;
    let watched = watched_member(&cluster).await;
    cluster.member_mut(watched).kill();
    let ended = of_bob.next().await;
    assert!(is_refused(&ended), "{ended:?}");
    let other = cluster.member((watched + 1) % 3).client();
    let root = log_in(&other, "root").await;
    all_receive(&root, "2", &mut [&mut of_alice]).await;
    let (_, refused) = watch_a(&bob).await;
    assert!(is_refused(&refused), "{refused:?}");
}

#[tokio::test]
async fn a_token_that_is_no_longer_valid_ends_its_watchers_alone() {
    let (mut cluster, root) = with_users(&["alice", "bob"]).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let (alice, bob) = (log_in(&proxy.client(), "alice").await, log_in(&proxy.client(), "bob").await);
    let ((mut of_alice, _), (mut of_bob, _)) = (watch_a(&alice).await, watch_a(&bob).await);
    all_receive(&root, "1", &mut [&mut of_alice, &mut of_bob]).await;

    let change = AuthUserChangePasswordRequest {
        name: "bob".to_owned(),
        password: "bob2".to_owned(),
        ..Default::default()
    };
    root.auth().user_change_password(change).await.unwrap();
    everywhere(&cluster).await;
    let watched = watched_member(&cluster).await;
    cluster.member_mut(watched).kill();
    let ended = of_bob.next().await;
    assert!(ended.canceled && ended.cancel_reason.contains("invalid auth token"), "{ended:?}");
    let root = log_in(&cluster.member((watched + 1) % 3).client(), "root").await;
    all_receive(&root, "2", &mut [&mut of_alice]).await;
}
