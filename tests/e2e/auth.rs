//! Auth: users, roles, tokens in both kinds of metadata, and everything that they refuse.

use e2e::{Client, Pair, Shape, Side, Transcript};
use proto_gen::authpb::{Permission, UserAddOptions, permission};
use proto_gen::etcdserverpb::{
    AuthDisableRequest, AuthEnableRequest, AuthRoleAddRequest, AuthRoleDeleteRequest, AuthRoleGetRequest,
    AuthRoleGrantPermissionRequest, AuthRoleListRequest, AuthRoleRevokePermissionRequest, AuthStatusRequest,
    AuthUserAddRequest, AuthUserChangePasswordRequest, AuthUserDeleteRequest, AuthUserGetRequest,
    AuthUserGrantRoleRequest, AuthUserListRequest, AuthUserRevokeRoleRequest, AuthenticateRequest,
    LeaseGrantRequest, LeaseLeasesRequest, MemberListRequest, StatusRequest,
};

use crate::lease::{fresh, keep_alive, ping};
use crate::requests::{create, delete, get, put, range, watch, watch_key};

#[tokio::test]
async fn auth_answers_are_equal() {
    let pair = Pair::start(Shape::three().flag("--bcrypt-cost=4")).await;
    pair.compare(before_auth_is_enabled).await;
    pair.compare(users).await;
    pair.compare(roles).await;
    pair.compare(enabling).await;
    pair.compare(tokens).await;
    pair.compare(permissions).await;
    pair.compare(streams).await;
    pair.compare(what_root_may_not_do).await;
    pair.compare(disabling).await;
}

pub(crate) fn user(name: &str, password: &str) -> AuthUserAddRequest {
    AuthUserAddRequest { name: name.to_owned(), password: password.to_owned(), ..Default::default() }
}

pub(crate) fn role(name: &str) -> AuthRoleAddRequest {
    AuthRoleAddRequest { name: name.to_owned() }
}

pub(crate) fn grant_role(user: &str, role: &str) -> AuthUserGrantRoleRequest {
    AuthUserGrantRoleRequest { user: user.to_owned(), role: role.to_owned() }
}

pub(crate) fn permission(
    role: &str,
    kind: permission::Type,
    key: &str,
    range_end: &str,
) -> AuthRoleGrantPermissionRequest {
    let range_end = range_end.to_owned().into();
    let perm = Permission { perm_type: kind.into(), key: key.to_owned().into(), range_end };
    AuthRoleGrantPermissionRequest { name: role.to_owned(), perm: Some(perm) }
}

async fn token(seen: &mut Transcript, side: &Side<'_>, name: &str, password: &str) -> String {
    let request = AuthenticateRequest { name: name.to_owned(), password: password.to_owned() };
    let answer = side.client.auth().authenticate(request).await;
    if let Ok(response) = &answer {
        seen.name(&response.get_ref().token, &format!("token of {name}"));
    }
    seen.answer("authenticate", answer).expect("a token").token
}

async fn before_auth_is_enabled(seen: &mut Transcript, side: &Side<'_>) {
    let mut auth = side.client.auth();
    seen.answer("status", auth.auth_status(AuthStatusRequest {}).await);
    seen.answer("no root user", auth.auth_enable(AuthEnableRequest {}).await);
    let request = AuthenticateRequest { name: "root".to_owned(), password: "root".to_owned() };
    seen.answer("authenticate", auth.authenticate(request).await);
    seen.answer("disable", auth.auth_disable(AuthDisableRequest {}).await);
}

async fn users(seen: &mut Transcript, side: &Side<'_>) {
    let mut auth = side.client.auth();
    seen.answer("root", auth.user_add(user("root", "root")).await);
    seen.answer("no root role", auth.auth_enable(AuthEnableRequest {}).await);
    seen.answer("alice", auth.user_add(user("alice", "alice")).await);
    seen.answer("alice again", auth.user_add(user("alice", "alice")).await);
    seen.answer("nobody", auth.user_add(user("", "x")).await);
    let options = Some(UserAddOptions { no_password: true });
    seen.answer("without password", auth.user_add(AuthUserAddRequest { options, ..user("carol", "") }).await);
    seen.answer("bob", auth.user_add(user("bob", "bob")).await);
    seen.answer("delete bob", auth.user_delete(AuthUserDeleteRequest { name: "bob".to_owned() }).await);
    seen.answer("delete bob again", auth.user_delete(AuthUserDeleteRequest { name: "bob".to_owned() }).await);
    seen.answer("get bob", auth.user_get(AuthUserGetRequest { name: "bob".to_owned() }).await);
    seen.answer("list", auth.user_list(AuthUserListRequest {}).await);
    let change = |name: &str| AuthUserChangePasswordRequest {
        name: name.to_owned(),
        password: "alice2".to_owned(),
        ..Default::default()
    };
    seen.answer("a new password", auth.user_change_password(change("alice")).await);
    seen.answer("a new password for bob", auth.user_change_password(change("bob")).await);
}

async fn roles(seen: &mut Transcript, side: &Side<'_>) {
    let mut auth = side.client.auth();
    let readwrite = permission::Type::Readwrite;
    seen.answer("root", auth.role_add(role("root")).await);
    seen.answer("writer", auth.role_add(role("writer")).await);
    seen.answer("writer again", auth.role_add(role("writer")).await);
    seen.answer("nothing", auth.role_add(role("")).await);
    seen.answer(
        "grant a range",
        auth.role_grant_permission(permission("writer", readwrite, "a/", "a0")).await,
    );
    seen.answer(
        "grant reading",
        auth.role_grant_permission(permission("writer", permission::Type::Read, "r", "")).await,
    );
    seen.answer("grant to nobody", auth.role_grant_permission(permission("none", readwrite, "a", "")).await);
    // etcd 3.4 dies of it, all members at once.
    if e2e::environment::etcd_version() > (3, 4) {
        let nothing = AuthRoleGrantPermissionRequest { name: "writer".to_owned(), perm: None };
        seen.answer("grant nothing", auth.role_grant_permission(nothing).await);
    }
    seen.answer("get", auth.role_get(AuthRoleGetRequest { role: "writer".to_owned() }).await);
    seen.answer("get none", auth.role_get(AuthRoleGetRequest { role: "none".to_owned() }).await);
    let revoke = |key: &str, range_end: &str| AuthRoleRevokePermissionRequest {
        role: "writer".to_owned(),
        key: key.to_owned().into(),
        range_end: range_end.to_owned().into(),
    };
    seen.answer("revoke what was not granted", auth.role_revoke_permission(revoke("zzz", "")).await);
    seen.answer("grant another", auth.role_grant_permission(permission("writer", readwrite, "b", "")).await);
    seen.answer("revoke it", auth.role_revoke_permission(revoke("b", "")).await);
    seen.answer("spare", auth.role_add(role("spare")).await);
    seen.answer("delete", auth.role_delete(AuthRoleDeleteRequest { role: "spare".to_owned() }).await);
    seen.answer("delete again", auth.role_delete(AuthRoleDeleteRequest { role: "spare".to_owned() }).await);
    seen.answer("list", auth.role_list(AuthRoleListRequest {}).await);
    seen.answer("alice writes", auth.user_grant_role(grant_role("alice", "writer")).await);
    seen.answer("alice does not exist as a role", auth.user_grant_role(grant_role("alice", "none")).await);
    seen.answer("bob is gone", auth.user_grant_role(grant_role("bob", "writer")).await);
    let revoke = AuthUserRevokeRoleRequest { name: "alice".to_owned(), role: "root".to_owned() };
    seen.answer("a role that she has not", auth.user_revoke_role(revoke).await);
    seen.answer("root is root", auth.user_grant_role(grant_role("root", "root")).await);
    seen.answer("get alice", auth.user_get(AuthUserGetRequest { name: "alice".to_owned() }).await);
}

async fn enabling(seen: &mut Transcript, side: &Side<'_>) {
    let mut auth = side.client.auth();
    seen.answer("enable", auth.auth_enable(AuthEnableRequest {}).await);
    seen.answer("anonymous status", auth.auth_status(AuthStatusRequest {}).await);
    let wrong = AuthenticateRequest { name: "alice".to_owned(), password: "alice".to_owned() };
    seen.answer("the old password", auth.authenticate(wrong).await);
    let unknown = AuthenticateRequest { name: "mallory".to_owned(), password: "x".to_owned() };
    seen.answer("an unknown user", auth.authenticate(unknown).await);
    let without = AuthenticateRequest { name: "carol".to_owned(), password: String::new() };
    seen.answer("a user without password", auth.authenticate(without).await);
}

async fn tokens(seen: &mut Transcript, side: &Side<'_>) {
    let token = token(seen, side, "alice", "alice2").await;
    let key = "a/1";
    seen.answer("none", side.client.kv().put(put(key, "1")).await);
    seen.answer("token", side.client.with("token", &token).kv().put(put(key, "2")).await);
    seen.answer("authorization", side.client.with("authorization", &token).kv().put(put(key, "3")).await);
    seen.answer("garbage", side.client.with("token", "garbage").kv().put(put(key, "4")).await);
    seen.answer("garbage.1", side.client.with("token", "garbage.1").kv().range(get(key)).await);
    seen.answer("token read", side.client.with("token", &token).kv().range(get(key)).await);
    seen.answer("authorization read", side.client.with("authorization", &token).kv().range(get(key)).await);
}

async fn permissions(seen: &mut Transcript, side: &Side<'_>) {
    let alice = side.client.with("token", &token(seen, side, "alice", "alice2").await);
    let root = side.client.with("token", &token(seen, side, "root", "root").await);
    for (who, client) in [("anonymous", &side.client), ("alice", &alice), ("root", &root)] {
        permitted(seen, who, client).await;
    }
}

async fn permitted(seen: &mut Transcript, who: &str, client: &Client) {
    let mut kv = client.kv();
    seen.answer(&format!("{who}: read"), kv.range(get("a/1")).await);
    seen.answer(&format!("{who}: read only"), kv.range(get("r")).await);
    seen.answer(&format!("{who}: read elsewhere"), kv.range(get("z")).await);
    seen.answer(&format!("{who}: read beyond"), kv.range(range("a/", "b")).await);
    seen.answer(&format!("{who}: write"), kv.put(put("a/2", who)).await);
    seen.answer(&format!("{who}: write what may be read"), kv.put(put("r", who)).await);
    seen.answer(&format!("{who}: delete elsewhere"), kv.delete_range(delete("z", "")).await);
    seen.answer(&format!("{who}: txn"), kv.txn(create("a/3", who)).await);
    seen.answer(&format!("{who}: txn elsewhere"), kv.txn(create("z", who)).await);
    let lease = LeaseGrantRequest { id: 900 + i64::try_from(who.len()).expect("short"), ttl: 3000 };
    seen.answer(&format!("{who}: lease"), client.lease().lease_grant(lease).await);
    let leases = client.lease().lease_leases(LeaseLeasesRequest {}).await.map(|mut leases| {
        leases.get_mut().leases.sort_by_key(|lease| lease.id);
        leases
    });
    seen.answer(&format!("{who}: leases"), leases);
    seen.answer(&format!("{who}: users"), client.auth().user_list(AuthUserListRequest {}).await);
    seen.answer(&format!("{who}: roles"), client.auth().role_list(AuthRoleListRequest {}).await);
    let members = client.cluster().member_list(MemberListRequest { linearizable: true }).await;
    seen.note(
        &format!("{who}: members"),
        members.map(|list| list.get_ref().members.len()).map_err(|status| status.to_string()),
    );
    let status = client.maintenance().status(StatusRequest {}).await;
    seen.note(&format!("{who}: status"), status.map(|_| ()).map_err(|status| status.to_string()));
}

async fn streams(seen: &mut Transcript, side: &Side<'_>) {
    let alice = side.client.with("token", &token(seen, side, "alice", "alice2").await);
    let asked = [
        ("anonymous", side.client.clone(), "a/1"),
        ("garbage", side.client.with("token", "garbage"), "a/1"),
        ("permitted", alice.clone(), "a/1"),
        ("elsewhere", alice.clone(), "z"),
    ];
    for (what, client, key) in asked {
        let mut watching = crate::watch::open(&client);
        watching.send(watch(watch_key(key, 0))).await;
        seen.note(&format!("{what}: first"), watching.try_next().await.map_err(|status| status.to_string()));
        let mut alive = keep_alive(&client);
        alive.send(ping(905)).await;
        let answer = alive.try_next().await.map(|answer| answer.map(fresh));
        seen.note(&format!("{what}: alive"), answer.map_err(|status| status.to_string()));
    }
}

async fn what_root_may_not_do(seen: &mut Transcript, side: &Side<'_>) {
    let root = side.client.with("token", &token(seen, side, "root", "root").await);
    let mut auth = root.auth();
    seen.answer("enable again", auth.auth_enable(AuthEnableRequest {}).await);
    seen.answer("delete root", auth.user_delete(AuthUserDeleteRequest { name: "root".to_owned() }).await);
    seen.answer(
        "delete the root role",
        auth.role_delete(AuthRoleDeleteRequest { role: "root".to_owned() }).await,
    );
    let revoke = AuthUserRevokeRoleRequest { name: "root".to_owned(), role: "root".to_owned() };
    seen.answer("revoke root from root", auth.user_revoke_role(revoke).await);
}

async fn disabling(seen: &mut Transcript, side: &Side<'_>) {
    let root = side.client.with("token", &token(seen, side, "root", "root").await);
    seen.answer("anonymous", side.client.auth().auth_disable(AuthDisableRequest {}).await);
    seen.answer("disable", root.auth().auth_disable(AuthDisableRequest {}).await);
    seen.answer("anonymous write", side.client.kv().put(put("z", "1")).await);
    seen.answer("disable again", root.auth().auth_disable(AuthDisableRequest {}).await);
}
