//! JSON as clients write it, and the messages that come of it.

use prost_reflect::DescriptorPool;
use proto_gen::etcdserverpb::compare::TargetUnion;
use proto_gen::etcdserverpb::request_op::Request;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::*;

use super::*;

fn framed(name: &str, json: &str) -> Result<Bytes, Status> {
    let pool = DescriptorPool::decode(proto_gen::FILE_DESCRIPTOR_SET).unwrap();
    frame(&pool.get_message_by_name(&format!("etcdserverpb.{name}")).unwrap(), Some(json.as_bytes()))
}

#[track_caller]
fn message<M: prost_reflect::prost::Message + Default>(name: &str, json: &str) -> M {
    let frame = framed(name, json).unwrap();
    let (prefix, message) = frame.split_at(PREFIX_BYTES);
    assert_eq!(prefix, [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes()].concat());
    M::decode(message).unwrap()
}

#[track_caller]
fn range(json: &str) -> RangeRequest {
    message("RangeRequest", json)
}

#[track_caller]
fn refused(name: &str, json: &str) -> String {
    let status = framed(name, json).unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    status.message().to_owned()
}

#[test]
fn nothing_at_all_is_a_message_without_fields() {
    let pool = DescriptorPool::decode(proto_gen::FILE_DESCRIPTOR_SET).unwrap();
    let descriptor = pool.get_message_by_name("etcdserverpb.StatusRequest").unwrap();
    assert_eq!(frame(&descriptor, None).unwrap(), vec![0; 5]);
}

#[test]
fn fields_have_two_names_and_unknown_ones_are_ignored() {
    let expected =
        RangeRequest { key: "a".into(), range_end: "b".into(), keys_only: true, ..Default::default() };
    assert_eq!(range(r#"{"key":"YQ==","range_end":"Yg==","keys_only":true}"#), expected);
    assert_eq!(range(r#"{"key":"YQ==","rangeEnd":"Yg==","keysOnly":true}"#), expected);
    assert_eq!(range(r#"{"x":[{"y":"\ud800"}],"key":"YQ==","rangeEnd":"Yg==","keysOnly":true,"z":null}"#.replace("\\ud800", "u").as_str()), expected);
    assert_eq!(range(r#"{"key":null,"limit":null,"sort_order":null}"#), RangeRequest::default());
}

#[test]
fn bytes_come_in_every_kind_of_base64() {
    let key = |text: &str| range(&format!(r#"{{"key":"{text}"}}"#)).key;
    let expected: &[u8] = &[0xfb, 0xff];
    for text in ["+/8=", "-_8=", "+/8", "-_8", r"+\/8=\n", r"\r\n+/8="] {
        assert_eq!(key(text), expected, "{text}");
    }
    assert_eq!(key(""), Bytes::new());
    for text in ["+_8=", "a", "é", "YQ==YQ==", "Y Q=="] {
        assert!(refused("RangeRequest", &format!(r#"{{"key":"{text}"}}"#)).contains("base64"), "{text}");
    }
}

#[test]
fn a_line_end_in_a_text_stays_where_there_is_one_in_base64() {
    let json = r#"{"name":"a\nb","password":"c\n","hashedPassword":"d"}"#;
    let user: AuthUserAddRequest = message("AuthUserAddRequest", json);
    assert_eq!((user.name.as_str(), user.password.as_str()), ("a\nb", "c\n"));
    let json = r#"{"success":[{"request_put":{"key":"YQ\n==","value":"Yg=\n="}}]}"#;
    let txn: TxnRequest = message("TxnRequest", json);
    let Some(Request::RequestPut(put)) = &txn.success[0].request else { panic!("{txn:?}") };
    assert_eq!((&put.key[..], &put.value[..]), (&b"a"[..], &b"b"[..]));
}

#[test]
fn numbers_may_be_texts_and_have_an_exponent() {
    let limit = |text: &str| range(&format!(r#"{{"limit":{text}}}"#)).limit;
    for text in ["10", "\"10\"", "1e1", "10.0"] {
        assert_eq!(limit(text), 10, "{text}");
    }
    assert_eq!(limit("-9223372036854775808"), i64::MIN);
    assert_eq!(limit("\"9223372036854775807\""), i64::MAX);
    let member: MemberRemoveRequest = message("MemberRemoveRequest", r#"{"ID":18446744073709551615}"#);
    assert_eq!(member.id, u64::MAX);
}

#[test]
fn what_is_no_number_of_64_bits_is_refused() {
    for text in [
        "1.5",
        "true",
        "\"x\"",
        "\"\"",
        "[]",
        "{}",
        "9223372036854775808",
        "-9223372036854775809",
        "99999999999999999999",
        "1e400",
        "1e19",
        "--1",
        "01",
    ] {
        refused("RangeRequest", &format!(r#"{{"limit":{text}}}"#));
    }
    for text in ["-1", "18446744073709551616", "\"18446744073709551616\"", "1e20"] {
        refused("MemberRemoveRequest", &format!(r#"{{"ID":{text}}}"#));
    }
    // In a text it is none of the parser's numbers.
    let text = "9".repeat(30);
    let user: AuthUserGetRequest = message("AuthUserGetRequest", &format!(r#"{{"name":"\"{text}"}}"#));
    assert_eq!(user.name, format!("\"{text}"));
}

#[test]
fn enums_are_names_or_numbers_and_unknown_names_are_ignored() {
    let order = |text: &str| range(&format!(r#"{{"sort_order":{text}}}"#)).sort_order;
    assert_eq!([order("\"DESCEND\""), order("2"), order("\"NONSENSE\""), order("9")], [2, 2, 0, 9]);
    refused("RangeRequest", r#"{"sort_order":[]}"#);
}

#[test]
fn one_of_many_is_one() {
    let compare: Compare = message("Compare", r#"{"target":"MOD","mod_revision":0}"#);
    assert_eq!(compare.target_union, Some(TargetUnion::ModRevision(0)));
    assert!(refused("Compare", r#"{"version":1,"value":"YQ=="}"#).contains("oneof"));
    let watch: WatchRequest = message("WatchRequest", r#"{"progress_request":{}}"#);
    assert!(matches!(watch.request_union, Some(RequestUnion::ProgressRequest(_))));
}

#[test]
fn what_is_cut_off_is_told_from_what_is_wrong() {
    assert_eq!(refused("RangeRequest", r#"{"key":"YQ=="#), "unexpected EOF");
    assert!(refused("RangeRequest", r#"{"key" "YQ=="}"#).starts_with("invalid request: expected `:`"));
    assert!(refused("RangeRequest", "[]").contains("expected a map"));
    let deep = format!("{}1{}", r#"{"success":[{"request_txn":"#.repeat(5000), "}]}".repeat(5000));
    assert!(refused("TxnRequest", &deep).contains("recursion limit"));
}
