//! Encoded messages and the JSON that comes of them.

use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message as _;
use proto_gen::etcdserverpb::response_op::Response;
use proto_gen::etcdserverpb::*;
use proto_gen::mvccpb::{Event, KeyValue};
use serde_json::json;

use super::*;
use crate::routes::Routes;

fn written(name: &str, message: impl Into<Bytes>, until: usize) -> Result<String, Malformed> {
    let pool = DescriptorPool::decode(proto_gen::FILE_DESCRIPTOR_SET).unwrap();
    let mut schema = Schema::default();
    let id = schema.add(&pool.get_message_by_name(name).unwrap());
    let mut piece = String::new();
    let mut writer = Writer::new(id, message.into(), &mut piece);
    let mut whole = String::new();
    while !writer.write(&schema, &mut piece, until)? {
        whole.push_str(&std::mem::take(&mut piece));
    }
    Ok(whole + &piece)
}

fn json_of(name: &str, message: &impl prost_reflect::prost::Message) -> serde_json::Value {
    let whole = written(name, message.encode_to_vec(), usize::MAX).unwrap();
    for until in [1, 2, 7, 64] {
        assert_eq!(written(name, message.encode_to_vec(), until).unwrap(), whole, "pieces of {until}");
    }
    serde_json::from_str(&whole).unwrap_or_else(|error| panic!("{error}: {whole}"))
}

fn header() -> Option<ResponseHeader> {
    Some(ResponseHeader { cluster_id: u64::MAX, member_id: 1, revision: -1, raft_term: 0 })
}

fn key_value(key: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned().into(),
        value: vec![0xff; 3].into(),
        mod_revision: 7,
        ..KeyValue::default()
    }
}

#[test]
fn a_range_looks_as_etcd_writes_it() {
    let range = RangeResponse {
        header: header(),
        kvs: vec![key_value("a"), key_value("b"), KeyValue::default()],
        more: true,
        count: 1 << 60,
    };
    let expected = json!({
        "header": { "cluster_id": "18446744073709551615", "member_id": "1", "revision": "-1" },
        "kvs": [
            { "key": "YQ==", "mod_revision": "7", "value": "////" },
            { "key": "Yg==", "mod_revision": "7", "value": "////" },
            {},
        ],
        "more": true,
        "count": "1152921504606846976",
    });
    assert_eq!(json_of("etcdserverpb.RangeResponse", &range), expected);
}

#[test]
fn what_is_not_set_is_left_out_and_what_is_empty_is_not() {
    assert_eq!(json_of("etcdserverpb.RangeResponse", &RangeResponse::default()), json!({}));
    let op = ResponseOp { response: Some(Response::ResponsePut(PutResponse::default())) };
    assert_eq!(json_of("etcdserverpb.ResponseOp", &op), json!({ "response_put": {} }));
}

#[test]
fn enums_have_names_and_those_that_are_not_known_numbers() {
    let event = Event { r#type: 1, kv: None, prev_kv: None };
    assert_eq!(json_of("mvccpb.Event", &event), json!({ "type": "DELETE" }));
    let event = Event { r#type: -3, ..event };
    assert_eq!(json_of("mvccpb.Event", &event), json!({ "type": -3 }));
}

#[test]
fn texts_are_escaped_and_names_are_etcds() {
    let name = "a\"b\\c\n\u{1}\u{2028}é".to_owned();
    let member = Member { id: 5, name: name.clone(), peer_ur_ls: vec![String::new()], ..Member::default() };
    let expected = json!({ "ID": "5", "name": name, "peerURLs": [""] });
    assert_eq!(json_of("etcdserverpb.Member", &member), expected);
}

#[test]
fn long_values_are_put_together_from_pieces() {
    for length in [BASE64_BYTES - 1, BASE64_BYTES, BASE64_BYTES + 1, 3 * BASE64_BYTES + 2] {
        let value: Bytes = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let kv = KeyValue { value: value.clone(), ..KeyValue::default() };
        let json = written("mvccpb.KeyValue", kv.encode_to_vec(), 1000).unwrap();
        assert_eq!(json, format!("{{\"value\":\"{}\"}}", STANDARD.encode(value)));
    }
}

#[test]
fn fields_in_another_order_and_unknown_ones_make_no_difference() {
    let kv = |text: &str| [&[0x12, 0x03, 0x0a, 0x01][..], text.as_bytes()].concat();
    // An unknown text, kvs "a", more, kvs "b", an unknown number, more again as false, count 2.
    let wire = [
        &[0x7a, 0x01, b'x'],
        &kv("a")[..],
        &[0x18, 0x01],
        &kv("b"),
        &[0x78, 0x05],
        &[0x18, 0x00],
        &[0x20, 0x02],
    ];
    let json = written("etcdserverpb.RangeResponse", wire.concat(), usize::MAX).unwrap();
    assert_eq!(json, r#"{"kvs":[{"key":"YQ=="},{"key":"Yg=="}],"count":"2"}"#);
}

#[test]
fn what_is_no_message_is_told_from_one() {
    let wires: [&[u8]; 6] =
        [&[0x0a], &[0x0a, 0x05, 1], &[0x0f], &[0x12, 0x02, 0x0a, 0x09], &[0x18, 0x80, 0x80], &[0xff; 20]];
    for wire in wires {
        assert_eq!(
            written("etcdserverpb.RangeResponse", wire.to_vec(), usize::MAX),
            Err(Malformed),
            "{wire:?}"
        );
    }
    // A number where a text should be.
    assert_eq!(written("mvccpb.KeyValue", vec![0x08, 0x01], usize::MAX), Err(Malformed));
}

#[test]
fn endless_depth_is_refused() {
    let mut message = TxnResponse::default().encode_to_vec();
    for _ in 0..=MAX_DEPTH {
        let wrap = |tag: u8, inner: &[u8]| {
            let mut wire = vec![tag];
            prost_reflect::prost::encode_length_delimiter(inner.len(), &mut wire).unwrap();
            wire.extend_from_slice(inner);
            wire
        };
        message = wrap(0x1a, &wrap(0x22, &message));
    }
    assert_eq!(written("etcdserverpb.TxnResponse", message, usize::MAX), Err(Malformed));
}

/// Of every message that a route answers with, every field can be written.
#[test]
fn no_field_of_an_answer_is_left_out() {
    let routes = Routes::new().unwrap();
    let pool = DescriptorPool::decode(proto_gen::FILE_DESCRIPTOR_SET).unwrap();
    for service in pool.services() {
        for method in service.methods() {
            let mut schema = Schema::default();
            check_fields(&mut schema, &method.output(), 0);
        }
    }
    drop(routes);
}

fn check_fields(schema: &mut Schema, message: &prost_reflect::MessageDescriptor, depth: usize) {
    let id = schema.add(message);
    assert_eq!(schema.fields(id).len(), message.fields().len(), "{}", message.full_name());
    for field in message.fields() {
        if let (prost_reflect::Kind::Message(inner), true) = (field.kind(), depth < 5) {
            check_fields(schema, &inner, depth + 1);
        }
    }
}
