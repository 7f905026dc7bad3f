//! `--read-only`: nothing that changes the cluster gets through, and reading goes on.

use e2e::raw::frame;
use e2e::{Client, Cluster, JsonConnection, Proxy, RawConnection, Shape};
use prost::Message;
use prost_types::FileDescriptorSet;
use proto_gen::etcdserverpb::{AlarmRequest, LeaseTimeToLiveRequest, RequestOp, TxnRequest};
use tonic::{Code, Status};

use crate::requests::{create, delete, get, op_delete, op_get, op_put, op_txn, put, watch_key};
use crate::watch::create_watch;

const WORDS: &str = "etcd-grpc-proxy: this proxy is read-only: refused by --read-only";

/// What only reads, whatever the message says; also what reads with an empty message.
const READS: [&str; 21] = [
    "etcdserverpb.KV/Range",
    "etcdserverpb.KV/RangeStream",
    "etcdserverpb.KV/Txn",
    "etcdserverpb.Watch/Watch",
    "etcdserverpb.Lease/LeaseTimeToLive",
    "etcdserverpb.Lease/LeaseLeases",
    "etcdserverpb.Cluster/MemberList",
    "etcdserverpb.Maintenance/Alarm",
    "etcdserverpb.Maintenance/Downgrade",
    "etcdserverpb.Maintenance/Status",
    "etcdserverpb.Maintenance/Hash",
    "etcdserverpb.Maintenance/HashKV",
    "etcdserverpb.Maintenance/Snapshot",
    "etcdserverpb.Auth/Authenticate",
    "etcdserverpb.Auth/AuthStatus",
    "etcdserverpb.Auth/UserGet",
    "etcdserverpb.Auth/UserList",
    "etcdserverpb.Auth/RoleGet",
    "etcdserverpb.Auth/RoleList",
    "v3electionpb.Election/Leader",
    "v3electionpb.Election/Observe",
];

/// `service/method` of the whole API.
fn methods() -> Vec<String> {
    let set = FileDescriptorSet::decode(proto_gen::FILE_DESCRIPTOR_SET).expect("the API's descriptors");
    let of = |file: prost_types::FileDescriptorProto| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let name = format!("{package}.{}", service.name());
            service.method.into_iter().map(move |method| format!("{name}/{}", method.name()))
        })
    };
    set.file.into_iter().flat_map(of).collect()
}

/// The proxy's answers are held against the API as it is described, so that no method can be forgotten.
#[tokio::test]
async fn every_method_that_writes_is_refused_in_the_same_words() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--read-only"]).await;
    let connection = RawConnection::connect(proxy.address()).await;
    let methods = methods();
    assert!(READS.iter().all(|read| methods.iter().any(|method| method == read)), "{methods:?}");
    let (reads, writes): (Vec<_>, Vec<_>) =
        methods.into_iter().partition(|method| READS.contains(&method.as_str()));
    assert!(writes.len() >= 24, "{writes:?}");
    let unknown = ["etcdserverpb.KV/Upsert".to_owned(), "acme.Database/Read".to_owned()];
    for method in writes.iter().chain(&unknown) {
        let answer = connection.call(&format!("/{method}"), &[], frame(b"")).await.expect("an answer");
        assert_eq!(answer.grpc(), (Some("7".to_owned()), WORDS.to_owned()), "{method}");
    }
    let endless = ["Watch/Watch", "Election/Observe"];
    for method in reads.iter().filter(|method| !endless.iter().any(|end| method.ends_with(end))) {
        let answer = connection.call(&format!("/{method}"), &[], frame(b"")).await.expect("an answer");
        assert_ne!(answer.grpc().1, WORDS, "{method}");
    }
    let found = cluster.member(0).client().kv().range(get("a")).await.expect("a read").into_inner();
    assert_eq!(found.header.expect("a header").revision, 1, "nothing was written");
}

#[tokio::test]
async fn who_reads_is_served_and_who_writes_is_told_so() {
    let cluster = Cluster::start(Shape::single()).await;
    let direct = cluster.member(0).client();
    direct.kv().put(put("a", "1")).await.expect("a write");
    let proxy = Proxy::start(&cluster.endpoints(), &["--read-only"]).await;
    let client = proxy.client();
    assert_eq!(client.kv().range(get("a")).await.expect("a read").into_inner().count, 1);
    let (mut watching, _) = create_watch(&client, watch_key("a", 0)).await;
    refused(client.kv().put(put("a", "2")).await);
    refused(client.kv().delete_range(delete("a", "")).await);
    refused(client.lease().lease_grant(crate::requests::grant(1, 60)).await);
    refused(client.lock().lock(crate::lock_election::lock("a", 1)).await);
    refused(client.election().campaign(crate::lock_election::campaign("a", 1, "me")).await);
    client.lease().lease_time_to_live(LeaseTimeToLiveRequest { id: 1, keys: false }).await.expect("a look");
    client.maintenance().alarm(AlarmRequest::default()).await.expect("a look at the alarms");
    refused(client.maintenance().alarm(AlarmRequest { action: 2, ..AlarmRequest::default() }).await);
    direct.kv().put(put("a", "3")).await.expect("a write");
    assert_eq!(watching.next().await.events[0].kv.as_ref().expect("a pair").value, "3");
}

#[track_caller]
fn refused<T>(answer: Result<T, Status>) {
    let status = answer.err().expect("a refusal");
    assert_eq!((status.code(), status.message()), (Code::PermissionDenied, WORDS));
}

/// JSON goes the same way.
#[tokio::test]
async fn who_writes_by_json_is_told_so_too() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--read-only"]).await;
    let mut json = JsonConnection::connect(proxy.address()).await;
    let answer = json.post("/v3/kv/put", r#"{"key": "YQ==", "value": "MQ=="}"#).await;
    assert_eq!((answer.status, &answer.json()["message"]), (403, &WORDS.into()));
    let nested = r#"{"success": [{"requestPut": {"key": "YQ=="}}]}"#;
    assert_eq!(json.post("/v3/kv/txn", nested).await.status, 403);
    assert_eq!(json.post("/v3/kv/range", r#"{"key": "YQ=="}"#).await.status, 200);
    assert_eq!(json.post("/v3/maintenance/alarm", "{}").await.status, 200);
}

#[tokio::test]
async fn a_transaction_passes_when_it_reads_at_every_depth() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--read-only"]).await;
    let client = proxy.client();
    let txn = |success: Vec<RequestOp>, failure: Vec<RequestOp>| TxnRequest {
        success,
        failure,
        ..TxnRequest::default()
    };
    let nested = |inner: RequestOp| op_txn(txn(vec![op_get("a")], vec![op_txn(txn(vec![inner], vec![]))]));
    let answer = client.kv().txn(txn(vec![op_get("a"), nested(op_get("b"))], vec![])).await.expect("reads");
    assert_eq!(answer.into_inner().responses.len(), 2);
    refused(client.kv().txn(create("a", "1")).await);
    refused(client.kv().txn(txn(vec![op_get("a")], vec![op_put("a", "1")])).await);
    refused(client.kv().txn(txn(vec![nested(op_delete("a"))], vec![])).await);
}

/// One that is registered writes for itself, and is one for its clients to find all the same.
#[tokio::test]
async fn a_read_only_proxy_registers_and_is_ready() {
    let cluster = Cluster::start(Shape::single()).await;
    let flags = ["--read-only", "--resolver-prefix=/proxies", "--resolver-ttl=60"];
    let proxy = Proxy::start_advertised(&cluster.endpoints(), &flags).await;
    let direct: Client = cluster.member(0).client();
    e2e::eventually("it is registered", e2e::SOON, async || {
        let found =
            direct.kv().range(crate::requests::range("/proxies/", "/proxies0")).await.expect("a read");
        (found.into_inner().count == 1).then_some(())
    })
    .await;
    e2e::eventually("it is ready", e2e::SOON, async || {
        let page = e2e::http1::page(proxy.address(), "GET", "/readyz").await.ok()?;
        (page.status == 200).then_some(())
    })
    .await;
}
