//! Ranges by tables, and the one law that all of them follow.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn entered(prefix: &[u8], key: &[u8], range_end: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut key, mut range_end) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(range_end));
    Prefix::new(Bytes::copy_from_slice(prefix)).enter_range(&mut key, &mut range_end);
    (key.to_vec(), range_end.to_vec())
}

#[test]
fn ranges_stay_inside_of_the_namespace() {
    let rows: [[&[u8]; 5]; 12] = [
        // prefix, key, range_end: what etcd is asked for.
        [b"ns/", b"a", b"", b"ns/a", b""],
        [b"ns/", b"a", b"b", b"ns/a", b"ns/b"],
        [b"ns/", b"b", b"a", b"ns/b", b"ns/a"],
        [b"ns/", b"a", b"\0", b"ns/a", b"ns0"],
        [b"ns/", b"\0", b"\0", b"ns/\0", b"ns0"],
        [b"ns/", b"\xff", b"\0\0", b"ns/\xff", b"ns/\0\0"],
        [b"ns/", b"", b"", b"", b""],
        [b"ns/", b"", b"b", b"", b""],
        [b"ns/", b"", b"\0", b"", b""],
        [b"a\xff", b"k", b"\0", b"a\xffk", b"b"],
        [b"a\xfe\xff\xff", b"k", b"\0", b"a\xfe\xff\xffk", b"a\xff"],
        [b"\xff\xff", b"k", b"\0", b"\xff\xffk", b"\0"],
    ];
    for [prefix, key, range_end, wanted_key, wanted_end] in rows {
        let wanted = (wanted_key.to_vec(), wanted_end.to_vec());
        assert_eq!(entered(prefix, key, range_end), wanted, "{prefix:?} {key:?} {range_end:?}");
    }
}

#[test]
fn an_empty_prefix_changes_nothing() {
    for (key, range_end) in [("a", ""), ("a", "\0"), ("", ""), ("", "\0"), ("", "b")] {
        let wanted = (key.as_bytes().to_vec(), range_end.as_bytes().to_vec());
        assert_eq!(entered(b"", key.as_bytes(), range_end.as_bytes()), wanted);
    }
    let mut key = Bytes::new();
    assert!(Prefix::default().leave_key(&mut key));
}

#[test]
fn nothing_is_copied_but_what_enters_a_prefix() {
    let (mut key, mut range_end) = (Bytes::from(b"ns/a".to_vec()), Bytes::from(b"ns/b".to_vec()));
    let places = (key.as_ptr(), range_end.as_ptr());
    Prefix::default().enter_range(&mut key, &mut range_end);
    Prefix::default().enter_name(&mut key);
    assert_eq!((key.as_ptr(), range_end.as_ptr()), places);
    let stripped = key.slice(3..).as_ptr();
    assert!(Prefix::new("ns/").leave_key(&mut key));
    assert_eq!(key.as_ptr(), stripped);
}

#[test]
fn the_bare_prefix_and_foreign_keys_do_not_leave() {
    let prefix = Prefix::new("ns/");
    for foreign in ["", "n", "ns", "ns/", "ns0", "ns.a", "a"] {
        let mut key = Bytes::from(foreign);
        assert!(!prefix.leave_key(&mut key), "{foreign}");
        assert_eq!(key, foreign);
    }
    let mut key = Bytes::from("ns/ns/");
    assert!(prefix.leave_key(&mut key));
    assert_eq!(key, "ns/");
}

#[test]
fn a_name_may_be_empty_and_a_key_may_not() {
    let prefix = Prefix::new("ns/");
    let (mut name, mut key) = (Bytes::new(), Bytes::new());
    prefix.enter_name(&mut name);
    prefix.enter_key(&mut key);
    assert_eq!((&name[..], &key[..]), (&b"ns/"[..], &b""[..]));
    prefix.leave_name(&mut name);
    assert_eq!(name, "");
    let mut foreign = Bytes::from("elsewhere");
    prefix.leave_name(&mut foreign);
    assert_eq!(foreign, "");
}

/// etcd's rule of what a range holds.
fn holds(key: &[u8], range_end: &[u8], candidate: &[u8]) -> bool {
    match range_end {
        [] => candidate == key,
        [0] => candidate >= key,
        _ => candidate >= key && candidate < range_end,
    }
}

fn bytes(least: usize, most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(vec![0x00, 0x01, 0xfe, 0xff]), least..=most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// A range of the tenant's holds exactly those of the tenant's keys that it would hold in a store of its own.
    #[test]
    fn a_range_holds_what_it_would_hold_in_a_private_store(
        prefix in bytes(1, 3), key in bytes(1, 3), range_end in bytes(0, 3), physical in bytes(1, 5), inside: bool,
    ) {
        let physical = if inside { [&prefix[..], &physical].concat() } else { physical };
        let (entered_key, entered_end) = entered(&prefix, &key, &range_end);
        let mut own = Bytes::from(physical.clone());
        let is_own = Prefix::new(prefix).leave_key(&mut own);
        let wanted = is_own && holds(&key, &range_end, &own);
        prop_assert_eq!(holds(&entered_key, &entered_end, &physical), wanted);
    }
}
