//! The ways of those who speak JSON to etcd: Patroni, APISIX.

use e2e::{Cluster, JsonConnection, Pair, Proxy, Shape, Side, Transcript};
use serde_json::{Value, json};

use super::routes::b64;
use super::{put, watch};

/// Patroni: one connection for its calls, which it keeps; another for a watch that stays open; a lease of its own,
/// kept alive by POST; the leader's key taken by a transaction, and given up by another.
#[tokio::test]
async fn patronis_way_of_keeping_a_leader_works() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(patroni).await;
}

async fn call(connection: &mut JsonConnection, path: &str, body: &Value) -> Value {
    let answer = connection.post(path, body.to_string()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

async fn patroni(seen: &mut Transcript, side: &Side<'_>) {
    let mut calls = JsonConnection::connect(&side.address).await.with("connection", "keep-alive");
    let mut watching = JsonConnection::connect(&side.address).await;
    let (prefix, prefix_end) = (b64("/service/batman/"), b64("/service/batman0"));
    let leader = b64("/service/batman/leader");

    let members = call(&mut calls, "/v3/cluster/member/list", &json!({})).await;
    seen.note("members", members["members"].as_array().map(Vec::len));
    let lease = call(&mut calls, "/v3/lease/grant", &json!({ "TTL": 600 })).await["ID"].clone();
    seen.note("a lease is text", lease.is_string());
    seen.name(lease.as_str().expect("an id"), "lease");

    let all = call(&mut calls, "/v3/kv/range", &json!({ "key": prefix, "range_end": prefix_end })).await;
    let revision: i64 = all["header"]["revision"].as_str().expect("a revision").parse().expect("a number");
    let create = json!({ "create_request": {
        "key": prefix, "range_end": prefix_end, "start_revision": (revision + 1).to_string(), "progress_notify": true,
    } });
    let mut watch = watching.open("/v3/watch", create.to_string()).await;
    seen.note("created", watch.result().await["created"].clone());

    let take = |name: &str| {
        json!({
            "compare": [{ "key": leader, "target": "CREATE", "create_revision": "0" }],
            "success": [{ "request_put": { "key": leader, "value": b64(name), "lease": lease } }],
            "failure": [{ "request_range": { "key": leader } }],
        })
    };
    let taken = call(&mut calls, "/v3/kv/txn", &take("pg1")).await;
    seen.note("taken", (&taken["succeeded"], &taken["responses"]));
    let again = call(&mut calls, "/v3/kv/txn", &take("pg2")).await;
    seen.note("not taken again", (&again["succeeded"], &again["responses"][0]["response_range"]["kvs"]));
    for _ in 0..3 {
        let alive = call(&mut calls, "/v3/lease/keepalive", &json!({ "ID": lease })).await;
        seen.note("kept", (&alive["result"]["ID"], alive["result"]["TTL"].is_string()));
        call(&mut calls, "/v3/kv/put", &json!({ "key": b64("/service/batman/status"), "value": b64("1") }))
            .await;
    }
    let given_up = json!({
        "compare": [{ "key": leader, "target": "VALUE", "value": b64("pg1") }],
        "success": [{ "request_delete_range": { "key": leader } }],
    });
    seen.note("given up", call(&mut calls, "/v3/kv/txn", &given_up).await["succeeded"].clone());
    let revoked = call(&mut calls, "/v3/lease/revoke", &json!({ "ID": lease })).await;
    seen.note("revoked", revoked["header"]["revision"].clone());
    let mut events = Vec::new();
    while events.len() < 5 {
        events.extend(watch.result().await["events"].as_array().expect("events").clone());
    }
    seen.note("events", events);
    // A lease that is gone is told from one that lives by its TTL, and an error by its code and text.
    let gone = call(&mut calls, "/v3/lease/keepalive", &json!({ "ID": lease })).await;
    seen.note("gone", (&gone["result"]["TTL"], &gone["result"]["ID"]));
    let refused = calls.post("/v3/lease/revoke", json!({ "ID": lease }).to_string()).await;
    seen.note("error", (refused.status, &refused.json()["code"], &refused.json()["message"]));
}

/// APISIX: every worker process watches the same prefix from a revision on, with a token where there is authentication,
/// and takes the answer in pieces as they come.
#[tokio::test]
async fn apisixs_way_of_following_a_prefix_works() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut admin = JsonConnection::connect(proxy.address()).await;
    put(&mut admin, "/apisix/routes/1", "one").await;
    let range = json!({ "key": b64("/apisix/"), "range_end": b64("/apisix0") });
    let mut workers = Vec::new();
    for _ in 0..30 {
        let mut connection = JsonConnection::connect(proxy.address()).await;
        let read = call(&mut connection, "/v3/kv/range", &range).await;
        assert_eq!(read["kvs"][0]["value"], b64("one"));
        let revision: i64 = read["header"]["revision"].as_str().unwrap().parse().unwrap();
        let create = json!({ "create_request": {
            "key": b64("/apisix/"), "range_end": b64("/apisix0"), "start_revision": revision + 1,
            "progress_notify": true, "filters": [],
        } });
        let mut stream = connection.open("/v3/watch", create.to_string()).await;
        assert_eq!(stream.result().await["created"], true);
        workers.push((connection, stream));
    }
    for round in 0..10 {
        put(&mut admin, "/apisix/routes/2", &round.to_string()).await;
    }
    for (_, stream) in &mut workers {
        let mut values = Vec::new();
        while values.len() < 10 {
            for event in stream.result().await["events"].as_array().expect("events") {
                values.push(event["kv"]["value"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(values, (0..10).map(|round| b64(&round.to_string())).collect::<Vec<_>>());
    }
}

/// Neither misses what the other writes, whatever it speaks.
#[tokio::test]
async fn json_and_grpc_clients_see_each_others_writes() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let (mut json, grpc) = (JsonConnection::connect(proxy.address()).await, proxy.client());
    let mut watching = JsonConnection::connect(proxy.address()).await;
    let mut stream = watch(&mut watching, "both").await;
    for round in 0..20 {
        let value = round.to_string();
        let read = |serializable: bool| json!({ "key": b64("both"), "serializable": serializable });
        if round % 2 == 0 {
            grpc.kv().put(crate::requests::put("both", &value)).await.expect("a write");
        } else {
            put(&mut json, "both", &value).await;
        }
        for serializable in [true, false] {
            let answer = call(&mut json, "/v3/kv/range", &read(serializable)).await;
            assert_eq!(answer["kvs"][0]["value"], b64(&value));
            let request =
                proto_gen::etcdserverpb::RangeRequest { serializable, ..crate::requests::get("both") };
            assert_eq!(grpc.kv().range(request).await.unwrap().into_inner().kvs[0].value, value);
        }
        assert_eq!(stream.result().await["events"][0]["kv"]["value"], b64(&value));
    }
}
