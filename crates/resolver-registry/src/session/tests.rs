//! The session step by step, with a clock of its own.

use super::*;

const TTL: i64 = 30;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn gone() -> Status {
    Status::unavailable("no etcd member can be reached")
}

/// A session that is registered with lease 7.
fn registered(now: Instant) -> Session {
    let mut session = Session::new(now, TTL);
    assert_eq!(session.next(now), Step::Grant);
    session.granted(now, now, 7, TTL);
    assert_eq!(session.next(now), Step::Put(7));
    session.registered(now);
    session
}

#[test]
fn a_lease_is_kept_alive_three_times_within_its_ttl() {
    let start = Instant::now();
    let mut session = registered(start);
    for round in 1..10 {
        let due = start + seconds(10 * round);
        assert_eq!(session.next(due - seconds(1)), Step::Wait(due));
        assert_eq!(session.next(due), Step::Ping { lease: 7, is_silent: false });
        assert!(!session.alive(due + seconds(1), 7, TTL));
    }
}

#[test]
fn the_ttl_is_what_etcd_made_of_it() {
    let now = Instant::now();
    let mut session = Session::new(now, 1);
    session.granted(now, now, 7, 60);
    session.registered(now);
    assert_eq!(session.next(now), Step::Wait(now + seconds(20)));
}

#[test]
fn an_answer_of_zero_is_the_end_of_the_lease() {
    let now = Instant::now();
    let mut session = registered(now);
    assert!(session.alive(now, 7, 0));
    assert_eq!(session.lease(), None);
    assert_eq!(session.next(now), Step::Grant);
}

#[test]
fn an_answer_for_an_older_lease_means_nothing() {
    let now = Instant::now();
    let mut session = registered(now);
    assert!(!session.alive(now, 6, 0));
    assert_eq!(session.lease(), Some(7));
}

#[test]
fn a_lease_that_nobody_answers_for_is_given_up_when_its_ttl_is_over() {
    let start = Instant::now();
    let mut session = registered(start);
    let mut now = start;
    let mut pings = 0;
    loop {
        match session.next(now) {
            Step::Wait(until) => now = until,
            Step::Ping { .. } => {
                pings += 1;
                session.failed(now, &gone());
            }
            Step::Expired => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(now, start + seconds(30));
    assert!((5..60).contains(&pings), "{pings} attempts");
    assert_eq!(session.next(now), Step::Grant);
}

#[test]
fn a_silent_stream_is_told_from_one_that_answers() {
    let start = Instant::now();
    let mut session = registered(start);
    assert_eq!(session.next(start + seconds(10)), Step::Ping { lease: 7, is_silent: false });
    assert_eq!(session.next(start + seconds(20)), Step::Ping { lease: 7, is_silent: true });
}

#[test]
fn the_ttl_counts_from_the_question_not_from_the_answer() {
    let start = Instant::now();
    let mut session = registered(start);
    session.next(start + seconds(10));
    session.alive(start + seconds(18), 7, TTL);
    session.next(start + seconds(20));
    session.next(start + seconds(30));
    assert_eq!(session.next(start + seconds(40)), Step::Expired);
}

#[test]
fn while_the_cluster_is_away_attempts_are_few_and_never_further_apart_than_a_third_of_the_ttl() {
    let start = Instant::now();
    let mut session = Session::new(start, 6);
    let (mut now, mut attempts) = (start, 0_u32);
    while now < start + seconds(600) {
        match session.next(now) {
            Step::Grant => {
                attempts += 1;
                session.failed(now, &gone());
            }
            Step::Wait(until) => {
                assert!(until - now <= seconds(2), "{:?}", until - now);
                now = until;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((300..640).contains(&attempts), "{attempts} attempts in 10 minutes");
}

#[test]
fn refusals_are_repeated_ever_more_rarely() {
    let start = Instant::now();
    let mut session = Session::new(start, 6);
    let (mut now, mut attempts) = (start, 0);
    while now < start + seconds(3600) {
        match session.next(now) {
            Step::Grant => {
                attempts += 1;
                session.failed(now, &Status::invalid_argument("etcdserver: user name is empty"));
            }
            Step::Wait(until) => now = until,
            other => panic!("{other:?}"),
        }
    }
    assert!(attempts < 140, "{attempts} refused attempts in an hour");
}

#[test]
fn a_put_with_a_lease_that_etcd_does_not_know_begins_anew() {
    let now = Instant::now();
    let mut session = Session::new(now, TTL);
    session.granted(now, now, 7, TTL);
    assert!(session.failed(now, &Status::not_found("etcdserver: requested lease not found")));
    assert_eq!(session.next(now), Step::Grant);
}

#[test]
fn a_put_that_fails_is_repeated_with_the_same_lease_until_the_lease_is_over() {
    let start = Instant::now();
    let mut session = Session::new(start, TTL);
    session.granted(start, start, 7, TTL);
    let mut now = start;
    loop {
        match session.next(now) {
            Step::Put(7) => assert!(!session.failed(now, &gone())),
            Step::Wait(until) => now = until,
            Step::Expired => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(now, start + seconds(30));
}

#[test]
fn an_entry_that_vanished_is_put_again_with_its_lease() {
    let now = Instant::now();
    let mut session = registered(now);
    session.vanished(now);
    let Step::Wait(until) = session.next(now) else { panic!("no pause") };
    assert_eq!(session.next(until), Step::Put(7));
}

#[test]
fn an_absurd_ttl_is_bounded_on_both_sides() {
    let now = Instant::now();
    for ttl in [i64::MIN, -1, 0, i64::MAX] {
        let mut session = Session::new(now, ttl);
        session.granted(now, now, 7, ttl);
        session.registered(now);
        assert!(matches!(session.next(now), Step::Wait(_)), "{ttl}");
    }
}
