//! Readers that fall behind, and the bounds on what they cost.

use super::*;

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
fn a_catch_up_does_not_push_out_what_the_live_group_keeps() {
    let mut world = World::new(Config { history_bytes: 20_000, catch_up_bytes: 2_000, ..Config::default() });
    for _ in 0..300 {
        world.etcd.write(&["a"]);
    }
    let live = world.client();
    world.watch(live, "a", 0);
    world.run();
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    let past = world.client();
    world.watch(past, "a", 2);
    for _ in 0..10 {
        world.settle();
    }
    assert_eq!(world.revisions(past, 0).len(), 320);
    let creates = world.etcd.count(is_create);
    let again = world.client();
    world.watch(again, "a", 305);
    world.run();
    assert_eq!(world.revisions(again, 0), (305..=321).collect::<Vec<_>>());
    assert_eq!(world.etcd.count(is_create), creates + 1);
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
    let unread: usize = world.etcd.streams.values().map(|stream| stream.unsent()).sum();
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
