//! Shapes and answers, by tables.

use proto_gen::etcdserverpb::{RangeResponse, ResponseHeader};
use proto_gen::mvccpb::KeyValue;

use super::*;
use crate::ops::{delete, get, put, txn};

fn guards() -> Guards {
    Guards { points: vec![("_l/a".into(), 0)], ranges: vec![] }
}

fn compare() -> Compare {
    Compare { key: "c".into(), ..Compare::default() }
}

fn user(compares: usize, failure: Vec<RequestOp>) -> TxnRequest {
    TxnRequest { compare: vec![compare(); compares], success: vec![put("a")], failure }
}

fn range_answer(create_revisions: &[i64]) -> ResponseOp {
    let kv = |create_revision: &i64| KeyValue { create_revision: *create_revision, ..KeyValue::default() };
    let kvs = create_revisions.iter().map(kv).collect();
    ResponseOp { response: Some(OpAnswer::ResponseRange(RangeResponse { kvs, ..RangeResponse::default() })) }
}

fn answer(succeeded: bool, responses: Vec<ResponseOp>) -> TxnResponse {
    TxnResponse { header: Some(ResponseHeader { revision: 9, ..Default::default() }), succeeded, responses }
}

#[test]
fn operations_are_nested_only_where_both_branches_may_write() {
    for (user, expected) in [
        (user(0, vec![]), Shape::Plain),
        (user(1, vec![]), Shape::Merged),
        (user(0, vec![get("r")]), Shape::Merged),
        (user(1, vec![get("r")]), Shape::Merged),
        (user(1, vec![put("a")]), Shape::Nested),
        (
            user(1, vec![txn(TxnRequest { failure: vec![delete("x", "")], ..Default::default() })]),
            Shape::Nested,
        ),
    ] {
        assert_eq!(shape(&user), expected, "{user:?}");
    }
}

#[test]
fn a_transaction_with_only_reads_in_its_else_stays_one_of_its_own_level() {
    let user = user(1, vec![get("r")]);
    let sent = guarded(&user, &guards(), Shape::Merged, &[]);
    assert_eq!(sent.compare.len(), 2);
    assert_eq!(sent.success, user.success);
    assert_eq!(sent.failure.len(), 2);
    let reply = |answer| reply(&user, &guards(), Shape::Merged, answer);
    let held = answer(false, vec![range_answer(&[5]), range_answer(&[])]);
    assert_eq!(reply(held), Reply::Done(answer(false, vec![range_answer(&[5])])), "the compares failed");
    assert_eq!(reply(answer(false, vec![range_answer(&[5]), range_answer(&[7])])), Reply::Refused);
    assert_eq!(reply(answer(false, vec![range_answer(&[5])])), Reply::Strange);
    assert_eq!(reply(answer(false, vec![])), Reply::Strange);
    let done = answer(true, vec![]);
    assert_eq!(reply(done.clone()), Reply::Done(done));
}

#[test]
fn a_nested_answer_is_the_callers_with_the_header_of_the_whole() {
    let user = user(1, vec![put("a")]);
    let sent = guarded(&user, &guards(), Shape::Nested, &[]);
    assert_eq!((sent.compare.len(), sent.success, sent.failure), (1, vec![txn(user.clone())], vec![]));
    let reply = |answer| reply(&user, &guards(), Shape::Nested, answer);
    let nested = TxnResponse { header: None, succeeded: false, responses: vec![range_answer(&[])] };
    let outer = answer(true, vec![ResponseOp { response: Some(OpAnswer::ResponseTxn(nested)) }]);
    assert_eq!(reply(outer), Reply::Done(answer(false, vec![range_answer(&[])])));
    assert_eq!(reply(answer(false, vec![])), Reply::Refused);
    assert_eq!(reply(answer(true, vec![range_answer(&[])])), Reply::Strange);
}

#[test]
fn a_plain_write_carries_what_its_caller_must_be_allowed() {
    let user = user(0, vec![]);
    let sent = guarded(&user, &guards(), Shape::Plain, &[get("a")]);
    assert_eq!((sent.compare.len(), sent.success, sent.failure), (1, user.success.clone(), vec![get("a")]));
    let refused = answer(false, vec![range_answer(&[])]);
    assert_eq!(reply(&user, &guards(), Shape::Plain, refused), Reply::Refused);
}

#[test]
fn permission_is_asked_for_all_that_is_nested_and_nothing_is_done() {
    let inner = TxnRequest { compare: vec![compare()], success: vec![get("r")], failure: vec![put("b")] };
    let outer = TxnRequest {
        compare: vec![compare()],
        success: vec![put("a"), txn(inner)],
        failure: vec![put("a"), delete("a", "c")],
    };
    let asked = permission_questions(&outer, &guards());
    assert_eq!(asked.len(), 3);
    for question in &asked {
        assert_eq!(question.compare[0], never(guards().compares().next().unwrap()));
        assert_eq!(question.compare[0].key, "_l/a");
        assert!(question.failure.is_empty());
    }
    assert_eq!(asked[0].compare.len(), 3);
    let keys = |txn: &TxnRequest| txn.success.len();
    assert_eq!((keys(&asked[1]), keys(&asked[2])), (2, 2));
}
