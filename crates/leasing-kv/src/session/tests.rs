//! The clock rule, by tables.

use super::*;

const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> Moment {
    Moment(seconds * SECOND)
}

fn granted(sent: u64, ttl: i64) -> Session {
    let mut session = Session::new(at(sent));
    assert_eq!(session.next(at(sent)), Step::Grant);
    session.granted(at(sent), 7, ttl);
    session
}

fn until(session: &Session) -> Moment {
    session.held().unwrap().until
}

#[test]
fn a_lease_is_proved_from_the_sending_of_what_etcd_answered_with_a_margin() {
    for (sent, ttl, expected) in [(100, 60, 158_700), (100, 10, 109_700), (100, 2, 101_860), (0, 1, 880)] {
        assert_eq!(until(&granted(sent, ttl)), Moment(expected * 1_000_000), "{sent} {ttl}");
    }
}

#[test]
fn an_answer_extends_by_when_its_ping_was_sent_however_late_it_comes() {
    let mut session = granted(100, 60);
    assert_eq!(session.next(at(119)), Step::Wait(at(120)));
    assert_eq!(session.next(at(121)), Step::Ping { lease: 7, is_silent: false });
    assert_eq!(session.answered(at(150), 7, 60), None);
    assert_eq!(until(&session), Moment(179_700 * 1_000_000));
}

#[test]
fn an_answer_to_nothing_or_to_another_lease_proves_nothing() {
    let mut session = granted(100, 60);
    let before = until(&session);
    assert_eq!(session.answered(at(110), 7, 60), None);
    assert_eq!(session.next(at(120)), Step::Ping { lease: 7, is_silent: false });
    assert_eq!(session.answered(at(121), 8, 60), None);
    assert_eq!(until(&session), before);
    session.failed(at(122), &Status::unavailable("lost"));
    assert_eq!(session.answered(at(123), 7, 60), None, "the stream of that ping is lost");
    assert_eq!(until(&session), before);
}

#[test]
fn a_ping_left_unanswered_is_asked_again_on_another_stream() {
    let mut session = granted(100, 60);
    assert_eq!(session.next(at(120)), Step::Ping { lease: 7, is_silent: false });
    assert_eq!(session.next(at(121)), Step::Wait(at(140)));
    assert_eq!(session.next(at(140)), Step::Ping { lease: 7, is_silent: true });
    assert_eq!(session.answered(at(141), 7, 60), None);
    assert_eq!(until(&session), Moment(198_700 * 1_000_000), "counted from the second");
}

#[test]
fn a_lease_that_is_not_proved_any_more_is_lost_and_another_is_asked_for() {
    let mut session = granted(100, 60);
    assert_eq!(session.next(at(120)), Step::Ping { lease: 7, is_silent: false });
    assert_eq!(session.next(at(140)), Step::Ping { lease: 7, is_silent: true });
    assert_eq!(session.next(Moment(158_700 * 1_000_000)), Step::Lost(7));
    assert_eq!(session.held(), None);
    assert_eq!(session.next(at(159)), Step::Grant);
}

#[test]
fn a_lease_that_etcd_does_not_know_is_lost_at_once() {
    let mut session = granted(100, 60);
    session.next(at(120));
    assert_eq!(session.answered(at(121), 7, 0), Some(Step::Lost(7)));
    assert_eq!(session.next(at(121)), Step::Grant);
    let mut session = granted(100, 60);
    assert!(!session.gone(at(101), 8) && session.gone(at(101), 7));
    assert_eq!(session.next(at(101)), Step::Grant);
}

#[test]
fn failures_are_followed_by_growing_pauses_that_leave_time_to_save_the_lease() {
    let mut session = Session::new(at(0));
    let mut longest = Duration::ZERO;
    let mut now = at(0);
    for _ in 0..20 {
        assert_eq!(session.next(now), Step::Grant);
        session.failed(now, &Status::unavailable("away"));
        let Step::Wait(due) = session.next(now) else { panic!("no pause") };
        longest = longest.max(due.since(now));
        now = due;
    }
    assert!(longest > Duration::from_secs(2) && longest <= LONGEST_PAUSE, "{longest:?}");
    let mut session = granted(100, 2);
    for n in 0..20 {
        session.failed(Moment(100 * SECOND + n), &Status::unavailable("away"));
    }
    let Step::Wait(due) = session.next(at(100)) else { panic!("no pause") };
    assert!(due <= Moment(100 * SECOND + 20 + 2 * SECOND / 3));
}
