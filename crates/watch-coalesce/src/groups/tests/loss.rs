//! Upstream streams that are lost, refused or out of date.

use super::*;

#[test]
fn a_lost_stream_is_resumed_without_gap_or_repeat() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 0);
    world.run();
    world.etcd.write(&["a"]);
    world.run();
    world.etcd.write(&["a"]);
    world.break_streams(&broken());
    world.etcd.write(&["a"]);
    world.settle();
    world.etcd.write(&["a"]);
    world.settle();
    assert_eq!(world.revisions(client, 0), [2, 3, 4, 5]);
    assert_eq!(controls(world.got(client)).len(), 1);
}

#[test]
fn a_join_that_was_asked_on_a_lost_stream_is_asked_again() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 0);
    world.act();
    world.down = true;
    world.break_streams(&broken());
    world.pass(Duration::from_secs(5));
    assert!(world.got(client).is_empty());
    world.down = false;
    world.pass(Duration::from_secs(5));
    assert_eq!(controls(world.got(client)), [(0, true, false, 1)]);
}

#[test]
fn a_watch_compacted_while_away_is_cancelled_with_etcds_reason_and_never_joined() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 0);
    world.run();
    world.etcd.write(&["a"]);
    world.run();
    world.down = true;
    world.break_streams(&broken());
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    world.etcd.compact(15);
    world.down = false;
    world.settle();
    let last = world.got(client).last().unwrap().clone();
    assert!(last.canceled);
    assert_eq!(last.compact_revision, 15);
    let late = world.client();
    world.watch(late, "a", 0);
    world.watch(late, "a", 18);
    world.settle();
    world.etcd.write(&["a"]);
    world.settle();
    assert_eq!(world.revisions(late, 0), [23]);
    assert_eq!(world.revisions(late, 1), (18..=23).collect::<Vec<_>>());
}

#[test]
fn a_quiet_group_resumes_from_the_proven_revision_and_outlives_a_compaction() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "quiet", 0);
    world.run();
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    world.progress(client);
    world.run();
    world.etcd.compact(20);
    world.break_streams(&broken());
    world.settle();
    world.etcd.write(&["quiet"]);
    world.settle();
    assert_eq!(world.revisions(client, 0), [22]);
}

#[test]
fn a_refusal_is_passed_on_and_leaves_no_group_behind() {
    let mut world = world();
    world.etcd.bad_tokens.push("bad".into());
    let client = world.client_of(caller("bad"));
    world.watch(client, "a", 0);
    world.run();
    let refusal = world.got(client)[0].clone();
    assert!(refusal.created && refusal.canceled && refusal.watch_id == -1);
    assert_eq!(
        refusal.cancel_reason,
        "rpc error: code = PermissionDenied desc = etcdserver: permission denied"
    );
    assert_eq!(world.etcd.watchers(), 0);
    world.etcd.bad_tokens.clear();
    world.watch(client, "a", 0);
    world.run();
    world.etcd.write(&["a"]);
    world.run();
    assert_eq!(world.revisions(client, 0), [2]);
}

#[test]
fn every_joiner_is_allowed_by_etcd_with_its_own_credential() {
    let mut world = world();
    let first = world.client_of(caller("t"));
    world.watch(first, "a", 0);
    world.run();
    world.etcd.bad_tokens.push("t".into());
    let revoked = world.client_of(caller("t"));
    world.watch(revoked, "a", 0);
    let other = world.client_of(caller("u"));
    world.watch(other, "a", 0);
    world.run();
    assert!(world.got(revoked)[0].canceled);
    world.etcd.write(&["a"]);
    world.run();
    assert_eq!(world.revisions(first, 0), [2]);
    assert_eq!(world.revisions(other, 0), [2]);
    assert!(world.revisions(revoked, 0).is_empty());
}

#[test]
fn a_token_that_dies_while_a_stream_is_reopened_harms_nobody_else() {
    let mut world = world();
    let (one, two) = (world.client_of(caller("one")), world.client_of(caller("two")));
    world.watch(one, "a", 0);
    world.watch(two, "a", 0);
    world.run();
    world.etcd.bad_tokens.push("one".into());
    world.break_streams(&broken());
    world.etcd.write(&["a"]);
    world.settle();
    assert!(world.got(one).last().unwrap().canceled);
    assert!(world.got(one).last().unwrap().cancel_reason.contains("permission denied"));
    assert_eq!(world.revisions(two, 0), [2]);
}

#[test]
fn no_leader_ends_the_streams_that_asked_for_one_and_no_others() {
    let mut world = world();
    let strict = world.client_of(Caller { has_leader: true, ..Caller::default() });
    let easy = world.client();
    world.watch(strict, "a", 0);
    world.watch(easy, "a", 0);
    world.run();
    world.break_streams(&Status::unavailable("etcdserver: no leader"));
    let failure = |client: u32| world.groups.failure(world.clients[&client].session.class()).cloned();
    assert_eq!(failure(strict).unwrap().message(), "etcdserver: no leader");
    assert!(failure(easy).is_none());
    world.gone(strict);
    world.settle();
    world.etcd.write(&["a"]);
    world.settle();
    assert_eq!(world.revisions(easy, 0), [2]);
    let again = world.client_of(Caller { has_leader: true, ..Caller::default() });
    world.watch(again, "a", 0);
    world.settle();
    assert_eq!(controls(world.got(again)).len(), 1);
}
