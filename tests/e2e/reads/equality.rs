//! Every reader of a crowd gets what etcd would have told him alone.

use e2e::{Client, Pair, Shape, Side, Transcript, soon};
use proto_gen::authpb::{Permission, permission};
use proto_gen::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto_gen::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthRoleGrantPermissionRequest, AuthUserAddRequest,
    AuthUserGrantRoleRequest, AuthenticateRequest, CompactionRequest, PutRequest, RangeRequest,
};
use tokio::task::JoinHandle;
use tonic::{Response, Status};

use super::sharing::transactions;
use crate::requests::{get, put, range};

/// How often a crowd asks: what comes first goes alone, so that each read is alone and in company by turns.
const TURNS: usize = 20;

type Reader = JoinHandle<Result<Response<proto_gen::etcdserverpb::RangeResponse>, Status>>;

#[tokio::test]
async fn every_read_of_a_crowd_is_answered_as_alone() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(crowd).await;
    assert!(transactions(&pair.proxied).await > 0.0, "nothing was shared, so nothing was shown");
    assert!(transactions(&pair.direct).await == 0.0);
}

#[tokio::test]
async fn a_crowd_in_a_namespace_is_answered_as_alone() {
    let pair = Pair::start_with(Shape::single(), &["--namespace=tenant/"]).await;
    pair.compare(crowd).await;
    assert!(transactions(&pair.proxied).await > 0.0, "nothing was shared, so nothing was shown");
}

#[tokio::test]
async fn permissions_are_each_readers_own() {
    let pair = Pair::start(Shape::single().flag("--bcrypt-cost=4")).await;
    pair.compare(users).await;
    assert!(transactions(&pair.proxied).await > 0.0, "nothing was shared, so nothing was shown");
}

/// Turn after turn with all at once, each turn rotated.
async fn ask_all(seen: &mut Transcript, asked: &[(String, Client, RangeRequest)]) {
    for turn in 0..TURNS {
        let start = |(_, client, request): &(String, Client, RangeRequest)| -> Reader {
            let (mut kv, request) = (client.kv(), request.clone());
            tokio::spawn(async move { kv.range(request).await })
        };
        let mut order: Vec<usize> = (0..asked.len()).collect();
        order.rotate_left(turn * 7 % asked.len());
        let mut readers: Vec<(usize, Reader)> =
            order.into_iter().map(|index| (index, start(&asked[index]))).collect();
        readers.sort_by_key(|(index, _)| *index);
        for (index, reader) in readers {
            let answer = soon("a read of the crowd", reader).await.expect("no panic");
            seen.answer(&format!("turn {turn}: {}", asked[index].0), answer);
        }
    }
}

async fn crowd(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    for index in 0..20 {
        seen.answer("put", kv.put(put(&format!("r/{index:02}"), &format!("{}", 100 - index))).await);
    }
    seen.answer("put again", kv.put(put("r/03", "another")).await);
    seen.answer("an empty value", kv.put(put("r/empty", "")).await);
    let large = PutRequest { value: vec![b'x'; 200 << 10].into(), ..put("r/large", "") };
    seen.answer("a large value", kv.put(large).await);
    seen.answer("compact", kv.compact(CompactionRequest { revision: 10, physical: true }).await);
    let asked: Vec<_> =
        requests().into_iter().map(|(what, request)| (what, side.client.clone(), request)).collect();
    ask_all(seen, &asked).await;
}

fn requests() -> Vec<(String, RangeRequest)> {
    let key = || get("r/03");
    let few = || RangeRequest { limit: 3, ..range("r/", "r0") };
    let mut asked: Vec<(String, RangeRequest)> =
        (0..20).map(|index| (format!("key {index}"), get(&format!("r/{index:02}")))).collect();
    let named = [
        ("a missing key", get("r/none")),
        ("an empty value", get("r/empty")),
        ("a large value", get("r/large")),
        ("keys only", RangeRequest { keys_only: true, ..key() }),
        ("count only", RangeRequest { count_only: true, ..key() }),
        ("count of a missing key", RangeRequest { count_only: true, ..get("r/none") }),
        ("a limit of one key", RangeRequest { limit: 1, ..key() }),
        ("a negative limit of one key", RangeRequest { limit: -1, ..key() }),
        ("min mod", RangeRequest { min_mod_revision: 22, ..key() }),
        ("max mod", RangeRequest { max_mod_revision: 21, ..key() }),
        ("min create", RangeRequest { min_create_revision: 20, ..key() }),
        ("max create", RangeRequest { max_create_revision: 20, ..key() }),
        ("few of many", few()),
        ("few of a few", RangeRequest { limit: 64, ..range("r/03", "r/07") }),
        ("few keys only", RangeRequest { keys_only: true, ..few() }),
        ("few counted", RangeRequest { count_only: true, ..few() }),
        ("few from a key on", RangeRequest { limit: 2, ..range("r/1", "\0") }),
        ("few of everything", RangeRequest { limit: 2, ..range("\0", "\0") }),
        ("few of nothing", RangeRequest { limit: 2, ..range("r/9", "r/1") }),
        ("few of those behind all", RangeRequest { limit: 2, ..range("z", "zz") }),
        ("few, sorted by value", RangeRequest { sort_target: SortTarget::Value.into(), ..few() }),
        ("few, the last", RangeRequest { sort_order: SortOrder::Descend.into(), ..few() }),
        ("few, filtered", RangeRequest { min_mod_revision: 15, ..few() }),
        ("all", range("r/", "r0")),
        ("an old revision", RangeRequest { revision: 12, ..key() }),
        ("a compacted revision", RangeRequest { revision: 5, ..key() }),
        ("a future revision", RangeRequest { revision: 9999, ..key() }),
        ("a negative revision", RangeRequest { revision: -3, ..key() }),
        ("an empty key", get("")),
        ("an empty key with an end", range("", "r/03")),
        ("serializable", RangeRequest { serializable: true, ..key() }),
        ("an unknown sort order", RangeRequest { sort_order: 7, ..key() }),
    ];
    asked.extend(named.map(|(what, request)| (what.to_owned(), request)));
    for order in [SortOrder::None, SortOrder::Ascend, SortOrder::Descend] {
        for target in [SortTarget::Key, SortTarget::Version, SortTarget::Mod, SortTarget::Value] {
            let sorted = RangeRequest { sort_order: order.into(), sort_target: target.into(), ..key() };
            asked.push((format!("{order:?} {target:?}"), sorted));
        }
    }
    // etcd before 3.6 crashes on a sort that it does not know.
    if e2e::environment::etcd_version() < (3, 6) {
        asked.retain(|(what, _)| what != "an unknown sort order");
    }
    asked
}

async fn users(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    for key in ["alice/1", "alice/2", "bob/1", "bob/2", "secret"] {
        seen.answer("put", kv.put(put(key, key)).await);
    }
    enable_auth(&side.client, &[("alice", "alice/", "alice0"), ("bob", "bob/", "bob0")]).await;
    let mut asked = Vec::new();
    for (name, header) in [("alice", "token"), ("bob", "token"), ("bob", "authorization"), ("root", "token")]
    {
        let client = side.client.with(header, &token(&side.client, name).await);
        for key in ["alice/1", "alice/2", "bob/1", "bob/2", "secret", "missing"] {
            asked.push((format!("{name} by {header}: {key}"), client.clone(), get(key)));
        }
        let few = RangeRequest { limit: 5, ..range("alice/", "alice0") };
        asked.push((format!("{name} by {header}: few of alice's"), client.clone(), few));
        let beyond = RangeRequest { limit: 5, ..range("alice/", "bob0") };
        asked.push((format!("{name} by {header}: few of all"), client.clone(), beyond));
    }
    for key in ["alice/1", "bob/1", "secret"] {
        asked.push((format!("nobody: {key}"), side.client.clone(), get(key)));
        asked.push((format!("a stranger: {key}"), side.client.with("token", "invented"), get(key)));
    }
    ask_all(seen, &asked).await;
}

/// root, and users who may read a range each; everybody's password is his name.
async fn enable_auth(client: &Client, users: &[(&str, &str, &str)]) {
    let mut auth = client.auth();
    for name in users.iter().map(|(name, ..)| *name).chain(["root"]) {
        let user = AuthUserAddRequest { name: name.into(), password: name.into(), ..Default::default() };
        auth.user_add(user).await.expect("a user");
        auth.role_add(AuthRoleAddRequest { name: name.into() }).await.expect("a role");
        let grant = AuthUserGrantRoleRequest { user: name.into(), role: name.into() };
        auth.user_grant_role(grant).await.expect("a role for the user");
    }
    for (name, key, range_end) in users {
        let perm = Permission {
            perm_type: permission::Type::Read.into(),
            key: (*key).to_owned().into(),
            range_end: (*range_end).to_owned().into(),
        };
        let grant = AuthRoleGrantPermissionRequest { name: (*name).to_owned(), perm: Some(perm) };
        auth.role_grant_permission(grant).await.expect("a permission");
    }
    auth.auth_enable(AuthEnableRequest {}).await.expect("authentication");
}

async fn token(client: &Client, name: &str) -> String {
    let request = AuthenticateRequest { name: name.into(), password: name.into() };
    client.auth().authenticate(request).await.expect("a token").into_inner().token
}
