//! Anything at all, as a request and as an answer: it is taken or refused, and what is written is JSON.

use ::fuzz::fuzz;
use bytes::Bytes;
use prost_reflect::prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};

use crate::documents::Documents;
use crate::request::{PREFIX_BYTES, frame};
use crate::schema::Schema;
use crate::writer::Writer;

const WORDS: &[&str] = &[
    "{\"key\":\"YQ==\"}",
    "\"compare\":[",
    "\"success\":[{\"request_put\":",
    "\"request_txn\":{",
    "\"limit\":",
    "null",
    "\"sort_order\":\"DESCEND\"",
    "9223372036854775808",
    "-9223372036854775809",
    "1e400",
    "0.5",
    "\\ud800",
    "\\n",
    "_-8=",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
];

const MESSAGES: [&str; 6] = [
    "etcdserverpb.RangeRequest",
    "etcdserverpb.TxnRequest",
    "etcdserverpb.WatchRequest",
    "etcdserverpb.AuthUserAddRequest",
    "etcdserverpb.MemberAddRequest",
    "etcdserverpb.LeaseGrantRequest",
];

fn pool() -> DescriptorPool {
    DescriptorPool::decode(proto_gen::FILE_DESCRIPTOR_SET).unwrap()
}

/// The values that are cut out, whole and byte by byte, are the same.
fn cut(input: &[u8], piece: usize) -> Vec<Bytes> {
    let mut documents = Documents::new(usize::MAX);
    let mut values = Vec::new();
    for piece in input.chunks(piece.max(1)) {
        documents.push(piece);
        while let Ok(Some(value)) = documents.next() {
            values.push(value);
        }
    }
    values.extend(documents.rest());
    values
}

#[test]
fn fuzz_request() {
    let pool = pool();
    let messages = MESSAGES.map(|name| pool.get_message_by_name(name).unwrap());
    let seeds: &[&[u8]] = &[
        br#"{"key":"YQ==","range_end":"Yg==","limit":"10","sort_order":"DESCEND","serializable":true}"#,
        br#"{"compare":[{"target":"VALUE","key":"YQ==","value":"Yg=="}],"success":[{"request_txn":{"success":[]}}]}"#,
        br#"{"create_request":{"key":"YQ==","filters":["NOPUT",1]}} {"cancel_request":{"watch_id":7}}"#,
        br#"{"peerURLs":["http://a:1"],"isLearner":true,"name":"a\nb","TTL":-1}"#,
    ];
    fuzz("json-request", seeds, WORDS, |input| {
        let mut outcome = String::new();
        let values = cut(input, input.len());
        if values.iter().all(|value| matches!(value.first(), Some(b'{' | b'['))) {
            assert_eq!(cut(input, 1), values);
        }
        for value in values.iter().take(3) {
            for message in &messages {
                match frame(message, Some(value)) {
                    Ok(frame) => {
                        let (_, encoded) = frame.split_at(PREFIX_BYTES);
                        DynamicMessage::decode(message.clone(), encoded).expect("an encoded message");
                        outcome.push('+');
                    }
                    Err(refusal) => {
                        assert_eq!(refusal.code(), tonic::Code::InvalidArgument);
                        outcome.extend(
                            refusal.message().chars().filter(|letter| letter.is_ascii_alphabetic()).take(30),
                        );
                    }
                }
            }
        }
        outcome
    });
}

#[test]
fn fuzz_answer() {
    use proto_gen::etcdserverpb::{RangeResponse, ResponseHeader, TxnResponse, WatchResponse};
    let mut schema = Schema::default();
    let pool = pool();
    let names = ["RangeResponse", "TxnResponse", "WatchResponse", "StatusResponse", "AlarmResponse"];
    let ids =
        names.map(|name| schema.add(&pool.get_message_by_name(&format!("etcdserverpb.{name}")).unwrap()));
    let header = Some(ResponseHeader { revision: 7, ..ResponseHeader::default() });
    let kvs = vec![proto_gen::mvccpb::KeyValue { key: "a".into(), ..Default::default() }; 2];
    let range = RangeResponse { header, kvs, more: true, count: 2 }.encode_to_vec();
    let txn = TxnResponse { header, succeeded: true, ..Default::default() }.encode_to_vec();
    let watch =
        WatchResponse { header, cancel_reason: "x\"".to_owned(), ..Default::default() }.encode_to_vec();
    fuzz(
        "json-answer",
        &[&range, &txn, &watch],
        &["\u{12}\u{2}\u{a}\u{0}", "\u{22}\u{2}", "\u{7f}\u{7f}"],
        |input| {
            let outcomes = ids.map(|id| {
                let mut text = String::new();
                let mut writer = Writer::new(id, Bytes::copy_from_slice(input), &mut text);
                let written = writer.write(&schema, &mut text, usize::MAX);
                let mut pieces = String::new();
                let mut again = Writer::new(id, Bytes::copy_from_slice(input), &mut pieces);
                let by_pieces = loop {
                    let until = pieces.len() + 1;
                    match again.write(&schema, &mut pieces, until) {
                        Ok(false) => {}
                        ended => break ended,
                    }
                };
                assert_eq!(written, by_pieces);
                if written == Ok(true) {
                    assert_eq!(text, pieces);
                    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                    json.as_object().map_or(0, serde_json::Map::len)
                } else {
                    99
                }
            });
            format!("{outcomes:?}")
        },
    );
}
