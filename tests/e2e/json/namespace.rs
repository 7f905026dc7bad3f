//! A namespace holds for JSON clients as it does for gRPC: nothing is seen or changed across its border.

use e2e::{Client, Cluster, JsonConnection, Proxy, Shape};
use serde_json::{Value, json};

use super::routes::b64;
use super::{put, watch};
use crate::requests;

const PREFIXES: [&str; 2] = ["tenant-1/", "tenant-2/"];

/// Every key of the cluster with its value.
async fn everything(outside: &Client) -> Vec<(String, String)> {
    let all = outside.kv().range(requests::range("\0", "\0")).await.expect("a read").into_inner();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    all.kvs.iter().map(|kv| (text(&kv.key), text(&kv.value))).collect()
}

async fn call(json: &mut JsonConnection, path: &str, body: Value) -> Value {
    let answer = json.post(path, body.to_string()).await;
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
    answer.json()
}

fn keys(answer: &Value) -> Vec<&str> {
    answer["kvs"]
        .as_array()
        .map(|kvs| kvs.iter().filter_map(|kv| kv["key"].as_str()).collect())
        .unwrap_or_default()
}

#[tokio::test]
async fn nothing_is_seen_or_changed_across_the_border() {
    let cluster = Cluster::start(Shape::single()).await;
    let outside = cluster.member(0).client();
    outside.kv().put(requests::put("a", "outside")).await.expect("a write");
    let mut proxies = Vec::new();
    for prefix in PREFIXES {
        let proxy = Proxy::start(&cluster.endpoints(), &[&format!("--namespace={prefix}")]).await;
        let mut json = JsonConnection::connect(proxy.address()).await;
        put(&mut json, "a", prefix).await;
        proxies.push((proxy, json));
    }
    let (first, mut second) = {
        let mut both = proxies.into_iter();
        (both.next().unwrap(), both.next().unwrap())
    };
    let (proxy, mut json) = first;
    let all = json!({ "key": "AA==", "range_end": "AA==" });
    for serializable in [true, false] {
        let range = json!({ "key": "AA==", "range_end": "AA==", "serializable": serializable });
        let seen = call(&mut json, "/v3/kv/range", range).await;
        assert_eq!((keys(&seen), &seen["kvs"][0]["value"]), (vec!["YQ=="], &json!(b64(PREFIXES[0]))));
    }
    // A JSON watch of everything, shared with gRPC's, sees the tenant's own alone.
    let create = json!({ "create_request": all }).to_string();
    let mut watching = JsonConnection::connect(proxy.address()).await;
    let mut events = watching.open("/v3/watch", create).await;
    assert_eq!(events.result().await["created"], true);
    outside.kv().put(requests::put("z", "outside")).await.expect("a write");
    put(&mut second.1, "b", "second").await;
    let mut of_second = JsonConnection::connect(second.0.address()).await;
    let mut of_key = watch(&mut of_second, "c").await;
    let before = everything(&outside).await;
    let txn = json!({
        "compare": [{ "key": b64("a"), "target": "VALUE", "value": b64(PREFIXES[0]) }],
        "success": [
            { "request_put": { "key": b64("c"), "value": b64("first") } },
            { "request_range": { "key": "AA==", "range_end": "AA==" } },
            { "request_txn": { "success": [{ "request_delete_range": { "key": b64("a"), "prev_kv": true } }] } },
        ],
    });
    let done = call(&mut json, "/v3/kv/txn", txn).await;
    assert_eq!(done["succeeded"], true);
    assert_eq!(keys(&done["responses"][1]["response_range"]), ["YQ==", "Yw=="]);
    let deleted = &done["responses"][2]["response_txn"]["responses"][0]["response_delete_range"];
    assert_eq!(deleted["prev_kvs"][0]["key"], "YQ==");
    let seen = events.result().await;
    let seen: Vec<&str> = seen["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["kv"]["key"].as_str())
        .collect();
    assert_eq!(seen, ["Yw==", "YQ=="]);

    call(&mut json, "/v3/lease/grant", json!({ "TTL": 600, "ID": 5 })).await;
    call(&mut json, "/v3/kv/put", json!({ "key": b64("leased"), "lease": 5 })).await;
    let alive = call(&mut json, "/v3/lease/timetolive", json!({ "ID": 5, "keys": true })).await;
    assert_eq!(alive["keys"], json!([b64("leased")]));
    let locked = call(&mut json, "/v3/lock/lock", json!({ "name": b64("lock"), "lease": 5 })).await;
    assert_eq!(locked["key"], b64("lock/5"));
    let won =
        call(&mut json, "/v3/election/campaign", json!({ "name": b64("e"), "lease": 5, "value": "YQ==" }))
            .await;
    assert_eq!(won["leader"]["key"], b64("e/5"));
    let leader = call(&mut json, "/v3/election/leader", json!({ "name": b64("e") })).await;
    assert_eq!(leader["kv"]["key"], b64("e/5"));
    // The other tenant's election of the same name has nobody.
    assert_eq!(
        second.1.post("/v3/election/leader", json!({ "name": b64("e") }).to_string()).await.status,
        500
    );
    let gone = call(&mut json, "/v3/kv/deleterange", all).await;
    assert_eq!(gone["deleted"], "4");

    let is_foreign = |(key, _): &&(String, String)| !key.starts_with(PREFIXES[0]);
    let after = everything(&outside).await;
    assert!(before.iter().filter(is_foreign).eq(after.iter().filter(is_foreign)), "{before:?} {after:?}");
    assert!(after.iter().all(|pair| is_foreign(&pair)), "{after:?}");
    put(&mut second.1, "c", "second").await;
    assert_eq!(of_key.result().await["events"][0]["kv"]["value"], b64("second"));
}

#[tokio::test]
async fn what_a_strict_namespace_refuses_is_refused_with_403() {
    let cluster = Cluster::start(Shape::single()).await;
    let flags = ["--namespace=tenant/", "--namespace-policy=strict"];
    let proxy = Proxy::start(&cluster.endpoints(), &flags).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    for path in ["/v3/maintenance/snapshot", "/v3/maintenance/hash", "/v3/auth/user/list", "/v3/lease/leases"]
    {
        let answer = json.post(path, "{}").await;
        assert_eq!((answer.status, &answer.json()["code"]), (403, &7.into()), "{path}: {}", answer.body);
        assert!(answer.body.contains("namespace-policy"), "{}", answer.body);
    }
    put(&mut json, "a", "1").await;
}
