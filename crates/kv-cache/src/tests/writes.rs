//! What ends an answer.

use bytes::Bytes;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{CompactionRequest, DeleteRangeRequest, RequestOp, TxnRequest};

use super::*;
use crate::pending::Reach;
use proto_gen::KeyRange;

const RANGES: [(&str, &str); 4] = [("k", ""), ("a", "z"), ("k", "\0"), ("\0", "\0")];

/// Reads every range twice, lets a write happen, and gives how many of the ranges had to be asked for again.
async fn ended(house: &House, write: impl AsyncFnOnce()) -> usize {
    for _ in 0..2 {
        for (key, range_end) in RANGES {
            house.read(range(key, range_end)).await;
        }
    }
    write().await;
    let before = house.asked();
    for (key, range_end) in RANGES {
        house.read(range(key, range_end)).await;
    }
    house.asked() - before
}

#[tokio::test(start_paused = true)]
async fn every_write_is_in_the_next_read() {
    let house = House::prompt(Config::default());
    house.put("k", "1").await;
    house.put("zz", "1").await;
    let op = |request| RequestOp { request: Some(request) };
    let nested = |depth: usize| {
        let innermost = op(Op::RequestPut(put("k", "nested")));
        (0..depth).fold(innermost, |inner, _| {
            op(Op::RequestTxn(TxnRequest { success: vec![inner], ..TxnRequest::default() }))
        })
    };
    let deleted = |key: &'static str, range_end: &'static str| DeleteRangeRequest {
        key: key.into(),
        range_end: range_end.into(),
        prev_kv: false,
    };
    assert_eq!(ended(&house, async || house.put_again("k").await).await, 4);
    assert_eq!(ended(&house, async || house.put_again("zz").await).await, 2, "those up to z stay");
    for (key, range_end, expected) in [("a", "b", 3), ("k", "", 4), ("m", "\0", 3), ("\0", "\0", 4)] {
        let delete = async || {
            house.put("k", "again").await;
            house.kv.delete_range(Request::new(deleted(key, range_end))).await.unwrap();
        };
        // The put in front of it ends them all; the delete is what the next round looks at.
        assert_eq!(ended(&house, delete).await, 4);
        let alone = async || {
            house.kv.delete_range(Request::new(deleted(key, range_end))).await.unwrap();
        };
        let again = ended(&house, alone).await;
        assert!(again <= expected, "{key} {range_end}: {again}");
    }
    for depth in [0, 1, 3] {
        let txn = async || {
            let request = TxnRequest { success: vec![nested(depth)], ..TxnRequest::default() };
            house.kv.txn(Request::new(request)).await.unwrap();
        };
        assert_eq!(ended(&house, txn).await, 4, "depth {depth}");
        assert_eq!(value(&house.read(get("k")).await), b"nested");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_lease_ends_every_answer_with_keys() {
    let house = House::prompt(Config::default());
    house.put("k", "1").await;
    house.read(get("missing")).await;
    let revoke = async || {
        let revision = house.etcd.store().foreign(&put("gone", ""));
        let answer = Ok(tonic::Response::new(()));
        house.cache.pending(Reach::Keys).end(&answer, |()| Some(revision));
    };
    assert_eq!(ended(&house, revoke).await, 4);
    let before = house.asked();
    house.read(get("missing")).await;
    assert_eq!(house.asked(), before, "nothing can be taken away where there is nothing");
}

#[tokio::test(start_paused = true)]
async fn a_compaction_ends_answers_about_the_past() {
    let house = House::prompt(Config::default());
    house.put("k", "1").await;
    house.put("k", "2").await;
    let past = || RangeRequest { revision: 2, ..get("k") };
    assert_eq!(value(&house.read(past()).await), b"1");
    house.read(past()).await;
    house.read(get("k")).await;
    assert_eq!(house.asked(), 2);
    house.kv.compact(Request::new(CompactionRequest { revision: 3, physical: false })).await.unwrap();
    let refused = house.kv.range(Request::new(past())).await.unwrap_err();
    assert_eq!(refused.message(), "etcdserver: mvcc: required revision has been compacted");
    house.read(get("k")).await;
    assert_eq!(house.asked(), 3, "the present is not compacted");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_permissions_ends_everything() {
    let house = House::prompt(Config::default());
    house.read_as("guest", get("k")).await.unwrap();
    house.etcd.store().refused.insert("guest".to_owned());
    house.cache.pending_change().ended();
    assert!(house.read_as("guest", get("k")).await.is_err());
    tokio::time::advance(Duration::from_millis(1)).await;
    house.read(get("k")).await;
    house.cache.pending_change().forget();
    let before = house.asked();
    house.read(get("k")).await;
    assert_eq!(house.asked(), before);
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_keeps_its_range_out_of_memory_for_a_while() {
    let house = House::prompt(Config::default());
    for (key, range_end) in RANGES {
        house.read(range(key, range_end)).await;
    }
    house.read(get("far")).await;
    drop(house.cache.pending(Reach::Ranges(vec![KeyRange::point(&Bytes::from_static(b"k"))])));
    let before = house.asked();
    for _ in 0..3 {
        house.read(get("k")).await;
        house.read(range("a", "z")).await;
        house.read(get("far")).await;
    }
    assert_eq!(house.asked() - before, 6);
    tokio::time::advance(Duration::from_secs(11)).await;
    let before = house.asked();
    for _ in 0..3 {
        house.read(get("k")).await;
    }
    assert_eq!(house.asked() - before, 1);
}
