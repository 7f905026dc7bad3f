//! Pings that etcd leaves unanswered, and more pings than one stream can take.

use std::time::Duration;

use super::super::world::World;
use crate::caller::Caller;
use crate::config::Config;

/// A little more than the hub is patient with a silent stream.
const STALL: Duration = Duration::from_millis(600);

#[test]
fn a_ping_that_blocks_does_not_hold_up_the_others() {
    let mut world = World::with([1, 2, 3]);
    world.etcd.blocked.insert(1);
    let clients = [(); 2].map(|()| world.enter(Caller::default()));
    world.ask(clients[0], &[1]);
    world.ask(clients[1], &[2, 3]);
    world.run();
    assert_eq!(world.take(clients[1]), []);
    let stream = world.stream();
    world.pass_slowly(STALL);
    world.run();
    assert_eq!(world.take(clients[1]), [(2, 10), (3, 10)]);
    assert_ne!(
        world.stream(),
        stream,
        "the blocked stream is closed, so what it was asked is not answered late"
    );
    assert_eq!(world.counters.rotations.get(), 1);
    world.etcd.blocked.clear();
    world.run();
    assert_eq!(world.take(clients[0]), [(1, 10)]);
}

#[test]
fn leases_that_are_alive_are_asked_for_before_those_of_which_nothing_is_known() {
    let mut world = World::with(1..=20);
    let healthy = world.enter(Caller::default());
    world.ask(healthy, &[20]);
    world.run();
    world.take(healthy);
    let expired = world.enter(Caller::default());
    world.etcd.blocked.extend(1..20);
    world.ask(expired, &(1..20).collect::<Vec<_>>());
    for _ in 0..10 {
        world.pass_slowly(Config::default().window);
        world.ask(healthy, &[20]);
        world.pass_slowly(STALL);
        world.run();
        assert_eq!(world.take(healthy), [(20, 10)]);
    }
    assert_eq!(world.take(expired), []);
    world.etcd.blocked.clear();
    world.pass_slowly(STALL);
    world.run();
    assert_eq!(world.take(expired).len(), 19);
}

#[test]
fn a_ping_that_nobody_waits_behind_is_left_to_etcd() {
    let mut world = World::with([1]);
    world.etcd.blocked.insert(1);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.pass_slowly(Duration::from_secs(60));
    assert_eq!(world.asked(), [1]);
    assert!(world.take(client).is_empty() && world.clients[client].end.is_none());
}

#[test]
fn who_comes_while_a_ping_is_blocked_does_not_wait_for_it() {
    let mut world = World::with([1, 2]);
    world.etcd.blocked.insert(1);
    let clients = [(); 2].map(|()| world.enter(Caller::default()));
    world.ask(clients[0], &[1]);
    world.pass_slowly(STALL);
    world.ask(clients[1], &[2]);
    world.run();
    assert_eq!(world.take(clients[1]), [(2, 10)]);
    world.etcd.blocked.clear();
    world.run();
    assert_eq!(world.take(clients[0]), [(1, 10)]);
    assert_eq!(world.asked(), [1, 2]);
}

#[test]
fn a_cluster_that_answers_nothing_is_turned_away_from_less_and_less() {
    let mut world = World::with(1..=3);
    world.etcd.blocked.extend(1..=3);
    let client = world.enter(Caller::default());
    world.ask(client, &[1, 2, 3]);
    world.pass_slowly(Duration::from_secs(30));
    let rotations = world.counters.rotations.get();
    assert!((3..=8).contains(&rotations), "{rotations}");
}

#[test]
fn no_more_than_the_depth_waits_on_one_stream() {
    let mut world = World::with(0..1000);
    let client = world.enter(Caller::default());
    world.ask(client, &(0..1000).collect::<Vec<_>>());
    assert_eq!(world.asked().len(), Config::default().depth);
    world.run();
    assert_eq!(world.take(client).len(), 1000);
    assert_eq!(world.etcd.streams.len(), 1);
}

#[test]
fn pings_that_wait_long_to_be_sent_get_more_streams_up_to_a_limit_and_not_for_ever() {
    let mut world = World::with(0..5000);
    let client = world.enter(Caller::default());
    world.ask(client, &(0..5000).collect::<Vec<_>>());
    // Answers trickle.
    for _ in 0..100 {
        for stream in world.streams() {
            world.process(stream);
            world.deliver(stream);
        }
        world.pass(Duration::from_millis(10));
    }
    assert_eq!(world.etcd.streams.len(), Config::default().max_streams);
    world.run();
    assert_eq!(world.take(client).len(), 5000);
    world.pass_slowly(Duration::from_secs(11));
    assert_eq!(world.etcd.streams.len(), 1);
    assert_eq!(world.counters.rotations.get(), 0);
}
