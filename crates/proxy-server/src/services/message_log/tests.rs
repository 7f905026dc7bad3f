//! Messages as they are logged.

use prost::Message;
use proto_gen::etcdserverpb::request_op::Request;
use proto_gen::etcdserverpb::{
    AuthUserAddRequest, AuthenticateRequest, AuthenticateResponse, PutRequest, RangeRequest, RangeResponse,
    RequestOp, ResponseHeader, TxnRequest, WatchCreateRequest, WatchRequest, watch_request::RequestUnion,
};
use proto_gen::mvccpb::KeyValue;

use super::*;

fn framed(message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    [&[0], &(body.len() as u32).to_be_bytes()[..], &body].concat()
}

fn taps(path: &str) -> (Tap, Tap) {
    let (requests, answers) = MessageLog::new(true).listen(path, "127.0.0.1:1".parse().unwrap());
    (*requests.unwrap(), *answers.unwrap())
}

fn request(path: &str, message: &impl Message) -> String {
    taps(path).0.contents([&framed(message)[..]]).concat()
}

fn answer(path: &str, message: &impl Message) -> String {
    taps(path).1.contents([&framed(message)[..]]).concat()
}

#[test]
fn nothing_is_heard_where_it_is_off_or_the_service_is_unknown() {
    let peer = "127.0.0.1:1".parse().unwrap();
    assert!(MessageLog::new(false).listen("/etcdserverpb.KV/Put", peer).0.is_none());
    assert!(MessageLog::new(true).listen("/other.Service/Call", peer).0.is_none());
}

#[test]
fn keys_and_values_are_cut_short() {
    let put = PutRequest { key: "a".into(), value: "v".repeat(40).into(), lease: 7, ..Default::default() };
    let shown = format!(r#"{{"key":"a","lease":"7","value":"{}…(+8 bytes)"}}"#, "v".repeat(32));
    assert_eq!(request("/etcdserverpb.KV/Put", &put), shown);
    let odd = PutRequest { key: b"\xff\n".to_vec().into(), ..Default::default() };
    assert_eq!(request("/etcdserverpb.KV/Put", &odd), r#"{"key":"\\xff\\n"}"#);
}

#[test]
fn passwords_and_tokens_are_never_shown() {
    let login = AuthenticateRequest { name: "bob".into(), password: "s3cret".into() };
    assert_eq!(
        request("/etcdserverpb.Auth/Authenticate", &login),
        r#"{"name":"bob","password":"(not shown)"}"#
    );
    let user = AuthUserAddRequest {
        name: "bob".into(),
        password: "s3cret".into(),
        hashed_password: "h4sh".into(),
        ..Default::default()
    };
    let shown = r#"{"hashedPassword":"(not shown)","name":"bob","password":"(not shown)"}"#;
    assert_eq!(request("/etcdserverpb.Auth/UserAdd", &user), shown);
    let token = AuthenticateResponse { token: "t0ken".into(), ..Default::default() };
    assert_eq!(answer("/etcdserverpb.Auth/Authenticate", &token), r#"{"token":"(not shown)"}"#);
}

#[test]
fn lists_are_lists_and_end_somewhere() {
    let kv = |key: usize| KeyValue { key: key.to_string().into(), version: 1, ..Default::default() };
    let header = Some(ResponseHeader { revision: -2, ..Default::default() });
    let range = RangeResponse { header, kvs: (0..20).map(kv).collect(), count: 20, ..Default::default() };
    let shown: serde_json::Value = serde_json::from_str(&answer("/etcdserverpb.KV/Range", &range)).unwrap();
    assert_eq!(shown["header"]["revision"], "-2");
    assert_eq!(shown["kvs"][3]["key"], "3");
    assert_eq!(shown["kvs"].as_array().unwrap().len(), 17);
    assert_eq!(shown["kvs"][16], "…");
}

#[test]
fn words_and_packed_numbers_are_understood() {
    let range = RangeRequest { key: "a".into(), sort_order: 2, serializable: true, ..Default::default() };
    let shown = r#"{"key":"a","serializable":true,"sortOrder":"DESCEND"}"#;
    assert_eq!(request("/etcdserverpb.KV/Range", &range), shown);
    let create = WatchCreateRequest { key: "a".into(), filters: vec![0, 1], ..Default::default() };
    let watch = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let shown = r#"{"createRequest":{"filters":["NOPUT","NODELETE"],"key":"a"}}"#;
    assert_eq!(request("/etcdserverpb.Watch/Watch", &watch), shown);
}

#[test]
fn a_transaction_is_followed_so_far_and_no_further() {
    let mut txn = TxnRequest::default();
    for _ in 0..50 {
        txn = TxnRequest {
            success: vec![RequestOp { request: Some(Request::RequestTxn(txn)) }],
            ..Default::default()
        };
    }
    let shown = request("/etcdserverpb.KV/Txn", &txn);
    assert_eq!(shown.matches("requestTxn").count(), 4);
    assert!(shown.contains('…'));
}

#[test]
fn messages_are_put_together_however_they_come() {
    let stream: Vec<u8> = ["a", "b", ""]
        .into_iter()
        .flat_map(|key| framed(&PutRequest { key: key.to_owned().into(), ..Default::default() }))
        .collect();
    let expected = [r#"{"key":"a"}"#, r#"{"key":"b"}"#, "{}"];
    for size in 1..stream.len() + 1 {
        assert_eq!(taps("/etcdserverpb.KV/Put").0.contents(stream.chunks(size)), expected, "{size}");
    }
}

#[test]
fn a_large_message_is_looked_at_in_part_and_the_next_is_found() {
    let large = PutRequest { key: "large".into(), value: vec![b'x'; 1 << 20].into(), ..Default::default() };
    let stream = [framed(&large), framed(&PutRequest { key: "small".into(), ..Default::default() })].concat();
    let contents = taps("/etcdserverpb.KV/Put").0.contents(stream.chunks(1000));
    assert_eq!(contents.len(), 2);
    assert!(contents[0].contains("large") && contents[0].len() < 200, "{}", contents[0]);
    assert_eq!(contents[1], r#"{"key":"small"}"#);
}

#[test]
fn whatever_comes_is_survived() {
    let mut seed = 7_u64;
    for _ in 0..2000 {
        let mut noise: Vec<u8> = (0..64)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        noise[..5].copy_from_slice(&[0, 0, 0, 0, 59]);
        assert_eq!(taps("/etcdserverpb.KV/Txn").0.contents([&noise[..]]).len(), 1);
    }
    let compressed = [1, 0, 0, 0, 1, 9];
    assert_eq!(taps("/etcdserverpb.KV/Put").0.contents([&compressed[..]]), ["(compressed)"]);
}
