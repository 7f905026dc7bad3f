//! Maintenance passes through to a member, snapshots byte for byte.

use std::process::Command;

use bytes::Bytes;
use e2e::temp::TempDir;
use e2e::{Client, Pair, Proxy, Shape, Side, Transcript};
use proto_gen::etcdserverpb::alarm_request::AlarmAction;
use proto_gen::etcdserverpb::downgrade_request::DowngradeAction;
use proto_gen::etcdserverpb::{
    AlarmRequest, AlarmType, DefragmentRequest, DowngradeRequest, HashKvRequest, HashRequest,
    MoveLeaderRequest, SnapshotRequest, StatusRequest,
};

use crate::cluster::name_members;
use crate::requests::{get, put};

/// What etcd puts behind a snapshot.
const SHA256: usize = 32;

#[tokio::test]
async fn maintenance_answers_are_equal() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(statuses).await;
    pair.compare(hashes).await;
    pair.compare(defragmentations).await;
    pair.compare(snapshots).await;
    pair.compare(downgrades).await;
    pair.compare(alarms).await;
}

#[tokio::test]
async fn moving_the_leader_is_answered_by_the_member_in_question() {
    // So long that no leader is replaced but by a move, which is given as much time.
    let pair = Pair::start(Shape::three().flag("--election-timeout=5000")).await;
    let (direct, proxied) = (pair.direct.leader().await, pair.proxied.leader().await);
    let through = |index: usize| Proxy::start(pair.proxied.member(index).address(), &[]);
    let (to_leader, to_follower) = (through(proxied).await, through((proxied + 1) % 3).await);
    let (mut seen_directly, mut seen_proxied) = (Transcript::default(), Transcript::default());
    let follower = pair.direct.member((direct + 1) % 3);
    move_leader(
        &mut seen_directly,
        &pair.direct.member(direct).client(),
        &follower.client(),
        follower.id().await,
    )
    .await;
    let follower = pair.proxied.member((proxied + 1) % 3);
    move_leader(&mut seen_proxied, &to_leader.client(), &to_follower.client(), follower.id().await).await;
    e2e::transcript::assert_same(&seen_directly, &seen_proxied);
}

async fn move_leader(seen: &mut Transcript, leader: &Client, follower: &Client, to: u64) {
    let ask = |target_id| MoveLeaderRequest { target_id };
    seen.answer("a follower is asked", follower.maintenance().move_leader(ask(to)).await);
    seen.answer("to nobody", leader.maintenance().move_leader(ask(4711)).await);
    seen.answer("to the follower", leader.maintenance().move_leader(ask(to)).await);
}

async fn statuses(seen: &mut Transcript, side: &Side<'_>) {
    name_members(seen, side).await;
    let status = side.client.maintenance().status(StatusRequest {}).await.expect("a status").into_inner();
    assert!(status.db_size > 0 && status.raft_index > 0 && status.raft_term > 0, "{status:?}");
    seen.note("header", status.header);
    seen.note("leader", status.leader);
    seen.note("version", (&status.version, &status.storage_version, &status.errors));
    seen.note("learner", (status.is_learner, status.db_size_quota, &status.downgrade_info));
}

async fn hashes(seen: &mut Transcript, side: &Side<'_>) {
    let mut maintenance = side.client.maintenance();
    for index in 0..5 {
        seen.answer("put", side.client.kv().put(put(&format!("h/{index}"), "x")).await);
    }
    seen.answer("of all revisions", maintenance.hash_kv(HashKvRequest { revision: 0 }).await);
    seen.answer("of the past", maintenance.hash_kv(HashKvRequest { revision: 3 }).await);
    seen.answer("of the future", maintenance.hash_kv(HashKvRequest { revision: 9999 }).await);
    let hash = maintenance.hash(HashRequest {}).await.expect("a hash").into_inner();
    seen.note("of the database", (hash.header, hash.hash != 0));
}

async fn defragmentations(seen: &mut Transcript, side: &Side<'_>) {
    seen.answer("defragment", side.client.maintenance().defragment(DefragmentRequest {}).await);
    seen.answer("still there", side.client.kv().range(get("h/0")).await);
}

async fn snapshots(seen: &mut Transcript, side: &Side<'_>) {
    let snapshot = download(seen, &side.client).await;
    let (database, hash) = snapshot.split_at(snapshot.len() - SHA256);
    assert_eq!(database.len() % 512, 0, "whole pages");
    assert_eq!(sha256(database), hex(hash), "the snapshot arrived as it was sent");
}

/// Reads a snapshot whole; the bytes that remain must count down to nothing.
async fn download(seen: &mut Transcript, client: &Client) -> Bytes {
    let mut stream =
        client.maintenance().snapshot(SnapshotRequest {}).await.expect("a snapshot").into_inner();
    let mut bytes = Vec::new();
    let mut remaining = u64::MAX;
    while let Some(chunk) = stream.message().await.expect("a chunk") {
        assert!(chunk.remaining_bytes <= remaining, "counting down");
        remaining = chunk.remaining_bytes;
        if bytes.is_empty() {
            seen.note("the first chunk", (chunk.header, &chunk.version));
        }
        bytes.extend_from_slice(&chunk.blob);
    }
    assert_eq!(remaining, 0);
    bytes.into()
}

/// By the tool that every machine has, so that the tests need no hash library.
fn sha256(bytes: &[u8]) -> String {
    let dir = TempDir::new("sha256");
    let file = dir.path().join("bytes");
    std::fs::write(&file, bytes).expect("write the bytes");
    let output = Command::new("sha256sum").arg(&file).output().expect("run sha256sum");
    String::from_utf8_lossy(&output.stdout).split_whitespace().next().expect("a hash").to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn downgrades(seen: &mut Transcript, side: &Side<'_>) {
    let mut maintenance = side.client.maintenance();
    let mut ask = async |what: &str, action: DowngradeAction, version: &str| {
        let request = DowngradeRequest { action: action.into(), version: version.to_owned() };
        seen.answer(what, maintenance.downgrade(request).await);
    };
    ask("no version", DowngradeAction::Validate, "").await;
    ask("not a version", DowngradeAction::Validate, "abc").await;
    ask("too old", DowngradeAction::Validate, "3.1.0").await;
    ask("newer", DowngradeAction::Enable, "3.99.0").await;
    ask("nothing to cancel", DowngradeAction::Cancel, "").await;
    let unknown = DowngradeRequest { action: 77, version: "3.6.0".to_owned() };
    seen.answer("an unknown action", side.client.maintenance().downgrade(unknown).await);
}

async fn alarms(seen: &mut Transcript, side: &Side<'_>) {
    name_members(seen, side).await;
    let mut maintenance = side.client.maintenance();
    let member_id = side.cluster.member(0).id().await;
    let alarm = |action: AlarmAction| AlarmRequest {
        action: action.into(),
        member_id,
        alarm: AlarmType::Corrupt.into(),
    };
    seen.answer("none", maintenance.alarm(AlarmRequest::default()).await);
    seen.answer("raised", maintenance.alarm(alarm(AlarmAction::Activate)).await);
    seen.answer("listed", maintenance.alarm(AlarmRequest::default()).await);
    seen.answer("a write", side.client.kv().put(put("alarm", "x")).await);
    seen.answer("a read", side.client.kv().range(get("alarm")).await);
    seen.answer("lowered", maintenance.alarm(alarm(AlarmAction::Deactivate)).await);
    seen.answer("a write again", side.client.kv().put(put("alarm", "x")).await);
}
