//! Every route, with requests that etcd serves and such that it refuses.

use std::cell::RefCell;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Pair, Shape, Side, Transcript};
use serde_json::Value;

use super::dialogue::{Dialogue, is_second_generation};

const ROUTES: &str = include_str!("../../../crates/json-gateway/tests/data/routes.tsv");

pub(super) fn b64(text: &str) -> String {
    STANDARD.encode(text)
}

/// Requests in words: `<text>` stands for the text in base64.
pub(super) fn body(text: &str) -> String {
    let mut body = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('<') {
        let (inner, after) = behind.split_once('>').expect("a closed bracket");
        body.push_str(before);
        body.push_str(&b64(inner));
        rest = after;
    }
    body + rest
}

#[tokio::test]
async fn every_route_answers_as_etcds_own_gateway() {
    let pair = Pair::start_in_front_of_member_0(Shape::single().flag("--bcrypt-cost=4")).await;
    let asked = RefCell::default();
    pair.compare(async |seen, side| kv(seen, side, &asked).await).await;
    if is_second_generation() {
        pair.compare(async |seen, side| safe_base64(seen, side, &asked).await).await;
    }
    pair.compare(async |seen, side| txn(seen, side, &asked).await).await;
    pair.compare(async |seen, side| watch(seen, side, &asked).await).await;
    pair.compare(async |seen, side| lease(seen, side, &asked).await).await;
    pair.compare(async |seen, side| lock_and_election(seen, side, &asked).await).await;
    pair.compare(async |seen, side| cluster(seen, side, &asked).await).await;
    pair.compare(async |seen, side| maintenance(seen, side, &asked).await).await;
    pair.compare(async |seen, side| users_and_roles(seen, side, &asked).await).await;
    pair.compare(async |seen, side| authentication(seen, side, &asked).await).await;
    let asked = asked.into_inner();
    let paths: Vec<&str> = ROUTES.lines().skip(1).filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(paths.len(), 51);
    let missing: Vec<&&str> = paths.iter().filter(|path| !asked.contains(**path)).collect();
    // etcd 3.4 has none of these.
    let newer = ["/v3/auth/status", "/v3/maintenance/downgrade", "/v3/maintenance/hashkv"];
    assert!(
        missing.is_empty() || !is_second_generation() && missing.iter().all(|path| newer.contains(path)),
        "not asked for: {missing:?}"
    );
}

type Asked = RefCell<BTreeSet<String>>;

async fn kv(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    for (path, text) in [
        ("/v3/kv/put", r#"{"key":"<a>","value":"<1>"}"#),
        ("/v3/kv/put", r#"{"key":"<b>","value":"<2>","prev_kv":true}"#),
        ("/v3/kv/put", r#"{"key":"<b>","value":"<3>","prevKv":true}"#),
        ("/v3/kv/put", r#"{"key":"<c>","ignore_value":true}"#),
        ("/v3/kv/put", r#"{"key":"<c>","value":"<1>","lease":"77"}"#),
        ("/v3/kv/put", r#"{"key":"","value":"<1>"}"#),
        ("/v3/kv/range", r#"{"key":"<a>"}"#),
        ("/v3/kv/range", r#"{"key":"<a>","serializable":true}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","sort_order":"DESCEND","sort_target":"MOD"}"#),
        ("/v3/kv/range", r#"{"key":"AA==","rangeEnd":"AA==","sortOrder":2,"sortTarget":3,"limit":1}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","limit":"2","keys_only":true}"#),
        ("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","count_only":true}"#),
        (
            "/v3/kv/range",
            r#"{"key":"AA==","range_end":"AA==","min_mod_revision":"3","max_create_revision":3}"#,
        ),
        ("/v3/kv/range", r#"{"key":"<a>","revision":"2","unknown":[{"x":null}]}"#),
        ("/v3/kv/range", r#"{"key":"<a>","limit":null,"range_end":null}"#),
        ("/v3/kv/range", r#" {"key" : "<a>" } "#),
        ("/v3/kv/range", r#"{"key":"<a>"}{"key":"<b>"}"#),
        ("/v3/kv/range", r#"{"key":"Zm9v\n"}"#),
        ("/v3/kv/range", r#"{"key":"<a>","revision":"999"}"#),
        ("/v3/kv/range", ""),
        ("/v3/kv/range", "{}"),
        ("/v3/kv/range?key=YQ==", r#"{"key":"<b>"}"#),
        ("/v3beta/kv/range", r#"{"key":"<a>"}"#),
        ("/v3/kv/deleterange", r#"{"key":"<b>","prev_kv":true}"#),
        ("/v3/kv/deleterange", r#"{"key":"<b>"}"#),
        ("/v3/kv/deleterange", "{}"),
        ("/v3/kv/compaction", r#"{"revision":"3"}"#),
        ("/v3/kv/compaction", r#"{"revision":3,"physical":true}"#),
        ("/v3/kv/compaction", r#"{"revision":"999"}"#),
        ("/v3/kv/range", r#"{"key":"<a>","revision":"2"}"#),
    ] {
        json.say(path, &body(text)).await;
    }
}

/// The first generation knows base64 in its standard alphabet only.
async fn safe_base64(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    for (path, text) in [
        ("/v3/kv/put", r#"{"key":"_-8=","value":"-_8"}"#),
        ("/v3/kv/range", r#"{"key":"/+8="}"#),
        ("/v3/kv/range", r#"{"key":"/+8"}"#),
        ("/v3/kv/range", r#"{"key":"YQ==","sort_order":"NONSENSE"}"#),
    ] {
        json.say(path, text).await;
    }
}

async fn txn(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    for text in [
        "",
        r#"{"success":null}"#,
        r#"{"success":[{"request_put":{"key":"<t>","value":"<1>"}},{"requestRange":{"key":"<t>"}}]}"#,
        r#"{"compare":[{"target":"VALUE","key":"<t>","value":"<1>"}],
            "success":[{"request_put":{"key":"<t>","value":"<2>","prev_kv":true}}],
            "failure":[{"request_range":{"key":"<t>"}}]}"#,
        r#"{"compare":[{"target":"VALUE","key":"<t>","value":"<1>"}],
            "success":[{"request_put":{"key":"<t>","value":"<2>"}}],
            "failure":[{"request_range":{"key":"<t>"}}]}"#,
        r#"{"compare":[{"target":"VERSION","result":"GREATER","key":"<t>","version":"1"},
                       {"target":1,"result":0,"key":"<none>","create_revision":0},
                       {"target":"MOD","result":"LESS","key":"<t>","modRevision":1000},
                       {"target":"LEASE","result":"NOT_EQUAL","key":"<t>","lease":"5"},
                       {"target":"VERSION","result":"EQUAL","key":"<none>","range_end":"<nonf>"}],
            "success":[{"request_txn":{"success":[{"request_delete_range":{"key":"<t>","prev_kv":true}}]}}]}"#,
        r#"{"success":[{}]}"#,
        r#"{"success":[{"request_put":{"key":"<u>"}},{"request_put":{"key":"<u>"}}]}"#,
        r#"{"success":[{"request_put":{}}]}"#,
    ] {
        json.say("/v3/kv/txn", &body(text)).await;
    }
}

async fn watch(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    for text in [r#"{"key":"<w>","value":"<1>"}"#, r#"{"key":"<w>","value":"<2>"}"#] {
        json.say("/v3/kv/put", &body(text)).await;
    }
    json.say("/v3/kv/deleterange", &body(r#"{"key":"<w>"}"#)).await;
    for (text, lines) in [
        (r#"{"create_request":{"key":"<w>"}}"#, 1),
        (r#"{"create_request":{"key":"<w>","start_revision":"4","prev_kv":true}}"#, 2),
        (r#"{"createRequest":{"key":"<w>","rangeEnd":"<x>","startRevision":4,"filters":["NOPUT"]}}"#, 2),
        (r#"{"create_request":{"key":"<w>","start_revision":4,"filters":[1],"watch_id":"9"}}"#, 2),
        (r#"{"create_request":{"key":"<w>","start_revision":"1"}}"#, 2),
        (r#"{"create_request":{"key":"<x>","range_end":"<w>"}}"#, 1),
        (
            r#"{"create_request":{"key":"<w>"}} {"create_request":{"key":"<x>"}}{"cancel_request":{"watch_id":"1"}}"#,
            3,
        ),
    ] {
        // A stream that goes on keeps its connection.
        let mut json = Dialogue::with(json.seen, side, asked).await;
        json.lines("/v3/watch", &body(text), lines).await;
    }
}

async fn lease(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    for (path, text) in [
        ("/v3/lease/grant", r#"{"TTL":"600","ID":"7"}"#),
        ("/v3/lease/grant", r#"{"TTL":600,"ID":8}"#),
        ("/v3/lease/grant", r#"{"TTL":600,"ID":8}"#),
        ("/v3/lease/grant", r#"{"TTL":"99999999999","ID":9}"#),
        ("/v3/kv/put", r#"{"key":"<leased>","lease":"7"}"#),
        ("/v3/lease/timetolive", r#"{"ID":"99"}"#),
        ("/v3/kv/lease/timetolive", r#"{"ID":"99","keys":true}"#),
        ("/v3/kv/lease/revoke", r#"{"ID":8}"#),
        ("/v3/kv/lease/revoke", r#"{"ID":8}"#),
        ("/v3/lease/leases", "{}"),
        ("/v3/kv/lease/leases", ""),
    ] {
        json.say(path, &body(text)).await;
    }
    for path in ["/v3/lease/timetolive", "/v3/kv/lease/timetolive"] {
        let answer = json.names(path, r#"{"ID":"7","keys":true}"#).await;
        json.seen.note("keys", (&answer["keys"], &answer["grantedTTL"], &answer["ID"]));
    }
    json.stream("/v3/lease/keepalive", r#"{"ID":"7"}"#).await;
    // A lease that is pinged twice at once is answered from memory: ADR 0009.
    json.say("/v3/lease/grant", r#"{"TTL":600,"ID":6}"#).await;
    json.stream("/v3/lease/keepalive", r#"{"ID":6} {"ID":"99"}"#).await;
    json.stream("/v3/lease/keepalive", "").await;
    json.say("/v3/lease/revoke", r#"{"ID":7}"#).await;
    json.say("/v3/lease/revoke", r#"{"ID":7}"#).await;
    json.say("/v3/kv/range", &body(r#"{"key":"<leased>"}"#)).await;
}

async fn lock_and_election(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    json.say("/v3/lease/grant", r#"{"TTL":600,"ID":"17"}"#).await;
    let locked = json.say("/v3/lock/lock", &body(r#"{"name":"<lock>","lease":"17"}"#)).await;
    let key = locked["key"].as_str().expect("a key").to_owned();
    json.say("/v3/lock/unlock", &format!(r#"{{"key":"{key}"}}"#)).await;
    json.say("/v3/lock/lock", &body(r#"{"name":"<lock>","lease":"999"}"#)).await;
    json.say("/v3/lock/unlock", "{}").await;
    json.say("/v3/election/leader", &body(r#"{"name":"<e>"}"#)).await;
    let won = json.say("/v3/election/campaign", &body(r#"{"name":"<e>","lease":17,"value":"<me>"}"#)).await;
    json.say("/v3/election/leader", &body(r#"{"name":"<e>"}"#)).await;
    let leader = won["leader"].to_string();
    let value = b64("still me");
    json.say("/v3/election/proclaim", &format!(r#"{{"leader":{leader},"value":"{value}"}}"#)).await;
    {
        let mut json = Dialogue::with(json.seen, side, asked).await;
        json.lines("/v3/election/observe", &body(r#"{"name":"<e>"}"#), 1).await;
    }
    json.say("/v3/election/resign", &format!(r#"{{"leader":{leader}}}"#)).await;
    json.say("/v3/election/proclaim", "{}").await;
    json.say("/v3/election/campaign", &body(r#"{"name":"<e>","lease":999}"#)).await;
    json.say("/v3/lease/revoke", r#"{"ID":17}"#).await;
}

async fn cluster(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    let list = json.names("/v3/cluster/member/list", "{}").await;
    let names = |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
    json.seen.note("a member", (&list["members"][0]["name"], names(&list["members"][0])));
    for (path, text) in [
        ("/v3/cluster/member/add", r#"{"peerURLs":["no url"]}"#),
        ("/v3/cluster/member/remove", r#"{"ID":"5"}"#),
        ("/v3/cluster/member/update", r#"{"ID":"5","peerURLs":["http://127.0.0.1:1"]}"#),
        ("/v3/cluster/member/promote", r#"{"ID":5}"#),
    ] {
        json.say(path, text).await;
    }
}

async fn maintenance(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    json.names("/v3/maintenance/status", "").await;
    json.say("/v3/maintenance/defragment", "{}").await;
    json.names("/v3/maintenance/hash", "{}").await;
    for text in [
        "{}",
        r#"{"action":"ACTIVATE","memberID":"1","alarm":"CORRUPT"}"#,
        r#"{"action":"GET","alarm":2}"#,
        r#"{"action":2,"memberID":1,"alarm":"CORRUPT"}"#,
    ] {
        json.say("/v3/maintenance/alarm", text).await;
    }
    json.say("/v3/maintenance/transfer-leadership", r#"{"targetID":"5"}"#).await;
    let snapshot = json.connection.post("/v3/maintenance/snapshot", "{}").await;
    json.seen.note("snapshot", snapshot.status);
    if is_second_generation() {
        json.names("/v3/maintenance/hashkv", "{}").await;
        json.say("/v3/maintenance/downgrade", r#"{"action":"VALIDATE","version":"x"}"#).await;
        json.say("/v3/maintenance/downgrade", r#"{"action":"CANCEL"}"#).await;
    }
    asked.borrow_mut().insert("/v3/maintenance/snapshot".to_owned());
    check_snapshot(&snapshot.body);
}

/// Every line has a piece, and the pieces are as long together as the first of them says.
fn check_snapshot(body: &str) {
    let pieces: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let bytes: usize = pieces
        .iter()
        .filter_map(|piece| piece["result"]["blob"].as_str())
        .map(|blob| STANDARD.decode(blob).expect("base64").len())
        .sum();
    assert!(bytes > 10_000, "{bytes} bytes in {} pieces", pieces.len());
    assert!(pieces.len() > 1, "a snapshot comes in pieces");
}

async fn users_and_roles(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    if is_second_generation() {
        json.say("/v3/auth/status", "{}").await;
    }
    for (path, text) in [
        ("/v3/auth/enable", "{}"),
        ("/v3/auth/disable", "{}"),
        ("/v3/auth/authenticate", r#"{"name":"root","password":"root"}"#),
        ("/v3/auth/user/add", r#"{"name":"root","password":"root"}"#),
        ("/v3/auth/user/add", r#"{"name":"root","password":"root"}"#),
        ("/v3/auth/user/add", r#"{"name":"carol","options":{"no_password":true}}"#),
        ("/v3/auth/user/add", r#"{"name":"a\"<&>\u00e9\u2028","password":"x"}"#),
        ("/v3/auth/user/add", "{}"),
        ("/v3/auth/user/list", "{}"),
        ("/v3/auth/user/get", r#"{"name":"root"}"#),
        ("/v3/auth/user/get", r#"{"name":"nobody"}"#),
        ("/v3/auth/user/changepw", r#"{"name":"carol","password":"carol"}"#),
        ("/v3/auth/user/changepw", r#"{"name":"nobody","password":"x"}"#),
        ("/v3/auth/role/add", r#"{"name":"root"}"#),
        ("/v3/auth/role/add", r#"{"name":"r"}"#),
        ("/v3/auth/role/add", r#"{"name":"r"}"#),
        ("/v3/auth/role/list", ""),
        ("/v3/auth/user/grant", r#"{"user":"root","role":"root"}"#),
        ("/v3/auth/user/grant", r#"{"user":"root","role":"none"}"#),
        ("/v3/auth/user/grant", r#"{"user":"carol","role":"r"}"#),
        ("/v3/auth/user/get", r#"{"name":"root"}"#),
        ("/v3/auth/user/revoke", r#"{"name":"carol","role":"r"}"#),
        ("/v3/auth/user/revoke", r#"{"name":"carol","role":"r"}"#),
        ("/v3/auth/user/delete", r#"{"name":"carol"}"#),
        ("/v3/auth/user/delete", r#"{"name":"carol"}"#),
    ] {
        json.say(path, text).await;
    }
    for (path, text) in [
        (
            "/v3/auth/role/grant",
            r#"{"name":"r","perm":{"permType":"READWRITE","key":"<a>","range_end":"<b>"}}"#,
        ),
        ("/v3/auth/role/grant", r#"{"name":"r","perm":{"permType":0,"key":"<c>"}}"#),
        ("/v3/auth/role/get", r#"{"role":"r"}"#),
        ("/v3/auth/role/revoke", r#"{"role":"r","key":"<c>"}"#),
        ("/v3/auth/role/revoke", r#"{"role":"r","key":"<c>"}"#),
        ("/v3/auth/role/get", r#"{"role":"none"}"#),
        ("/v3/auth/role/delete", r#"{"role":"r"}"#),
        ("/v3/auth/role/delete", r#"{"role":"r"}"#),
    ] {
        json.say(path, &body(text)).await;
    }
}

async fn authentication(seen: &mut Transcript, side: &Side<'_>, asked: &Asked) {
    let mut json = Dialogue::with(seen, side, asked).await;
    json.say("/v3/auth/enable", "{}").await;
    json.say("/v3/auth/authenticate", r#"{"name":"root","password":"wrong"}"#).await;
    let answer =
        json.connection.post("/v3/auth/authenticate", r#"{"name":"root","password":"root"}"#).await.json();
    let token = answer["token"].as_str().expect("a token").to_owned();
    let questions = [
        ("/v3/kv/range", r#"{"key":"YQ=="}"#),
        ("/v3/kv/put", r#"{"key":"YQ==","value":"YQ=="}"#),
        ("/v3/auth/user/list", "{}"),
        ("/v3/lease/leases", "{}"),
    ];
    for (path, text) in questions {
        json.say(path, text).await;
    }
    for header in ["Authorization", "Grpc-Metadata-Token", "Grpc-Metadata-Authorization"] {
        for value in [&token, "wrong.1", ""] {
            let mut json = Dialogue::with(json.seen, side, asked).await;
            json.connection = json.connection.with(header, value);
            json.seen.note("header", (header, value == token));
            for (path, text) in questions {
                json.say(path, text).await;
            }
        }
    }
    let mut json = Dialogue::with(json.seen, side, asked).await;
    json.connection = json.connection.with("Authorization", &token);
    json.say("/v3/auth/disable", "{}").await;
}
