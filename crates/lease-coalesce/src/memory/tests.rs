//! What is remembered, for how long, and for whom.

use super::*;

const WINDOW: Duration = Duration::from_millis(100);

fn response(id: i64, ttl: i64, asked_at: Instant) -> Dated {
    let response = LeaseKeepAliveResponse { header: Some(ResponseHeader::default()), id, ttl };
    Dated { response, asked_at }
}

#[test]
fn what_is_left_is_rounded_down_and_never_nothing() {
    let start = Instant::now();
    let mut memory = Memory::new(Duration::from_secs(30), 10);
    memory.answered(1, response(7, 10, start));
    for (age, left) in [
        (0, Some(10)),
        (1, Some(9)),
        (999, Some(9)),
        (1000, Some(9)),
        (1001, Some(8)),
        (9000, Some(1)),
        (9001, None),
        (20_000, None),
    ] {
        let now = start + Duration::from_millis(age);
        let answer = memory.recall(1, 7, now).and_then(|answer| answer.at(now, memory.window()));
        assert_eq!(answer.map(|answer| answer.ttl), left, "after {age} ms");
    }
}

#[test]
fn nothing_is_recalled_for_others_nor_after_the_window() {
    let start = Instant::now();
    let mut memory = Memory::new(WINDOW, 10);
    memory.answered(1, response(7, 10, start));
    assert!(memory.recall(2, 7, start).is_none());
    assert!(memory.recall(1, 8, start).is_none());
    assert!(memory.recall(1, 7, start + WINDOW).is_none());
    assert!(memory.is_alive(7, start + WINDOW), "which says nothing about its life");
    assert!(!memory.is_alive(7, start + Duration::from_secs(10)));
}

#[test]
fn without_a_window_nothing_is_recalled() {
    let start = Instant::now();
    let mut memory = Memory::new(Duration::ZERO, 10);
    memory.answered(1, response(7, 10, start));
    assert!(memory.recall(1, 7, start).is_none());
}

#[test]
fn a_granted_lease_is_alive_but_gives_no_answer() {
    let start = Instant::now();
    let mut memory = Memory::new(WINDOW, 10);
    memory.granted(7, 10, start);
    assert!(memory.is_alive(7, start) && memory.recall(1, 7, start).is_none());
    memory.forget(7);
    assert!(!memory.is_alive(7, start));
}

#[test]
fn whatever_ttl_there_is_is_understood() {
    let start = Instant::now();
    let mut memory = Memory::new(WINDOW, 10);
    for ttl in [0, -1, i64::MIN, i64::MAX] {
        memory.answered(1, response(7, ttl, start));
        let _ = memory.recall(1, 7, start + Duration::from_millis(1));
        assert_eq!(memory.is_alive(7, start), ttl > 0);
    }
}

#[test]
fn the_lease_that_was_heard_of_longest_ago_makes_room() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut memory = Memory::new(WINDOW, 3);
    for lease in 0..3 {
        memory.answered(1, response(lease, 10, at(lease as u64)));
    }
    memory.answered(1, response(0, 10, at(10)));
    memory.answered(1, response(3, 10, at(11)));
    memory.tidy(at(11));
    assert_eq!([0, 1, 2, 3].map(|lease| memory.is_alive(lease, at(11))), [true, false, true, true]);
}

#[test]
fn however_often_leases_are_heard_of_the_memory_does_not_grow() {
    let start = Instant::now();
    let mut memory = Memory::new(WINDOW, 100);
    for round in 0..10_000_i64 {
        let now = start + Duration::from_millis(round as u64);
        memory.answered(1, response(round % 7, 10, now));
        memory.forget(round % 5);
        memory.tidy(now);
    }
    assert_eq!((memory.len(), memory.order.len()), (7, 7));
}

#[test]
fn what_is_not_heard_of_is_forgotten() {
    let start = Instant::now();
    let mut memory = Memory::new(WINDOW, 100);
    memory.answered(1, response(1, 3600, start));
    memory.answered(1, response(2, 3600, start));
    memory.answered(1, response(2, 3600, start + Duration::from_secs(30)));
    memory.tidy(memory.deadline().unwrap());
    assert_eq!(memory.len(), 1);
    memory.tidy(memory.deadline().unwrap());
    assert_eq!((memory.len(), memory.deadline()), (0, None));
}
