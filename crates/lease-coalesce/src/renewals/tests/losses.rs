//! Upstream streams that end: who hears of it, who is asked again, who has waited long enough.

use std::time::Duration;

use tonic::{Code, Status};

use super::super::world::{World, named};
use crate::caller::Caller;

fn gone() -> Status {
    Status::unavailable("connection lost")
}

#[test]
fn what_was_in_flight_is_asked_again_in_its_order() {
    let mut world = World::with([1, 2, 3]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1, 2, 3]);
    let stream = world.stream();
    world.process(stream);
    world.deliver(stream);
    world.asked();
    world.lose(stream, &gone());
    assert_ne!(world.stream(), stream);
    assert_eq!(world.asked(), [2, 3]);
    world.run();
    assert_eq!(world.take(client), [(1, 10), (2, 10), (3, 10)]);
    assert_eq!(world.counters.reopens.get(), 1);
}

#[test]
fn an_idle_stream_that_is_lost_is_opened_when_it_is_needed() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    world.run();
    let stream = world.stream();
    world.lose(stream, &gone());
    world.pass_slowly(Duration::from_secs(3));
    assert_eq!(world.etcd.streams.len(), 0);
    world.ask(client, &[1]);
    assert_eq!(world.stream(), world.streams()[0]);
    assert_eq!(world.counters.reopens.get(), 0);
}

#[test]
fn nobody_is_pinged_for_who_has_gone() {
    let mut world = World::with([1, 2]);
    let (stays, goes) = (world.enter(Caller::default()), world.enter(Caller::default()));
    world.ask(goes, &[1]);
    world.ask(stays, &[2]);
    world.asked();
    world.exit(goes);
    let stream = world.stream();
    world.lose(stream, &gone());
    assert_eq!(world.asked(), [2]);
}

#[test]
fn pings_of_those_who_have_gone_do_not_pile_up() {
    let mut world = World::with([]);
    let stays = world.enter(Caller::default());
    world.ask(stays, &[0]);
    for round in 0..100 {
        let goes = world.enter(Caller::default());
        let leases: Vec<i64> = (0..1000).map(|lease| 1 + round * 1000 + lease).collect();
        world.ask(goes, &leases);
        world.exit(goes);
    }
    let class = world.renewals.classes.iter().next().unwrap().1;
    assert!(
        class.queue.len() < 3000 && class.flights.len() < 300,
        "{} {}",
        class.queue.len(),
        class.flights.len()
    );
}

#[test]
fn attempts_to_reopen_are_spaced_and_after_the_patience_clients_hear_of_it() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    let start = world.now;
    let mut attempts = Vec::new();
    while world.clients[client].end.is_none() {
        for stream in world.streams() {
            attempts.push((world.now - start).as_millis());
            world.lose(stream, &gone());
        }
        world.pass(Duration::from_millis(10));
        assert_eq!(world.take(client), []);
    }
    assert_eq!(attempts[..6], [0, 10, 30, 70, 150, 310]);
    assert!(attempts.len() < 15, "{attempts:?}");
    assert!((5000..5100).contains(&(world.now - start).as_millis()));
    let end = world.clients[client].end.as_ref().unwrap();
    assert_eq!((end.code(), end.message()), (Code::Unavailable, "connection lost"));
}

#[test]
fn an_answer_ends_the_outage() {
    let mut world = World::with([1]);
    let client = world.enter(Caller::default());
    for _ in 0..10 {
        world.ask(client, &[1]);
        let stream = world.stream();
        world.lose(stream, &gone());
        world.pass(Duration::from_secs(1));
        world.run();
        assert_eq!(world.take(client), [(1, 10)]);
    }
    assert!(world.clients[client].end.is_none());
}

#[test]
fn a_refused_ping_ends_its_clients_stream_and_no_other() {
    let mut world = World::with([1, 2, 3]);
    let clients = [(); 3].map(|()| world.enter(named("a")));
    world.ask(clients[0], &[1, 2]);
    world.ask(clients[1], &[2]);
    world.ask(clients[2], &[3]);
    let stream = world.stream();
    world.process(stream);
    world.deliver(stream);
    world.lose(stream, &Status::permission_denied("etcdserver: permission denied"));
    world.run();
    let answers = clients.map(|client| world.take(client));
    assert_eq!(answers, [vec![(1, 10)], vec![], vec![(3, 10)]]);
    let ends = clients.map(|client| world.clients[client].end.as_ref().map(Status::code));
    assert_eq!(ends, [Some(Code::PermissionDenied), Some(Code::PermissionDenied), None]);
}

#[test]
fn a_refused_credential_ends_those_who_asked_with_it() {
    let mut world = World::with([1, 2]);
    let clients = [named("a"), named("a"), named("a"), named("b")].map(|caller| world.enter(caller));
    world.ask(clients[0], &[1]);
    world.ask(clients[1], &[2]);
    let stream = world.stream();
    world.ask(clients[3], &[1]);
    world.lose(stream, &Status::unauthenticated("etcdserver: invalid auth token"));
    world.run();
    clients.iter().for_each(|client| _ = world.take(*client));
    let ends = clients.map(|client| world.clients[client].end.as_ref().map(Status::code));
    assert_eq!(ends, [Some(Code::Unauthenticated), Some(Code::Unauthenticated), None, None]);
}

#[test]
fn a_cluster_that_gives_a_ping_up_may_answer_the_others() {
    let mut world = World::with([1, 2]);
    let clients = [(); 2].map(|()| world.enter(Caller::default()));
    world.ask(clients[0], &[1]);
    world.ask(clients[1], &[2]);
    let timed_out = Status::unavailable("etcdserver: request timed out");
    let stream = world.stream();
    world.lose(stream, &timed_out);
    assert_eq!(world.take(clients[0]), []);
    assert_eq!(world.clients[clients[0]].end.as_ref().unwrap().message(), timed_out.message());
    world.run();
    assert_eq!(world.take(clients[1]), [(2, 10)]);
}

#[test]
fn who_asked_for_a_leader_is_told_when_there_is_none_even_if_silent() {
    let mut world = World::with([1]);
    let leader = || Caller { has_leader: true, ..Caller::default() };
    let clients = [leader(), leader(), Caller::default()].map(|caller| world.enter(caller));
    let stream = world.stream();
    assert!(world.etcd.streams[&stream].caller.has_leader);
    world.lose(stream, &Status::unavailable("etcdserver: no leader"));
    clients.iter().for_each(|client| _ = world.take(*client));
    let ends = clients.map(|client| world.clients[client].end.as_ref().map(|end| end.message().to_owned()));
    let no_leader = Some("etcdserver: no leader".to_owned());
    assert_eq!(ends, [no_leader.clone(), no_leader, None]);
    world.pass_slowly(Duration::from_secs(2));
    assert_eq!(world.etcd.streams.len(), 0, "no stream is opened for streams that were ended");
    clients.iter().for_each(|client| world.exit(*client));
    world.enter(leader());
    assert_eq!(world.etcd.streams.len(), 1);
}

#[test]
fn a_lost_stream_of_who_asked_for_a_leader_is_reopened_at_once() {
    let mut world = World::with([1]);
    world.enter(Caller { has_leader: true, ..Caller::default() });
    let stream = world.stream();
    world.lose(stream, &gone());
    assert_ne!(world.stream(), stream);
    let stream = world.stream();
    world.lose(stream, &gone());
    assert_eq!(world.etcd.streams.len(), 0);
    world.pass_slowly(Duration::from_millis(100));
    assert_eq!(world.etcd.streams.len(), 1);
}

#[test]
fn an_answer_to_another_ping_is_a_loss() {
    let mut world = World::with([1, 2]);
    let client = world.enter(Caller::default());
    world.ask(client, &[1]);
    let stream = world.stream();
    world.etcd.streams.get_mut(&stream).unwrap().asked = [2].into();
    world.process(stream);
    world.deliver(stream);
    assert_ne!(world.stream(), stream);
    world.run();
    assert_eq!(world.take(client), [(1, 10)]);
}
