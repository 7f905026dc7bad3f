//! How a watcher joins, what it is then served, and how it leaves.

use super::*;

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

#[test]
fn what_etcd_did_not_send_again_is_counted() {
    let mut world = world();
    let clients = [world.client(), world.client(), world.client()];
    for client in clients {
        world.watch(client, "a", 0);
        world.run();
    }
    world.etcd.write(&["a"]);
    world.run();
    assert!(clients.iter().all(|client| world.revisions(*client, 0) == [2]));
    assert_eq!(world.counters.responses_saved.get(), 2);
}
