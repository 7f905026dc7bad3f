//! The lines, one behaviour at a time.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use proto_gen::etcdserverpb::RangeRequest;
use tokio::time::Instant;

use super::{Batch, Class, Entrance, Lines, MAX_IDLE, Ticket};
use crate::caller::Caller;
use crate::config::Config;
use crate::heavy::Heavy;
use crate::kind::Kind;

const PATIENCE: Duration = Duration::from_millis(5);

/// The keys of a batch, each with those who wait for it.
type Contents = Vec<(String, Vec<u32>)>;

/// Lines whose waiters are numbers, and a clock.
struct World {
    lines: Lines<u32>,
    heavy: Heavy,
    now: Instant,
}

fn class(token: u32, kind: Kind) -> Class {
    let value = HeaderValue::from(token);
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static("token"), value)]);
    Class { caller: Caller::of(&headers), kind }
}

fn read(key: &str) -> RangeRequest {
    RangeRequest { key: key.to_owned().into(), ..RangeRequest::default() }
}

impl World {
    fn new(max_reads: usize) -> Self {
        let config = Config { max_reads, in_flight: 1, patience: PATIENCE };
        let mut lines = Lines::new(&config);
        lines.open();
        Self { lines, heavy: Heavy::new(), now: Instant::now() }
    }

    fn come_as(&mut self, class: Class, key: &str, who: u32) -> Option<Ticket> {
        match self.lines.enter(class, self.now) {
            Entrance::Go(ticket) => Some(ticket),
            Entrance::Wait(place) => {
                let (read, now) = (read(key), self.now);
                self.lines.wait(place, &read, self.heavy.fingerprint(&read), who, now);
                None
            }
        }
    }

    fn come(&mut self, key: &str, who: u32) -> Option<Ticket> {
        self.come_as(class(0, Kind::Point), key, who)
    }

    fn due(&mut self) -> Option<(Ticket, Contents)> {
        self.lines.take(self.now).map(|batch| (batch.ticket, contents(&batch)))
    }

    fn returned(&mut self, ticket: Ticket) {
        self.lines.returned(ticket);
    }

    fn tick_after(&mut self, time: Duration) {
        self.now += time;
        self.lines.tick(self.now);
    }
}

fn contents(batch: &Batch<u32>) -> Contents {
    let of = |read: &super::Read<u32>| {
        (String::from_utf8_lossy(&read.request.key).into_owned(), read.waiters().copied().collect())
    };
    batch.reads.iter().map(of).collect()
}

fn one(key: &str, who: u32) -> (String, Vec<u32>) {
    (key.to_owned(), vec![who])
}

#[test]
fn one_alone_goes_at_once_and_so_does_the_next() {
    let mut world = World::new(64);
    for who in 0..3 {
        let ticket = world.come("a", who).unwrap();
        world.returned(ticket);
    }
    assert!(world.due().is_none() && !world.lines.anybody_waits());
}

#[test]
fn those_who_come_meanwhile_go_together_when_it_returns() {
    let mut world = World::new(64);
    let first = world.come("a", 1).unwrap();
    assert!(world.come("b", 2).is_none() && world.come("c", 3).is_none());
    assert!(world.due().is_none() && world.lines.anybody_waits());
    world.returned(first);
    let (batch, reads) = world.due().unwrap();
    assert_eq!(reads, [one("b", 2), one("c", 3)]);
    assert!(world.come("d", 4).is_none(), "a batch holds up those behind it as a lone read does");
    world.returned(batch);
    assert_eq!(world.due().unwrap().1, [one("d", 4)]);
}

#[test]
fn equal_reads_are_asked_once_and_unequal_ones_of_a_key_are_not() {
    let mut world = World::new(64);
    let first = world.come("a", 1).unwrap();
    world.come("b", 2);
    world.come("b", 3);
    let count = RangeRequest { count_only: true, ..read("b") };
    let Entrance::Wait(place) = world.lines.enter(class(0, Kind::Point), world.now) else {
        panic!("it waits")
    };
    world.lines.wait(place, &count, world.heavy.fingerprint(&count), 4, world.now);
    world.returned(first);
    let expected = [("b".to_owned(), vec![2, 3]), one("b", 4)];
    assert_eq!(world.due().unwrap().1, expected);
}

#[test]
fn a_batch_is_joined_until_it_is_taken_and_not_after() {
    let mut world = World::new(64);
    let first = world.come("a", 1).unwrap();
    world.come("b", 2);
    world.returned(first);
    world.come("b", 3);
    let (batch, reads) = world.due().unwrap();
    assert_eq!(reads, [("b".to_owned(), vec![2, 3])]);
    world.come("b", 4);
    assert!(world.due().is_none());
    world.returned(batch);
    assert_eq!(world.due().unwrap().1, [one("b", 4)]);
}

#[test]
fn what_fills_up_on_the_way_out_goes_once_and_holds_up_the_rest() {
    let mut world = World::new(2);
    let first = world.come("a", 1).unwrap();
    world.come("b", 2);
    world.returned(first);
    world.come("c", 3);
    world.come("d", 4);
    let (full, reads) = world.due().unwrap();
    assert_eq!(reads, [one("b", 2), one("c", 3)]);
    assert!(world.due().is_none());
    world.returned(full);
    assert_eq!(world.due().unwrap().1, [one("d", 4)]);
}

#[test]
fn callers_and_kinds_have_lines_of_their_own() {
    let mut world = World::new(64);
    let heavy = Kind::Heavy(world.heavy.fingerprint(&read("b")));
    let classes = [class(0, Kind::Point), class(1, Kind::Point), class(0, Kind::Limited), class(0, heavy)];
    let tickets: Vec<Ticket> =
        classes.iter().map(|class| world.come_as(class.clone(), "a", 1).unwrap()).collect();
    for class in &classes {
        assert!(world.come_as(class.clone(), "b", 2).is_none());
    }
    for (ticket, class) in tickets.into_iter().zip(&classes) {
        world.returned(ticket);
        let batch = world.lines.take(world.now).unwrap();
        assert_eq!((contents(&batch), batch.caller), (vec![one("b", 2)], class.caller.clone()));
        assert!(world.due().is_none());
    }
}

#[test]
fn a_full_batch_does_not_wait() {
    let mut world = World::new(2);
    let first = world.come("a", 1).unwrap();
    world.come("b", 2);
    world.come("b", 3);
    assert!(world.due().is_none());
    world.come("c", 4);
    assert_eq!(world.due().unwrap().1, [("b".to_owned(), vec![2, 3]), one("c", 4)]);
    world.come("d", 5);
    world.returned(first);
    assert!(world.due().is_none(), "the full one is still under way");
}

#[test]
fn a_late_call_holds_nobody_up() {
    let mut world = World::new(64);
    let late = world.come("a", 1).unwrap();
    world.come("b", 2);
    world.tick_after(PATIENCE - Duration::from_millis(1));
    assert!(world.due().is_none());
    world.tick_after(Duration::from_millis(1));
    let (second, reads) = world.due().unwrap();
    assert_eq!(reads, [one("b", 2)]);
    world.come("c", 3);
    world.returned(late);
    assert!(world.due().is_none(), "the second one is under way and not late");
    world.returned(second);
    assert_eq!(world.due().unwrap().1, [one("c", 3)]);
}

#[test]
fn who_comes_behind_a_late_call_goes_at_once_and_takes_along_who_waits() {
    let mut world = World::new(64);
    world.come("a", 1).unwrap();
    world.now += PATIENCE;
    world.come("b", 2).unwrap();
    world.come("c", 3);
    world.now += PATIENCE;
    assert!(world.come("d", 4).is_none());
    assert_eq!(world.due().unwrap().1, [one("c", 3), one("d", 4)]);
}

#[test]
fn a_cluster_that_takes_fewer_operations_is_believed() {
    let mut world = World::new(64);
    world.lines.refused(8);
    let first = world.come("a", 0).unwrap();
    for (key, who) in [("b", 1), ("c", 2), ("d", 3), ("e", 4)] {
        world.come(key, who);
    }
    assert_eq!(world.due().unwrap().1.len(), 4);
    world.lines.refused(64);
    assert!(world.lines.is_open(), "an older answer widens nothing");
    world.returned(first);
    world.lines.refused(3);
    assert!(!world.lines.is_open(), "one at a time is no sharing");
}

#[test]
fn nothing_is_shared_until_it_is_opened_nor_when_it_is_off() {
    let lines: Lines<u32> = Lines::new(&Config::default());
    assert!(!lines.is_open());
    let mut off: Lines<u32> = Lines::new(&Config::off());
    off.open();
    assert!(!off.is_open());
}

#[test]
fn closing_lets_go_of_all_who_wait() {
    let mut world = World::new(2);
    let first = world.come("a", 1).unwrap();
    world.come("b", 2);
    world.come("c", 3);
    world.come("d", 4);
    world.lines.close();
    world.returned(first);
    assert!(world.due().is_none() && !world.lines.is_open() && !world.lines.anybody_waits());
}

#[test]
fn lines_of_callers_who_have_left_are_not_kept_for_ever() {
    let mut world = World::new(64);
    for token in 0..10_000 {
        let ticket = world.come_as(class(token, Kind::Point), "a", 1).unwrap();
        world.returned(ticket);
    }
    assert!(world.lines.lines.len() <= MAX_IDLE, "{}", world.lines.lines.len());
    assert_eq!(world.lines.lines.len(), world.lines.by_class.len());
}

#[test]
fn a_ticket_of_a_line_that_is_gone_means_nothing_to_its_successor() {
    let mut world = World::new(64);
    let kept: Vec<Ticket> = (0..=MAX_IDLE as u32)
        .map(|token| world.come_as(class(token, Kind::Point), "a", 1).unwrap())
        .collect();
    let gone = kept[0];
    world.returned(gone);
    world.come_as(class(1000, Kind::Point), "a", 1).unwrap();
    world.come_as(class(1000, Kind::Point), "b", 2);
    world.returned(gone);
    assert!(world.due().is_none(), "its own call is still under way");
}
