//! Every method of the API is on one side or the other, and messages are judged by what they do.

use proto_gen::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest};

use super::*;
use crate::services::calls::Methods;

/// Whoever adds a method to the API says here what it does.
#[rustfmt::skip]
const WRITES: &[(&str, &[&str])] = &[
    ("etcdserverpb.KV", &["Put", "DeleteRange", "Compact"]),
    ("etcdserverpb.Watch", &[]),
    ("etcdserverpb.Lease", &["LeaseGrant", "LeaseRevoke", "LeaseKeepAlive"]),
    ("etcdserverpb.Cluster", &["MemberAdd", "MemberRemove", "MemberUpdate", "MemberPromote"]),
    ("etcdserverpb.Maintenance", &["Defragment", "MoveLeader"]),
    ("etcdserverpb.Auth", &[
        "AuthEnable", "AuthDisable", "UserAdd", "UserDelete", "UserChangePassword", "UserGrantRole", "UserRevokeRole",
        "RoleAdd", "RoleDelete", "RoleGrantPermission", "RoleRevokePermission",
    ]),
    ("v3electionpb.Election", &["Campaign", "Proclaim", "Resign"]),
    ("v3lockpb.Lock", &["Lock", "Unlock"]),
];
#[rustfmt::skip]
const READS: &[(&str, &[&str])] = &[
    ("etcdserverpb.KV", &["Range", "RangeStream"]),
    ("etcdserverpb.Watch", &["Watch"]),
    ("etcdserverpb.Lease", &["LeaseTimeToLive", "LeaseLeases"]),
    ("etcdserverpb.Cluster", &["MemberList"]),
    ("etcdserverpb.Maintenance", &["Status", "Hash", "HashKV", "Snapshot"]),
    ("etcdserverpb.Auth", &["Authenticate", "AuthStatus", "UserGet", "UserList", "RoleGet", "RoleList"]),
    ("v3electionpb.Election", &["Leader", "Observe"]),
    ("grpc.health.v1.Health", &["Check", "List", "Watch"]),
];
const JUDGED: &[(&str, &[&str])] =
    &[("etcdserverpb.KV", &["Txn"]), ("etcdserverpb.Maintenance", &["Alarm", "Downgrade"])];

#[test]
fn every_method_of_the_api_reads_or_writes() {
    let is_in = |table: &[(&str, &[&str])], service: &str, method: &str| {
        table.iter().any(|(name, methods)| *name == service && methods.contains(&method))
    };
    let methods = Methods::known();
    assert!(methods.all().len() > 45);
    for method in methods.all() {
        let (service, name) = (method.service.as_str(), method.name.as_str());
        let expected = [WRITES, READS, JUDGED].map(|table| is_in(table, service, name));
        assert_eq!(expected.iter().filter(|is| **is).count(), 1, "{service}/{name} is in one of the tables");
        let found = access(service, name);
        let found = [
            matches!(found, Access::Write),
            matches!(found, Access::Read),
            matches!(found, Access::Judged(_)),
        ];
        assert_eq!(found, expected, "{service}/{name}");
    }
}

#[test]
fn what_is_not_known_might_write() {
    for (service, method) in
        [("etcdserverpb.KV", "Upsert"), ("etcdserverpb.Watch", "Rewind"), ("acme.Database", "Read"), ("", "")]
    {
        assert!(matches!(access(service, method), Access::Write), "{service}/{method}");
    }
}

fn op(request: Op) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn txn(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> TxnRequest {
    TxnRequest { success, failure, ..TxnRequest::default() }
}

#[test]
fn a_transaction_writes_as_soon_as_one_of_its_operations_does_at_any_depth() {
    let read = || op(Op::RequestRange(RangeRequest::default()));
    let put = || op(Op::RequestPut(PutRequest::default()));
    let delete = || op(Op::RequestDeleteRange(DeleteRangeRequest::default()));
    let nested = |inner: RequestOp, depth: usize| {
        (0..depth).fold(inner, |inner, _| op(Op::RequestTxn(txn(vec![read()], vec![inner]))))
    };
    let reads = |txn: TxnRequest| txn_reads(&txn.encode_to_vec());
    assert!(reads(txn(vec![], vec![])) && reads(txn(vec![read()], vec![read(), nested(read(), 9)])));
    for depth in [0, 1, 2, 20] {
        assert!(!reads(txn(vec![nested(put(), depth)], vec![])), "{depth}");
        assert!(!reads(txn(vec![read()], vec![read(), nested(delete(), depth)])), "{depth}");
    }
    assert!(!txn_reads(b"\xff\xff"), "what cannot be read might write");
    assert!(!reads(txn(vec![nested(read(), 200)], vec![])), "nor what is too deep to be read");
}

#[test]
fn alarms_may_be_looked_at_and_a_downgrade_tried() {
    let alarm = |action| alarm_reads(&AlarmRequest { action, ..AlarmRequest::default() }.encode_to_vec());
    assert!(alarm(0) && !alarm(1) && !alarm(2) && !alarm(7));
    let downgrade =
        |action| downgrade_reads(&DowngradeRequest { action, ..DowngradeRequest::default() }.encode_to_vec());
    assert!(downgrade(0) && !downgrade(1) && !downgrade(2) && !downgrade(7));
}

#[test]
fn only_one_plain_message_is_judged() {
    let found = |bytes: &'static [u8]| message(&Bytes::from_static(bytes)).is_some();
    assert!(found(b"\0\0\0\0\0") && found(b"\0\0\0\0\x01x"));
    for bytes in [&b""[..], b"\0\0\0\0", b"\x01\0\0\0\x01x", b"\0\0\0\0\x02x", b"\0\0\0\0\0\0\0\0\0\0"] {
        assert!(!found(bytes), "{bytes:?}");
    }
}
