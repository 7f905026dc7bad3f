//! What becomes of members and of the pin when a roster follows another.

use super::*;

fn endpoints(texts: &[&str]) -> Vec<Endpoint> {
    texts.iter().map(|text| text.parse().expect("an endpoint")).collect()
}

fn roster(policy: Policy, texts: &[&str]) -> Roster {
    Roster::first(policy, &endpoints(texts), false)
}

fn addresses<'a>(members: impl IntoIterator<Item = &'a Arc<Member>>) -> Vec<String> {
    members.into_iter().map(|member| member.endpoint.address()).collect()
}

/// The roster after this list, which must differ from the present one.
fn after(roster: &Roster, texts: &[&str]) -> Succession {
    roster.succession(&endpoints(texts), false).expect("a change")
}

#[test]
fn who_stays_is_the_same_member_whatever_its_endpoint_is_called() {
    let old = roster(Policy::Pin, &["a:1", "b:1"]);
    old.members[0].record_failure("remembered");
    let Succession { roster, added, removed } = after(&old, &["http://a:1", "http://c:1"]);
    assert!(Arc::ptr_eq(&roster.members[0], &old.members[0]));
    assert_eq!((addresses(&added), addresses(&removed)), (vec!["c:1".to_owned()], vec!["b:1".to_owned()]));
    assert_eq!(roster.statuses()[0].failures, 1);
}

#[test]
fn tls_makes_another_member_of_one_address() {
    let old = roster(Policy::Pin, &["a:1"]);
    let Succession { added, removed, .. } = after(&old, &["https://a:1"]);
    assert_eq!((added.len(), removed.len()), (1, 1));
}

#[test]
fn nothing_follows_from_an_empty_list_or_from_the_same_one_in_another_order() {
    let old = roster(Policy::Pin, &["a:1", "b:1"]);
    assert!(old.succession(&[], false).is_none());
    assert!(old.succession(&endpoints(&["http://b:1", "a:1", "b:1"]), false).is_none());
}

#[test]
fn one_address_is_one_member_however_often_it_is_named() {
    assert_eq!(roster(Policy::Pin, &["a:1", "http://a:1", "a:1"]).members.len(), 1);
    let old = roster(Policy::Pin, &["a:1"]);
    let next = after(&old, &["a:1", "b:1", "http://b:1"]);
    assert_eq!((next.roster.members.len(), next.added.len()), (2, 1));
}

#[test]
fn the_pin_stays_with_its_member_and_otherwise_goes_to_a_healthy_one() {
    for _ in 0..32 {
        let old = roster(Policy::Pin, &["a:1", "b:1", "c:1"]);
        let pinned = Arc::clone(&old.members[old.choose(&[]).expect("a member")]);
        let next = after(&old, &["d:1", "c:1", "b:1", "a:1"]).roster;
        assert!(Arc::ptr_eq(&next.members[next.choose(&[]).expect("a member")], &pinned));
        old.members[2].set_health(Health::Unreachable);
        let without: Vec<_> = ["a:1", "b:1", "c:1", "d:1"]
            .into_iter()
            .filter(|text| *text != pinned.endpoint.address())
            .collect();
        let next = after(&old, &without).roster;
        let chosen = &next.members[next.choose(&[]).expect("a member")];
        assert!(["a:1", "b:1"].contains(&chosen.endpoint.address().as_str()), "{chosen:?}");
        assert_eq!(chosen.health(), Health::Healthy);
    }
}

#[test]
fn a_newcomer_takes_calls_once_it_says_that_it_serves() {
    let old = roster(Policy::RoundRobin, &["a:1"]);
    let next = after(&old, &["a:1", "b:1"]).roster;
    assert!((0..4).all(|_| next.choose(&[]) == Some(0)));
    next.members[1].set_health(Health::Healthy);
    let chosen: Vec<_> = (0..2).filter_map(|_| next.choose(&[])).collect();
    assert!(chosen.contains(&0) && chosen.contains(&1), "{chosen:?}");
}

#[test]
fn newcomers_are_trusted_where_nobody_else_serves() {
    let old = roster(Policy::Pin, &["a:1", "b:1"]);
    assert!(after(&old, &["c:1"]).roster.has(Health::Healthy));
    old.members[0].set_health(Health::Unreachable);
    let next = after(&old, &["a:1", "c:1"]).roster;
    assert_eq!(next.choose(&[]), Some(1));
}
