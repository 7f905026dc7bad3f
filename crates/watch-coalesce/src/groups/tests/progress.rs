//! Progress: announced once everything up to it was sent.

use super::*;

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
fn an_old_member_that_announces_progress_too_early_makes_nobody_hop_too_early() {
    let mut world = world();
    world.etcd.old = true;
    for _ in 0..20 {
        world.etcd.write(&["a"]);
    }
    let client = world.client();
    world.watch(client, "a", 5);
    world.run();
    world.pass(Duration::from_secs(1));
    assert!(world.revisions(client, 0).is_empty());
    world.etcd.sync(4);
    world.settle();
    world.etcd.write(&["a"]);
    world.settle();
    assert_eq!(world.revisions(client, 0), (5..=22).collect::<Vec<_>>());
    assert_eq!(world.etcd.watchers(), 1);
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

/// Two watchers are created again after a loss; the answer to a progress request comes between their `created`s, and
/// the second one's event, which is older than the answer, has yet to come.
fn world_where_progress_overtook_a_created() -> (World, u32) {
    let mut world = world();
    let client = world.client();
    world.watch(client, "a", 0);
    world.watch(client, "b", 0);
    world.run();
    world.break_streams(&broken());
    world.now += Duration::from_secs(1);
    world.groups.tick(world.now);
    world.act();
    world.deliver(1);
    world.etcd.write(&["a", "b"]);
    world.progress(client);
    world.turn(client);
    world.act();
    world.control_first = false;
    world.deliver(2);
    world.control_first = true;
    world.deliver(1);
    (world, client)
}

#[test]
fn progress_that_overtakes_a_created_is_not_announced_for_its_watcher() {
    let (mut world, client) = world_where_progress_overtook_a_created();
    for _ in 0..3 {
        world.ring();
        world.turn(client);
    }
    assert_eq!(world.revisions(client, 0), [2]);
    assert!(world.got(client).iter().all(|r| r.watch_id != -1));
    world.settle();
    assert_eq!(world.got(client).last().unwrap().watch_id, -1);
    assert_eq!(world.revisions(client, 1), [2]);
}

#[test]
fn progress_that_overtakes_a_created_is_no_place_to_resume_its_watcher_from() {
    let (mut world, client) = world_where_progress_overtook_a_created();
    world.break_streams(&broken());
    world.settle();
    assert_eq!(world.revisions(client, 1), [2]);
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
