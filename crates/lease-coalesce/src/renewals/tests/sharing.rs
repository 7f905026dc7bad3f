//! Who shares a ping and an answer with whom.

use std::time::Duration;

use super::super::world::{World, named};
use crate::caller::Caller;
use crate::config::Config;
use crate::renewals::Seat;

const TENTH: Duration = Duration::from_millis(100);

#[test]
fn one_ping_is_one_answer_in_the_order_of_the_stream() {
    let mut world = World::with([1, 2]);
    let client = world.enter(Caller::default());
    world.ask(client, &[2, 3, 0, 1]);
    assert_eq!(world.take(client), []);
    world.run();
    assert_eq!(world.take(client), [(2, 10), (3, 0), (0, 0), (1, 10)]);
    world.pass(Duration::from_secs(1));
    world.ask(client, &[4, 1, 5, 2]);
    world.run();
    assert_eq!(world.take(client), [(4, 0), (1, 10), (5, 0), (2, 10)]);
}

#[test]
fn an_answer_waits_for_those_that_were_asked_before_it() {
    let mut world = World::with([1, 2]);
    let (first, second) = (world.enter(Caller::default()), world.enter(Caller::default()));
    world.ask(first, &[1]);
    world.ask(second, &[2, 1]);
    let stream = world.stream();
    world.process(stream);
    world.deliver(stream);
    assert_eq!((world.take(first), world.take(second)), (vec![(1, 10)], vec![]));
    world.run();
    assert_eq!(world.take(second), [(2, 10), (1, 10)]);
}

#[test]
fn many_pings_of_one_lease_are_one_upstream_and_all_streams_share_one() {
    let mut world = World::with(0..100);
    let clients: Vec<_> = (0..100).map(|_| world.enter(Caller::default())).collect();
    for client in &clients {
        world.ask(*client, &[7, 7, *client as i64]);
    }
    assert_eq!(world.etcd.streams.len(), 1);
    assert_eq!(world.asked().iter().filter(|lease| **lease == 7).count(), 1);
    world.run();
    for client in clients {
        assert_eq!(world.take(client), [(7, 10), (7, 10), (client as i64, 10)]);
    }
}

#[test]
fn a_hammering_client_is_answered_from_memory_with_the_age_taken_off() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.run();
    world.pass(TENTH - Duration::from_millis(1));
    world.ask(client, &[1, 1]);
    assert_eq!(world.take(client), [(1, 10), (1, 9), (1, 9)]);
    world.pass(Duration::from_millis(1));
    world.ask(client, &[1]);
    assert_eq!(world.take(client), [], "the window is over");
    assert_eq!(world.asked(), [1, 1]);
    assert_eq!(world.counters.pings_remembered.get(), 2);
}

#[test]
fn the_age_counts_from_when_etcd_was_asked() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.pass(TENTH);
    world.run();
    world.asked();
    world.ask(client, &[1]);
    assert_eq!(world.asked(), [1]);
}

#[test]
fn an_answer_that_was_held_up_counts_from_when_etcd_was_asked() {
    let mut world = World::with([1, 2, 3]);
    let (client, other) = (world.enter(Caller::default()), world.enter(Caller::default()));
    world.ask(other, &[2]);
    world.run();
    world.etcd.blocked.insert(1);
    world.ask(client, &[1, 2, 3]);
    world.pass(TENTH / 2);
    world.etcd.blocked.clear();
    world.run();
    assert_eq!(world.take(client), [(1, 10), (2, 9), (3, 10)]);
}

#[test]
fn an_answer_that_was_held_up_too_long_is_asked_for_again() {
    let mut world = World::with(1..=4);
    let client = world.enter(Caller::default());
    world.etcd.blocked.insert(1);
    world.ask(client, &[1, 2, 3, 4]);
    world.pass_slowly(Duration::from_millis(600));
    world.run();
    assert_eq!(world.take(client), []);
    world.pass(Duration::from_secs(1));
    world.asked();
    world.etcd.blocked.clear();
    world.run();
    assert_eq!(world.asked(), [2, 3, 4]);
    assert_eq!(world.take(client), [(1, 10), (2, 10), (3, 10), (4, 10)]);
}

#[test]
fn a_promise_is_never_rounded_to_nothing() {
    let mut world = World::new(Config::default());
    world.etcd.leases.insert(1, (1, world.now + Duration::from_secs(1)));
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.run();
    world.asked();
    world.pass(Duration::from_millis(1));
    world.ask(client, &[1]);
    assert_eq!(world.asked(), [1]);
}

#[test]
fn that_a_lease_is_gone_is_not_remembered() {
    let mut world = World::with([]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.run();
    world.ask(client, &[1]);
    world.run();
    assert_eq!(world.asked(), [1, 1]);
    assert_eq!(world.take(client), [(1, 0), (1, 0)]);
}

#[test]
fn callers_share_neither_pings_nor_answers_nor_streams() {
    let mut world = World::with([1]);
    let leader = Caller { has_leader: true, ..Caller::default() };
    let clients = [named("a"), named("b"), Caller::default(), leader].map(|caller| world.enter(caller));
    for client in clients {
        world.ask(client, &[1]);
    }
    assert_eq!((world.etcd.streams.len(), world.asked().len()), (4, 4));
    world.run();
    // The last answer is remembered, for the caller that got it.
    for client in clients {
        world.ask(client, &[1]);
    }
    assert_eq!(world.asked(), [1, 1, 1]);
}

#[test]
fn a_revoked_lease_is_asked_for_again() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.run();
    world.etcd.leases.remove(&1);
    world.renewals.outdate(1);
    world.ask(client, &[1]);
    world.run();
    assert_eq!(world.take(client), [(1, 10), (1, 0)]);
}

#[test]
fn who_comes_after_a_revocation_gets_no_answer_from_before() {
    let mut world = World::with([1]);
    let clients = [named("a"), named("a"), named("b")].map(|caller| world.enter(caller));
    for client in [clients[0], clients[2]] {
        world.ask(client, &[1]);
    }
    world.streams().into_iter().for_each(|stream| assert!(world.process(stream)));
    world.etcd.leases.remove(&1);
    world.renewals.outdate(1);
    for client in [clients[1], clients[2]] {
        world.ask(client, &[1]);
    }
    world.run();
    assert_eq!(
        clients.map(|client| world.take(client)),
        [vec![(1, 10)], vec![(1, 0)], vec![(1, 10), (1, 0)]]
    );
}

#[test]
fn an_answer_from_before_a_revocation_is_not_remembered() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    let stream = world.stream();
    world.process(stream);
    world.etcd.leases.remove(&1);
    world.renewals.outdate(1);
    world.deliver(stream);
    world.ask(client, &[1]);
    world.run();
    assert_eq!(world.take(client), [(1, 10), (1, 0)]);
}

#[test]
fn a_granted_lease_is_not_answered_with_what_was_there_before_it() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.run();
    world.etcd.leases.insert(1, (5, world.now + Duration::from_secs(5)));
    world.renewals.outdate(1);
    world.renewals.granted(1, 5, world.now);
    world.ask(client, &[1]);
    world.run();
    assert_eq!(world.take(client), [(1, 10), (1, 5)]);
}

#[test]
fn who_joins_late_is_not_told_of_a_lease_that_was_not_there_yet() {
    let mut world = World::with([]);
    let (early, late) = (world.enter(Caller::default()), world.enter(Caller::default()));
    world.ask(early, &[1]);
    let stream = world.stream();
    world.process(stream);
    // Granted past the hub.
    world.etcd.leases.insert(1, (10, world.now + Duration::from_secs(10)));
    world.ask(late, &[1]);
    world.run();
    assert_eq!((world.take(early), world.take(late)), (vec![(1, 0)], vec![(1, 10)]));
}

#[test]
fn a_client_is_woken_once_and_only_when_there_is_something_to_take() {
    let mut world = World::with([1, 2]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1, 2]);
    assert_eq!(world.renewals.take_woken(), []);
    world.run();
    assert_eq!(world.renewals.take_woken(), [Seat { shard: 0, key: client }]);
    world.take(client);
    world.ask(client, &[3]);
    world.run();
    assert_eq!(world.renewals.take_woken().len(), 1);
}

#[test]
fn a_caller_without_streams_keeps_its_upstream_stream_for_a_while() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.run();
    let stream = world.stream();
    world.exit(client);
    world.pass(Duration::from_secs(9));
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.run();
    assert_eq!(world.stream(), stream);
    world.exit(client);
    world.pass(Duration::from_secs(9));
    assert_eq!(world.etcd.streams.len(), 1, "the time counts from the last time");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.etcd.streams.len(), 0);
    assert_eq!(world.counters.upstream_streams.get(), 0);
}

#[test]
fn not_too_many_callers_linger() {
    let mut world = World::with([1]);
    for token in 0..200 {
        let token = Some(format!("{token}").into_bytes().into());
        let client = world.enter(Caller { token, ..Caller::default() });
        world.ask(client, &[1]);
        world.run();
        world.exit(client);
    }
    assert_eq!(world.etcd.streams.len(), Config::default().max_lingering);
}

#[test]
fn a_closed_hub_ends_everybody_and_takes_nobody() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.renewals.close(crate::refusal::server_stopped());
    world.act();
    world.take(client);
    assert_eq!(world.clients[client].end.as_ref().unwrap().message(), "etcdserver: server stopped");
    assert_eq!(world.etcd.streams.len(), 0);
    let seat = Seat { shard: 0, key: 0 };
    assert!(world.renewals.enter(Caller::default(), seat, world.now).is_err());
}
