//! One promise to a test.

use std::time::Duration;

use bytes::Bytes;
use proto_gen::etcdserverpb::{WatchCreateRequest, WatchResponse, watch_request::RequestUnion};
use tonic::Status;

use super::world::World;
use crate::config::Config;
use crate::key::Caller;

fn world() -> World {
    World::new(Config::default())
}

fn is_create(request: &RequestUnion) -> bool {
    matches!(request, RequestUnion::CreateRequest(_))
}

fn is_progress(request: &RequestUnion) -> bool {
    matches!(request, RequestUnion::ProgressRequest(_))
}

fn caller(token: &str) -> Caller {
    Caller { token: Some(Bytes::copy_from_slice(token.as_bytes())), ..Caller::default() }
}

fn broken() -> Status {
    Status::unavailable("transport is closing")
}

/// (watch_id, created, canceled, revision of the header)
fn controls(got: &[WatchResponse]) -> Vec<(i64, bool, bool, i64)> {
    let control = |r: &&WatchResponse| r.created || r.canceled;
    let shape = |r: &WatchResponse| (r.watch_id, r.created, r.canceled, r.header.unwrap().revision);
    got.iter().filter(control).map(shape).collect()
}

#[test]
fn created_carries_the_whole_upstream_header() {
    let mut world = world();
    world.etcd.write(&["x"]);
    let client = world.client();
    world.watch(client, "a", 0);
    world.run();
    let created = &world.got(client)[0];
    assert!(created.created);
    assert_eq!(created.header, Some(world.etcd.header()));
}

#[test]
fn many_watchers_of_one_key_cost_one_upstream_watcher() {
    let mut world = world();
    let clients: Vec<_> = (0..50).map(|_| world.client()).collect();
    for client in &clients {
        world.watch(*client, "a", 0);
        world.watch(*client, "a", 0);
    }
    world.run();
    assert_eq!(world.etcd.watchers(), 1);
    assert!(world.etcd.count(is_create) <= 3);
    world.etcd.write(&["a"]);
    world.run();
    for client in clients {
        assert_eq!(world.revisions(client, 0), [2]);
        assert_eq!(world.revisions(client, 1), [2]);
    }
    assert_eq!(world.counters.client_watchers.get(), 100);
    assert_eq!(world.counters.upstream_watchers.get(), 1);
}

#[test]
fn a_late_watcher_starts_now_and_not_when_the_group_last_heard() {
    let mut world = world();
    let early = world.client();
    world.watch(early, "a", 0);
    world.run();
    for _ in 0..10 {
        world.etcd.write(&["elsewhere"]);
    }
    let late = world.client();
    world.watch(late, "a", 0);
    world.run();
    assert_eq!(controls(world.got(late)), [(0, true, false, 11)]);
}

#[test]
fn a_late_watcher_sees_no_event_from_before_its_created_header() {
    let mut world = world();
    let early = world.client();
    world.watch(early, "a", 0);
    world.run();
    let late = world.client();
    world.watch(late, "a", 0);
    // etcd has answered at revision 3, but the live watcher's events reach us later.
    world.etcd.write(&["a"]);
    world.etcd.write(&["a"]);
    world.act();
    world.etcd.write(&["a"]);
    world.run();
    assert_eq!(controls(world.got(late)), [(0, true, false, 3)]);
    assert_eq!(world.revisions(late, 0), [4]);
    assert_eq!(world.revisions(early, 0), [2, 3, 4]);
}

#[test]
fn ids_are_given_as_etcd_gives_them() {
    let mut world = world();
    let client = world.client();
    let ask = |world: &mut World, watch_id| {
        world.create(client, WatchCreateRequest { key: "a".into(), watch_id, ..Default::default() });
    };
    ask(&mut world, 0);
    ask(&mut world, 0);
    world.cancel(client, 0);
    ask(&mut world, 0);
    ask(&mut world, 7);
    ask(&mut world, 7);
    ask(&mut world, 4);
    ask(&mut world, 0);
    ask(&mut world, 0);
    world.cancel(client, 99);
    world.run();
    let ids: Vec<_> = controls(world.got(client)).iter().map(|c| (c.0, c.1, c.2)).collect();
    let (created, canceled) = (true, true);
    let expected = [(0, created, false), (1, created, false), (0, false, canceled), (2, created, false)];
    assert_eq!(ids[..4], expected);
    assert_eq!(ids[4..6], [(7, created, false), (-1, created, canceled)]);
    assert_eq!(ids[6..], [(4, created, false), (3, created, false), (5, created, false)]);
    let refusal = world.got(client).iter().find(|r| r.watch_id == -1).unwrap();
    assert_eq!(refusal.cancel_reason, "mvcc: duplicate watch ID provided on the WatchStream");
}

#[test]
fn created_answers_keep_the_order_of_the_requests() {
    let mut world = world();
    let other = world.client();
    world.watch(other, "b", 0);
    world.run();
    let client = world.client();
    for (key, watch_id) in [("a", 31), ("b", 32), ("c", 33), ("b", 34), ("a", 35)] {
        world.create(client, WatchCreateRequest { key: key.into(), watch_id, ..Default::default() });
    }
    world.run();
    let ids: Vec<_> = controls(world.got(client)).iter().map(|c| c.0).collect();
    assert_eq!(ids, [31, 32, 33, 34, 35]);
}

#[test]
fn a_past_start_is_replayed_and_then_served_by_the_live_group() {
    let mut world = world();
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    let client = world.client();
    world.watch(client, "a", 5);
    world.settle();
    assert_eq!(world.revisions(client, 0), (5..=21).collect::<Vec<_>>());
    assert_eq!(world.etcd.watchers(), 1);
    world.etcd.write(&["a"]);
    world.run();
    assert_eq!(world.revisions(client, 0), (5..=22).collect::<Vec<_>>());
    assert_eq!(world.counters.lagging_watchers.get(), 0);
}

#[test]
fn a_reconnect_storm_is_served_from_memory() {
    let mut world = world();
    let first = world.client();
    world.watch(first, "a", 0);
    world.run();
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    world.run();
    world.gone(first);
    let before = world.etcd.count(is_create);
    let clients: Vec<_> = (0..100).map(|_| world.client()).collect();
    for client in &clients {
        world.watch(*client, "a", 8);
    }
    world.run();
    for client in clients {
        assert_eq!(world.revisions(client, 0), (8..=21).collect::<Vec<_>>());
    }
    assert!(world.etcd.count(is_create) <= before + 2);
    assert_eq!(world.etcd.watchers(), 1);
}

#[test]
fn a_storm_on_a_fresh_hub_shares_one_catch_up() {
    let mut world = world();
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    let clients: Vec<_> = (0..100).map(|_| world.client()).collect();
    for client in &clients {
        world.watch(*client, "a", 8);
    }
    world.settle();
    for client in clients {
        assert_eq!(world.revisions(client, 0), (8..=21).collect::<Vec<_>>());
    }
    assert!(world.etcd.count(is_create) <= 4, "{:?}", world.etcd.log);
    assert_eq!(world.etcd.watchers(), 1);
}

#[test]
fn a_future_start_waits_for_its_revision() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 4);
    world.run();
    assert_eq!(controls(world.got(client)), [(0, true, false, 1)]);
    for _ in 0..4 {
        world.etcd.write(&["a"]);
    }
    world.settle();
    assert_eq!(world.revisions(client, 0), [4, 5]);
}

#[test]
fn a_compacted_start_is_created_and_then_cancelled_with_the_compact_revision() {
    let mut world = world();
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    world.etcd.compact(10);
    let client = world.client();
    world.watch(client, "a", 5);
    world.settle();
    let got = world.got(client);
    assert_eq!(controls(got), [(0, true, false, 21), (0, false, true, 0)]);
    assert_eq!(got.last().unwrap().compact_revision, 10);
    // The range is not dead for others.
    let other = world.client();
    world.watch(other, "a", 0);
    world.watch(other, "a", 15);
    world.run();
    world.etcd.write(&["a"]);
    world.settle();
    assert_eq!(world.revisions(other, 0), [22]);
    assert_eq!(world.revisions(other, 1), (15..=22).collect::<Vec<_>>());
}

#[test]
fn an_ended_watcher_keeps_its_id_until_it_is_cancelled() {
    let mut world = world();
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    world.etcd.compact(10);
    let client = world.client();
    world.create(
        client,
        WatchCreateRequest { key: "a".into(), watch_id: 9, start_revision: 3, ..Default::default() },
    );
    world.settle();
    world.create(client, WatchCreateRequest { key: "a".into(), watch_id: 9, ..Default::default() });
    world.cancel(client, 9);
    world.run();
    let shapes: Vec<_> = controls(world.got(client)).iter().map(|c| (c.0, c.1, c.2)).collect();
    assert_eq!(shapes, [(9, true, false), (9, false, true), (-1, true, true), (9, false, true)]);
}

#[test]
fn etcd_refuses_the_empty_range_and_the_negative_start_in_its_own_words() {
    let mut world = world();
    let client = world.client();
    let empty = WatchCreateRequest { key: "b".into(), range_end: "a".into(), ..Default::default() };
    world.create(client, empty);
    world.watch(client, "a", -3);
    world.watch(client, "a", 0);
    world.run();
    let reasons: Vec<_> = world.got(client).iter().map(|r| r.cancel_reason.as_str()).collect();
    assert_eq!(reasons, ["mvcc: watcher range is empty", crate::refusal::COMPACTED, ""]);
    assert!(world.got(client).iter().all(|r| r.header == Some(world.etcd.header())));
}

#[test]
fn filters_are_each_watchers_own() {
    let mut world = world();
    let client = world.client();
    for filters in [vec![], vec![0], vec![1], vec![0, 1]] {
        world.create(client, WatchCreateRequest { key: "a".into(), filters, ..Default::default() });
    }
    world.run();
    world.etcd.write(&["a"]);
    world.etcd.write(&["-a"]);
    world.etcd.write(&["a"]);
    world.run();
    let seen: Vec<_> = (0..4).map(|id| world.revisions(client, id)).collect();
    assert_eq!(seen, [vec![2, 3, 4], vec![3], vec![2, 4], vec![]]);
    assert_eq!(world.etcd.watchers(), 1);
}

#[test]
fn ranges_and_from_key_are_watched_as_such() {
    let mut world = world();
    let client = world.client();
    for (key, range_end) in [("", "\0"), ("b", "\0"), ("a", "b"), ("", "")] {
        let (key, range_end) = (key.into(), range_end.into());
        world.create(client, WatchCreateRequest { key, range_end, ..Default::default() });
    }
    world.run();
    for key in ["a", "b", "\0"] {
        world.etcd.write(&[key]);
    }
    world.run();
    let seen: Vec<_> = (0..4).map(|id| world.revisions(client, id)).collect();
    assert_eq!(seen, [vec![2, 3, 4], vec![3], vec![2], vec![4]]);
}

#[test]
fn a_revision_is_never_split_unless_the_watcher_asked_for_fragments() {
    let mut world = world();
    let client = world.client();
    for fragment in [false, true] {
        world.create(client, WatchCreateRequest { key: "a".into(), fragment, ..Default::default() });
    }
    world.run();
    world.etcd.write(&["a"; 20]);
    world.run();
    let of = |id| world.got(client).iter().filter(move |r| r.watch_id == id && !r.events.is_empty());
    assert_eq!(of(0).count(), 1);
    assert_eq!(of(0).next().unwrap().events.len(), 20);
    let flags: Vec<_> = of(1).map(|r| r.fragment).collect();
    assert!(flags.len() > 1);
    assert_eq!(flags.iter().filter(|more| !**more).count(), 1);
    assert_eq!(flags.last(), Some(&false));
    assert_eq!(world.revisions(client, 1).len(), 20);
}

#[test]
fn cancel_is_acknowledged_and_nothing_follows_it() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 0);
    world.run();
    world.etcd.write(&["a"]);
    world.run();
    world.cancel(client, 0);
    world.etcd.write(&["a"]);
    world.run();
    let last = world.got(client).last().unwrap();
    assert!(last.canceled && last.cancel_reason.is_empty());
    assert_eq!(world.revisions(client, 0), [2]);
}

#[test]
fn a_group_without_watchers_lingers_and_then_lets_etcd_go() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 0);
    world.run();
    world.cancel(client, 0);
    world.run();
    assert_eq!(world.etcd.watchers(), 1);
    world.pass(Duration::from_secs(11));
    assert_eq!(world.etcd.watchers(), 0);
    world.gone(client);
    world.run();
    assert!(world.etcd.streams.is_empty());
}

#[test]
fn progress_is_announced_once_everything_up_to_it_was_sent() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 0);
    world.watch(client, "b", 0);
    world.run();
    world.etcd.write(&["a"]);
    world.etcd.write(&["c"]);
    world.progress(client);
    world.run();
    let last = world.got(client).last().unwrap();
    assert_eq!((last.watch_id, last.header.unwrap().revision, last.events.len()), (-1, 3, 0));
    assert_eq!(world.revisions(client, 0), [2]);
}

#[test]
fn progress_of_a_stream_without_watchers_is_not_answered() {
    let mut world = world();
    let client = world.client();
    world.progress(client);
    world.settle();
    assert!(world.got(client).is_empty());
}

#[test]
fn progress_waits_for_a_watcher_that_is_catching_up() {
    let mut world = world();
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    let client = world.client();
    world.watch(client, "b", 0);
    world.watch(client, "a", 3);
    world.progress(client);
    world.run();
    assert!(world.got(client).iter().all(|r| r.watch_id != -1));
    world.settle();
    let (index, progress) = world.got(client).iter().enumerate().find(|(_, r)| r.watch_id == -1).unwrap();
    let last_event = world.got(client).iter().rposition(|r| !r.events.is_empty()).unwrap();
    assert!(index > last_event);
    assert_eq!(progress.header.unwrap().revision, 21);
}

#[test]
fn ten_clients_that_ask_at_once_cost_one_progress_request() {
    let mut world = world();
    let clients: Vec<_> = (0..10).map(|_| world.client()).collect();
    clients.iter().for_each(|client| world.watch(*client, "a", 0));
    world.run();
    for _ in 0..10 {
        clients.iter().for_each(|client| world.progress(*client));
        world.run();
        world.pass(Duration::from_millis(100));
    }
    for client in clients {
        assert_eq!(world.got(client).iter().filter(|r| r.watch_id == -1).count(), 10);
    }
    assert!(world.etcd.count(is_progress) <= 12, "{}", world.etcd.count(is_progress));
}

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

#[test]
fn a_slow_reader_falls_out_of_the_window_and_misses_nothing() {
    let mut world = World::new(Config { history_bytes: 4000, ..Config::default() });
    let (fast, slow) = (world.client(), world.client());
    world.watch(fast, "a", 0);
    world.watch(slow, "a", 0);
    world.run();
    world.clients.get_mut(&slow).unwrap().stalled = true;
    for _ in 0..200 {
        world.etcd.write(&["a"]);
        world.run();
        assert!(world.counters.history_bytes.get() <= 4000);
    }
    world.clients.get_mut(&slow).unwrap().stalled = false;
    for _ in 0..40 {
        world.settle();
    }
    assert_eq!(world.counters.falls.get(), 1);
    let all: Vec<_> = (2..=201).collect();
    assert_eq!(world.revisions(fast, 0), all);
    assert_eq!(world.revisions(slow, 0), all);
    assert_eq!(world.etcd.watchers(), 1);
    assert_eq!(world.counters.lagging_watchers.get(), 0);
}

#[test]
fn a_catch_up_stream_is_read_only_as_its_reader_reads() {
    let mut world = world();
    for _ in 0..30 {
        world.etcd.write(&["a"]);
    }
    let client = world.client();
    world.watch(client, "a", 2);
    world.run();
    world.clients.get_mut(&client).unwrap().stalled = true;
    for _ in 0..10 {
        world.etcd.sync(3);
        world.run();
    }
    let unread: usize = world.etcd.streams.values().map(|stream| stream.out.len()).sum();
    assert!(unread >= 8, "{unread}");
    world.clients.get_mut(&client).unwrap().stalled = false;
    world.settle();
    assert_eq!(world.revisions(client, 0), (2..=31).collect::<Vec<_>>());
}

#[test]
fn catch_ups_beyond_the_bound_give_way_where_nobody_reads() {
    let mut world = World::new(Config { max_catch_ups: 2, history_bytes: 2000, ..Config::default() });
    for _ in 0..60 {
        world.etcd.write(&["a"]);
    }
    let clients: Vec<_> = (0..6).map(|_| world.client()).collect();
    for (index, client) in clients.iter().enumerate() {
        world.watch(*client, "a", 2 + 5 * index as i64);
        world.run();
        world.clients.get_mut(client).unwrap().stalled = true;
        world.etcd.sync(3);
        world.pass(Duration::from_secs(2));
    }
    assert!(world.etcd.streams.len() <= 3);
    clients.iter().for_each(|client| world.clients.get_mut(client).unwrap().stalled = false);
    for _ in 0..20 {
        world.settle();
    }
    for (index, client) in clients.iter().enumerate() {
        assert_eq!(world.revisions(*client, 0), (2 + 5 * index as i64..=61).collect::<Vec<_>>());
    }
}

#[test]
fn progress_notifications_reach_only_those_who_asked() {
    let mut world = world();
    let client = world.client();
    for progress_notify in [true, false] {
        world.create(client, WatchCreateRequest { key: "a".into(), progress_notify, ..Default::default() });
    }
    world.run();
    world.etcd.write(&["b"]);
    let header = world.etcd.header();
    for stream in world.etcd.streams.values_mut() {
        let watch_id = *stream.watchers.keys().next().unwrap();
        stream.out.push_back(WatchResponse { header: Some(header), watch_id, ..Default::default() });
    }
    world.run();
    let notified: Vec<_> = world
        .got(client)
        .iter()
        .filter(|r| !r.created)
        .map(|r| (r.watch_id, r.header.unwrap().revision))
        .collect();
    assert_eq!(notified, [(0, 2)]);
}

#[test]
fn groups_with_and_without_previous_values_are_apart() {
    let mut world = world();
    let client = world.client();
    for prev_kv in [true, false] {
        world.create(client, WatchCreateRequest { key: "a".into(), prev_kv, ..Default::default() });
    }
    world.run();
    assert_eq!(world.etcd.watchers(), 2);
}

#[test]
fn a_session_that_leaves_before_its_answer_leaves_nothing() {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 0);
    world.watch(client, "a", 5);
    world.watch(client, "b", -1);
    world.gone(client);
    world.run();
    world.pass(Duration::from_secs(11));
    world.pass(Duration::from_secs(11));
    assert!(world.etcd.streams.is_empty());
    assert_eq!(world.counters.client_watchers.get(), 0);
    assert_eq!(world.counters.upstream_watchers.get(), 0);
    assert_eq!(world.groups.tickets.len(), 0);
    assert_eq!(world.groups.groups.len(), 0);
    assert_eq!(world.groups.classes.len(), 0);
}
