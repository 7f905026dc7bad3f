//! The machine, by tables.

use proto_gen::KeyRange;
use proto_gen::etcdserverpb::{PutRequest, RangeRequest, ResponseHeader};
use proto_gen::mvccpb::KeyValue;

use super::*;
use crate::caller::Caller;
use crate::executed::Effect;
use crate::writes::Writes;

const SECOND: u64 = 1_000_000_000;
const LEASE: i64 = 7;

fn at(seconds: u64) -> Moment {
    Moment(seconds * SECOND)
}

fn key(name: &str) -> Bytes {
    Bytes::copy_from_slice(name.as_bytes())
}

fn kv(name: &str, value: &str, revision: i64) -> KeyValue {
    KeyValue {
        key: key(name),
        value: key(value),
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        lease: 0,
    }
}

fn leasing_kv(name: &str, value: &str, create_revision: i64) -> KeyValue {
    let name = format!("P/{name}");
    KeyValue { create_revision, lease: LEASE, ..kv(&name, value, create_revision) }
}

/// With a session until second 100, and allowed for everybody since second 1.
fn holdings(config: Config) -> Holdings {
    let mut holdings = Holdings::new(config, Arc::default());
    holdings.session(Held { lease: LEASE, until: at(100) });
    holdings.heard(&ResponseHeader { revision: 50, ..ResponseHeader::default() });
    holdings
}

fn usual() -> Holdings {
    holdings(Config { permission_age: Duration::from_secs(1000), ..Config::new("P/") })
}

/// Acquires a key at this revision, in this state.
fn own(holdings: &mut Holdings, name: &str, create: i64, state: Option<KeyValue>) {
    assert!(holdings.want(at(1), &key(name)), "{name} is wanted");
    let errand = Errand::Acquire { key: key(name), lease: LEASE };
    assert_eq!(holdings.errands(at(1), 9), std::slice::from_ref(&errand));
    holdings.done(at(1), &errand, Outcome::Ours { create, revision: create, state });
}

fn allow(holdings: &mut Holdings) {
    holdings.allowed(&Caller::Anonymous, &[], at(1));
}

/// The value that memory answers with; empty where there is none.
fn read_at(holdings: &mut Holdings, now: Moment, name: &str) -> Option<String> {
    let request = RangeRequest { key: key(name), ..RangeRequest::default() };
    match holdings.read(now, &Caller::Anonymous, &request) {
        Reading::Ask => None,
        Reading::Answer { answer, .. } => Some(
            answer.kvs.first().map_or_else(String::new, |kv| String::from_utf8_lossy(&kv.value).into_owned()),
        ),
    }
}

fn read(holdings: &mut Holdings, name: &str) -> Option<String> {
    read_at(holdings, at(2), name)
}

fn point(name: &str) -> Writes {
    Writes { points: vec![key(name)], ranges: vec![] }
}

fn put(holdings: &mut Holdings, begun: &Begun, name: &str, value: &str, revision: i64) {
    let request = PutRequest { key: key(name), value: key(value), ..PutRequest::default() };
    let effects = [Effect::Put(&request)];
    holdings.end(at(2), begun, &Ending::Done { revision, effects: Some(&effects) });
}

fn returns(holdings: &mut Holdings) -> Vec<(Bytes, i64)> {
    let returned = |errand| match errand {
        Errand::Return { key, create } => Some((key, create)),
        _ => None,
    };
    holdings.errands(at(2), 99).into_iter().filter_map(returned).collect()
}

#[test]
fn memory_answers_only_while_the_lease_is_proved_to_live() {
    let mut holdings = usual();
    own(&mut holdings, "a", 10, Some(kv("a", "1", 5)));
    allow(&mut holdings);
    assert_eq!(read_at(&mut holdings, Moment(100 * SECOND - 1), "a").as_deref(), Some("1"));
    assert_eq!(read_at(&mut holdings, at(100), "a"), None);
    holdings.session(Held { lease: LEASE, until: at(200) });
    assert_eq!(read_at(&mut holdings, at(150), "a").as_deref(), Some("1"));
    holdings.lost();
    assert_eq!(read_at(&mut holdings, at(150), "a"), None);
    holdings.session(Held { lease: LEASE + 1, until: at(300) });
    assert_eq!(read_at(&mut holdings, at(150), "a"), None, "the new session owns nothing yet");
}

#[test]
fn an_acquisition_counts_only_for_the_session_that_it_was_made_for() {
    let mut holdings = usual();
    holdings.want(at(1), &key("a"));
    let errands = holdings.errands(at(1), 9);
    holdings.lost();
    holdings.session(Held { lease: LEASE + 1, until: at(100) });
    holdings.done(at(2), &errands[0], Outcome::Ours { create: 10, revision: 10, state: None });
    allow(&mut holdings);
    assert_eq!(read(&mut holdings, "a"), None);
    assert_eq!(returns(&mut holdings), [(key("a"), 10)]);
}

#[test]
fn what_is_asked_for_is_given_back_and_left_alone_for_a_while() {
    let mut holdings = usual();
    own(&mut holdings, "a", 10, None);
    allow(&mut holdings);
    assert_eq!(read(&mut holdings, "a").as_deref(), Some(""));
    holdings.event(at(2), Change::Put(leasing_kv("a", "", 10)));
    assert_eq!(read(&mut holdings, "a").as_deref(), Some(""), "that is the own acquisition");
    holdings.event(at(2), Change::Put(leasing_kv("a", "REVOKE", 10)));
    assert_eq!(read(&mut holdings, "a"), None);
    let errands = holdings.errands(at(2), 9);
    assert_eq!(errands, [Errand::Return { key: key("a"), create: 10 }]);
    assert!(!holdings.want(at(9), &key("a")), "it is still on its way");
    holdings.done(at(3), &errands[0], Outcome::Done);
    assert!(!holdings.want(Moment(4 * SECOND - 1), &key("a")) && holdings.want(at(4), &key("a")));
}

#[test]
fn what_is_asked_for_before_it_is_known_to_be_ours_is_given_back_at_once() {
    let mut holdings = usual();
    allow(&mut holdings);
    holdings.want(at(1), &key("a"));
    let errands = holdings.errands(at(1), 9);
    holdings.event(at(1), Change::Put(leasing_kv("a", "REVOKE", 10)));
    holdings.done(at(1), &errands[0], Outcome::Ours { create: 10, revision: 10, state: None });
    assert_eq!(read(&mut holdings, "a"), None);
    assert_eq!(returns(&mut holdings), [(key("a"), 10)]);
}

#[test]
fn what_was_deleted_before_it_is_known_to_be_ours_is_not_ours() {
    for (deleted, is_owned) in [(9, true), (11, false)] {
        let mut holdings = usual();
        allow(&mut holdings);
        holdings.want(at(1), &key("a"));
        let errands = holdings.errands(at(1), 9);
        holdings.event(at(1), Change::Deleted { leasing_key: key("P/a"), revision: deleted });
        holdings.done(at(1), &errands[0], Outcome::Ours { create: 10, revision: 10, state: None });
        assert_eq!(read(&mut holdings, "a").is_some(), is_owned, "{deleted}");
    }
}

#[test]
fn what_nobody_knows_to_be_ours_is_given_back_when_somebody_asks() {
    let mut holdings = usual();
    holdings.event(at(1), Change::Put(leasing_kv("a", "REVOKE", 10)));
    assert_eq!(returns(&mut holdings), [(key("a"), 10)]);
    let foreign = KeyValue { lease: LEASE + 1, ..leasing_kv("b", "REVOKE", 10) };
    holdings.event(at(1), Change::Put(foreign));
    assert_eq!(returns(&mut holdings), []);
}

#[test]
fn an_owner_that_is_somebody_else_or_gone_ends_our_ownership() {
    for (revision, is_owned) in [(9, true), (10, true), (11, false)] {
        let mut holdings = usual();
        own(&mut holdings, "a", 10, None);
        own(&mut holdings, "b", 10, None);
        allow(&mut holdings);
        holdings.event(at(2), Change::Deleted { leasing_key: key("P/a"), revision });
        let foreign = KeyValue { lease: LEASE + 1, ..leasing_kv("b", "", revision) };
        holdings.event(at(2), Change::Put(foreign));
        assert_eq!(read(&mut holdings, "a").is_some(), is_owned, "{revision}");
        assert_eq!(read(&mut holdings, "b").is_some(), is_owned, "{revision}");
    }
}

#[test]
fn a_key_that_is_being_written_is_not_answered_until_the_write_has_ended() {
    let mut holdings = usual();
    own(&mut holdings, "a", 10, Some(kv("a", "1", 5)));
    allow(&mut holdings);
    let (begun, guards) = holdings.begin(at(2), &point("a"));
    assert_eq!(guards.points, [(key("P/a"), 10)]);
    assert_eq!(read(&mut holdings, "a"), None);
    put(&mut holdings, &begun, "a", "2", 60);
    assert_eq!(read(&mut holdings, "a").as_deref(), Some("2"));
    let (begun, _) = holdings.begin(at(2), &point("a"));
    holdings.end(at(2), &begun, &Ending::NotDone);
    assert_eq!(read(&mut holdings, "a").as_deref(), Some("2"));
}

#[test]
fn writes_that_overlap_are_looked_up_after_the_last() {
    let mut holdings = usual();
    own(&mut holdings, "a", 10, Some(kv("a", "1", 5)));
    allow(&mut holdings);
    let (first, _) = holdings.begin(at(2), &point("a"));
    let (second, _) = holdings.begin(at(2), &point("a"));
    put(&mut holdings, &second, "a", "3", 61);
    assert_eq!(read(&mut holdings, "a"), None);
    put(&mut holdings, &first, "a", "2", 60);
    assert_eq!(read(&mut holdings, "a"), None);
    let refresh = Errand::Refresh { key: key("a"), create: 10 };
    assert_eq!(holdings.errands(at(2), 9), std::slice::from_ref(&refresh));
    let state = |revision| Outcome::Ours { create: 10, revision, state: Some(kv("a", "3", 61)) };
    holdings.done(at(2), &refresh, state(60));
    assert_eq!(read(&mut holdings, "a"), None, "older than what is known to have happened");
    holdings.done(at(2), &refresh, state(61));
    assert_eq!(read(&mut holdings, "a").as_deref(), Some("3"));
}

#[test]
fn a_write_whose_end_nobody_knows_costs_the_ownership() {
    for ending in [Ending::Unknown, Ending::Done { revision: 60, effects: None }] {
        let mut holdings = usual();
        own(&mut holdings, "a", 10, None);
        allow(&mut holdings);
        let (begun, _) = holdings.begin(at(2), &point("a"));
        holdings.end(at(2), &begun, &ending);
        assert_eq!(read(&mut holdings, "a"), None);
        let returned = holdings.errands(at(2), 9);
        assert_eq!(returned, [Errand::Return { key: key("a"), create: 10 }]);
        holdings.done(at(3), &returned[0], Outcome::Unknown);
        assert!(!holdings.want(at(90), &key("a")), "it may still be taken away");
        assert_eq!(holdings.errands(at(3), 9), returned, "it is tried again");
    }
}

#[test]
fn an_end_of_a_write_for_an_earlier_ownership_changes_nothing() {
    let mut holdings = usual();
    own(&mut holdings, "a", 10, None);
    allow(&mut holdings);
    let (begun, _) = holdings.begin(at(2), &point("a"));
    holdings.event(at(2), Change::Deleted { leasing_key: key("P/a"), revision: 20 });
    own(&mut holdings, "a", 30, Some(kv("a", "new", 25)));
    put(&mut holdings, &begun, "a", "old", 15);
    assert_eq!(read(&mut holdings, "a").as_deref(), Some("new"));
}

#[test]
fn a_range_that_is_written_is_given_back_and_not_acquired_meanwhile() {
    let mut holdings = usual();
    for name in ["a", "b", "z"] {
        own(&mut holdings, name, 10, None);
    }
    allow(&mut holdings);
    holdings.want(at(1), &key("c"));
    let acquiring = holdings.errands(at(1), 9);
    let range = KeyRange::new(&key("a"), &key("d"));
    let writes = Writes { points: vec![], ranges: vec![range.clone()] };
    holdings.block(std::slice::from_ref(&range));
    let (_, guards) = holdings.begin(at(2), &writes);
    assert_eq!(guards.ranges, [KeyRange::new(&key("P/a"), &key("P/d"))]);
    assert_eq!(read(&mut holdings, "a"), None);
    assert_eq!(read(&mut holdings, "z").as_deref(), Some(""));
    holdings.done(at(2), &acquiring[0], Outcome::Ours { create: 11, revision: 11, state: None });
    assert_eq!(read(&mut holdings, "c"), None);
    assert_eq!(returns(&mut holdings), [(key("a"), 10), (key("b"), 10), (key("c"), 11)]);
    assert!(!holdings.want(at(50), &key("bb")));
    holdings.unblock(&[range]);
    assert!(holdings.want(at(50), &key("bb")));
}

#[test]
fn keys_that_get_a_lease_or_a_large_value_are_given_back() {
    let mut holdings = holdings(Config { max_bytes: 8000, ..Config::new("P/") });
    allow(&mut holdings);
    for (name, request) in [
        ("a", PutRequest { key: key("a"), lease: 5, ..PutRequest::default() }),
        ("b", PutRequest { key: key("b"), value: vec![0; 1001].into(), ..PutRequest::default() }),
    ] {
        own(&mut holdings, name, 10, None);
        let (begun, _) = holdings.begin(at(1), &point(name));
        let effects = [Effect::Put(&request)];
        holdings.end(at(1), &begun, &Ending::Done { revision: 60, effects: Some(&effects) });
        assert_eq!(returns(&mut holdings), [(key(name), 10)]);
    }
}

#[test]
fn the_key_of_no_use_for_longest_makes_room() {
    let mut holdings = holdings(Config { max_keys: 2, ..Config::new("P/") });
    allow(&mut holdings);
    own(&mut holdings, "a", 10, None);
    own(&mut holdings, "b", 11, None);
    assert!(read_at(&mut holdings, at(1), "a").is_some());
    own(&mut holdings, "c", 12, None);
    assert_eq!(returns(&mut holdings), [(key("b"), 11)]);
    assert!(read_at(&mut holdings, at(1), "a").is_some() && read_at(&mut holdings, at(1), "c").is_some());
}

#[test]
fn one_caller_is_not_another() {
    let mut holdings = usual();
    own(&mut holdings, "a", 10, Some(kv("a", "1", 5)));
    let request = RangeRequest { key: key("a"), ..RangeRequest::default() };
    let (alice, bob) = (Caller::Named(key("alice")), Caller::Named(key("bob")));
    let is_answered =
        |holdings: &mut Holdings, caller: &Caller| holdings.read(at(2), caller, &request) != Reading::Ask;
    assert!(!is_answered(&mut holdings, &alice));
    holdings.allowed(&alice, &[key("a")], at(1));
    assert!(is_answered(&mut holdings, &alice));
    assert!(!is_answered(&mut holdings, &bob) && !is_answered(&mut holdings, &Caller::Anonymous));
    holdings.allowed(&Caller::Anonymous, &[key("other")], at(1));
    assert!(is_answered(&mut holdings, &Caller::Anonymous));
    assert!(!is_answered(&mut holdings, &bob));
    holdings.forbidden(&alice, &[key("a")]);
    assert!(!is_answered(&mut holdings, &alice) && is_answered(&mut holdings, &Caller::Anonymous));
    holdings.permissions_changed(at(2));
    assert!(!is_answered(&mut holdings, &Caller::Anonymous));
}

#[test]
fn a_writer_waits_for_owners_elsewhere_and_asks_each_once() {
    let mut holdings = usual();
    let (_, mut first) = holdings.clear(&point("a"));
    let (other, _second) = holdings.clear(&point("a"));
    let ask = Errand::Ask { key: key("a") };
    assert_eq!(holdings.errands(at(1), 9), std::slice::from_ref(&ask));
    holdings.done(at(1), &ask, Outcome::Done);
    holdings.leave(other);
    assert!(first.try_recv().is_err());
    holdings.event(at(1), Change::Deleted { leasing_key: key("P/a"), revision: 60 });
    assert_eq!(first.try_recv(), Ok(true));
    let (_, mut third) = holdings.clear(&point("a"));
    assert_eq!(holdings.errands(at(1), 9), std::slice::from_ref(&ask), "that is another owner");
    holdings.done(at(1), &ask, Outcome::NotOurs);
    assert_eq!(third.try_recv(), Ok(false));
    let (gone, _) = holdings.clear(&point("a"));
    holdings.leave(gone);
    assert_eq!(holdings.errands(at(1), 9), [], "nobody waits any more");
    assert_eq!(holdings.waiters(), 0);
}

#[test]
fn a_writer_of_a_range_waits_for_all_that_are_listed() {
    let mut holdings = usual();
    own(&mut holdings, "a", 10, None);
    let range = KeyRange::new(&key("a"), &key("d"));
    let (_, mut cleared) = holdings.clear(&Writes { points: vec![], ranges: vec![range] });
    let listing = holdings.listing().unwrap();
    assert_eq!(listing.range, KeyRange::new(&key("P/a"), &key("P/d")));
    let foreign = KeyValue { lease: LEASE + 1, ..leasing_kv("b", "", 12) };
    let unknown = leasing_kv("c", "", 13);
    holdings.listed(at(1), &listing, &[leasing_kv("a", "", 10), foreign, unknown]);
    let errands = holdings.errands(at(1), 9);
    let expected = [
        Errand::Return { key: key("a"), create: 10 },
        Errand::Return { key: key("c"), create: 13 },
        Errand::Ask { key: key("b") },
    ];
    assert_eq!(errands, expected);
    holdings.done(at(1), &errands[0], Outcome::Done);
    holdings.done(at(1), &errands[1], Outcome::Done);
    holdings.done(at(1), &errands[2], Outcome::Done);
    assert!(cleared.try_recv().is_err());
    holdings.event(at(1), Change::Deleted { leasing_key: key("P/b"), revision: 60 });
    assert_eq!(cleared.try_recv(), Ok(true));
}

#[test]
fn after_lost_events_what_is_gone_or_asked_for_is_not_ours() {
    let mut holdings = usual();
    for name in ["a", "b", "c", "d"] {
        own(&mut holdings, name, 10, None);
    }
    allow(&mut holdings);
    let page = KeyRange::new(&key("P/"), &key("P0"));
    let foreign = KeyValue { lease: LEASE + 1, ..leasing_kv("d", "", 12) };
    let found = [leasing_kv("a", "", 10), leasing_kv("c", "REVOKE", 10), foreign];
    holdings.relisted(at(2), &page, 60, &found);
    assert_eq!(
        ["a", "b", "c", "d"].map(|name| read(&mut holdings, name).is_some()),
        [true, false, false, false]
    );
    assert_eq!(returns(&mut holdings), [(key("c"), 10)]);
}

#[test]
fn whoever_does_not_hear_while_etcd_answers_gives_everything_back() {
    let mut holdings = usual();
    own(&mut holdings, "a", 10, None);
    allow(&mut holdings);
    holdings.hears(at(2), false);
    holdings.hears(at(11), false);
    holdings.kept(Moment(12 * SECOND - 1));
    assert!(read_at(&mut holdings, at(11), "a").is_some());
    assert!(read_at(&mut holdings, at(90), "a").is_some(), "cut off, until the lease ends");
    holdings.kept(at(12));
    assert_eq!(read_at(&mut holdings, at(12), "a"), None);
    assert_eq!(returns(&mut holdings), [(key("a"), 10)]);
    assert!(!holdings.want(at(12), &key("b")));
    holdings.hears(at(13), true);
    assert!(holdings.want(at(13), &key("b")));
}
