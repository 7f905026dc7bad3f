//! Two tenants and an outside writer on one cluster: every kind of request from each, and nothing crosses.
//!
//! The prefixes are neighbours: where the first namespace ends, the second begins, and both bare prefixes are keys of
//! somebody else.

use e2e::{Client, Cluster, Proxy, Shape, soon};
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::response_op::Response as Done;
use proto_gen::etcdserverpb::{
    Compare, DeleteRangeRequest, LeaseTimeToLiveRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
    request_op,
};
use proto_gen::mvccpb::{Event, KeyValue};
use proto_gen::v3electionpb::{LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest};
use proto_gen::v3lockpb::UnlockRequest;

use super::everything;
use crate::lock_election::{campaign, lock};
use crate::requests::{compare, delete, get, grant, op, op_txn, put, range, watch_range};
use crate::watch::{create_watch, events};

const PREFIXES: [&str; 2] = ["tenant-1", "tenant-2"];
const OUTSIDE: [&str; 8] = ["\0", "a", "k1", "tenant-", "tenant-0z", "tenant-1", "tenant-2", "tenant-3"];
const OWN: [&str; 5] = ["\0", "k1", "k2", "tenant-1k1", "\u{7f}"];
/// What only one tenant writes, and what it writes into everything it has.
const VERSION: i64 = 2;

/// The cluster, and who is on it.
struct World {
    cluster: Cluster,
    proxies: Vec<Proxy>,
}

impl World {
    async fn new() -> Self {
        let cluster = Cluster::start(Shape::single()).await;
        let mut proxies = Vec::new();
        for prefix in PREFIXES {
            proxies.push(Proxy::start(&cluster.endpoints(), &[&format!("--namespace={prefix}")]).await);
        }
        let world = Self { cluster, proxies };
        world.populate().await;
        world
    }

    async fn populate(&self) {
        for key in OUTSIDE {
            self.outside().kv().put(put(key, "outside")).await.expect("a write");
        }
        for (index, tag) in PREFIXES.into_iter().enumerate() {
            write_own(&self.tenant(index), tag).await;
        }
    }

    fn outside(&self) -> Client {
        self.cluster.member(0).client()
    }

    fn tenant(&self, index: usize) -> Client {
        self.proxies[index].client()
    }

    /// Everything that does not belong to this tenant, as etcd has it.
    async fn foreign(&self, index: usize) -> Vec<KeyValue> {
        let prefix = PREFIXES[index].as_bytes();
        let is_own = |key: &[u8]| key.len() > prefix.len() && key.starts_with(prefix);
        everything(&self.outside()).await.into_iter().filter(|kv| !is_own(&kv.key)).collect()
    }
}

async fn write_own(client: &Client, tag: &str) {
    for _ in 0..VERSION {
        for key in OWN {
            client.kv().put(put(key, tag)).await.expect("a write");
        }
    }
}

/// A tenant's own values carry its prefix as a mark.
fn are_own(kvs: &[KeyValue], tag: &str) {
    for kv in kvs {
        assert!(OWN.contains(&std::str::from_utf8(&kv.key).expect("text")), "{kv:?}");
        assert_eq!(kv.value, tag, "{kv:?}");
    }
}

#[tokio::test]
async fn no_request_crosses() {
    let world = World::new().await;
    for (index, tag) in PREFIXES.into_iter().enumerate() {
        let (client, before) = (world.tenant(index), world.foreign(index).await);
        reads(&client, tag).await;
        compares(&client).await;
        previous_values(&client, tag).await;
        deletions(&client, tag).await;
        nested_deletions(&client, tag).await;
        bare_prefixes(&client, tag).await;
        assert_eq!(world.foreign(index).await, before, "{tag} has changed what is not its own");
    }
}

async fn reads(client: &Client, tag: &str) {
    let ranges = [("\0", "\0", 5), ("k", "\0", 4), ("k1", "l", 2), ("tenant-", "\0", 2), ("\0", "\u{7f}", 4)];
    for (key, range_end, count) in ranges {
        let seen = client.kv().range(range(key, range_end)).await.expect("a read").into_inner();
        assert_eq!((seen.count, seen.kvs.len()), (count, count as usize), "{key:?} {range_end:?}");
        are_own(&seen.kvs, tag);
        let request = RangeRequest { count_only: true, serializable: true, ..range(key, range_end) };
        assert_eq!(client.kv().range(request).await.expect("a count").into_inner().count, count);
        streamed(client, range(key, range_end), count, tag).await;
    }
    for key in ["tenant-2", "tenant-3", "a", "1", "2"] {
        assert_eq!(client.kv().range(get(key)).await.expect("a read").into_inner().count, 0, "{key}");
    }
}

/// Servers before 3.7 have no such call.
async fn streamed(client: &Client, request: RangeRequest, count: i64, tag: &str) {
    let Ok(stream) = client.kv().range_stream(request).await else { return };
    let (mut stream, mut seen) = (stream.into_inner(), Vec::new());
    while let Ok(Some(chunk)) = stream.message().await {
        seen.extend(chunk.range_response.unwrap_or_default().kvs);
    }
    let supported = e2e::environment::etcd_version() >= (3, 7);
    assert!(!supported || seen.len() as i64 == count, "{seen:?}");
    are_own(&seen, tag);
}

/// All keys of a tenant have been written twice, and nobody else's.
fn all_are_own() -> Compare {
    let target = TargetUnion::Version(VERSION);
    let compare = compare("\0", CompareResult::Equal, CompareTarget::Version, target);
    Compare { range_end: "\0".into(), ..compare }
}

async fn compares(client: &Client) {
    let request = TxnRequest { compare: vec![all_are_own()], ..Default::default() };
    assert!(client.kv().txn(request.clone()).await.expect("a transaction").into_inner().succeeded);
    let nested = TxnRequest { success: vec![op_txn(request)], ..Default::default() };
    let mut done = client.kv().txn(nested).await.expect("a transaction").into_inner().responses;
    let Some(Done::ResponseTxn(inner)) = done.remove(0).response else { panic!("no inner transaction") };
    assert!(inner.succeeded);
}

async fn previous_values(client: &Client, tag: &str) {
    let request = PutRequest { prev_kv: true, ..put("k1", tag) };
    let old = client.kv().put(request).await.expect("a write").into_inner().prev_kv.expect("a value");
    are_own(&[old], tag);
}

fn delete_all() -> DeleteRangeRequest {
    DeleteRangeRequest { prev_kv: true, ..delete("\0", "\0") }
}

async fn deletions(client: &Client, tag: &str) {
    let gone = client.kv().delete_range(delete_all()).await.expect("a deletion").into_inner();
    assert_eq!(gone.deleted, OWN.len() as i64);
    are_own(&gone.prev_kvs, tag);
    assert!(everything(client).await.is_empty());
    write_own(client, tag).await;
}

async fn nested_deletions(client: &Client, tag: &str) {
    let nest = |op: RequestOp| op_txn(TxnRequest { success: vec![op], ..Default::default() });
    let innermost = op(request_op::Request::RequestDeleteRange(delete_all()));
    let request = TxnRequest { success: vec![nest(nest(innermost))], ..Default::default() };
    let mut done = client.kv().txn(request).await.expect("a transaction").into_inner().responses.remove(0);
    while let Some(Done::ResponseTxn(mut txn)) = done.response {
        done = txn.responses.remove(0);
    }
    let Some(Done::ResponseDeleteRange(gone)) = done.response else { panic!("no deletion") };
    assert_eq!(gone.deleted, OWN.len() as i64);
    are_own(&gone.prev_kvs, tag);
    write_own(client, tag).await;
}

/// An empty key would be the bare prefix, which is somebody else's.
async fn bare_prefixes(client: &Client, tag: &str) {
    let refused = client.kv().put(put("", tag)).await.expect_err("a refusal");
    assert_eq!(refused.message(), "etcdserver: key is not provided");
    let nested = TxnRequest { success: vec![crate::requests::op_put("", tag)], ..Default::default() };
    let nested = TxnRequest { success: vec![op_txn(nested)], ..Default::default() };
    let refused = client.kv().txn(nested).await.expect_err("a refusal");
    assert_eq!(refused.message(), "etcdserver: key is not provided");
}

#[tokio::test]
async fn no_event_crosses() {
    let world = World::new().await;
    for (index, tag) in PREFIXES.into_iter().enumerate() {
        let client = world.tenant(index);
        for client in [client.clone(), client.with("etcd-proxy-watch", "passthrough")] {
            for (key, range_end) in [("", "\0"), ("\0", "\0"), ("k", "\0"), ("k1", "\u{7f}")] {
                only_own_events(&world, &client, (key, range_end), index, tag).await;
            }
        }
    }
}

async fn only_own_events(world: &World, client: &Client, watched: (&str, &str), index: usize, tag: &str) {
    let request = watch_range(watched.0, watched.1, 0);
    let request = proto_gen::etcdserverpb::WatchCreateRequest { prev_kv: true, ..request };
    let (mut watching, _) = create_watch(client, request).await;
    for key in OUTSIDE {
        world.outside().kv().put(put(key, "outside")).await.expect("a write");
    }
    let other = 1 - index;
    world.tenant(other).kv().put(put("k1", PREFIXES[other])).await.expect("a write");
    client.kv().put(put("k1", tag)).await.expect("a write");
    let seen: Vec<Event> = events(&mut watching, 1).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    are_own(&[seen[0].kv.clone().expect("a pair"), seen[0].prev_kv.clone().expect("a value")], tag);
}

#[tokio::test]
async fn of_a_shared_lease_each_sees_its_own_keys() {
    let world = World::new().await;
    let everybody = [world.outside(), world.tenant(0), world.tenant(1)];
    world.outside().lease().lease_grant(grant(77, 3000)).await.expect("a lease");
    for client in &everybody {
        client.kv().put(PutRequest { lease: 77, ..put("leased", "1") }).await.expect("a write");
    }
    // The bare prefix.
    world.outside().kv().put(PutRequest { lease: 77, ..put("tenant-1", "1") }).await.expect("a write");
    let keys = async |client: &Client| {
        let request = LeaseTimeToLiveRequest { id: 77, keys: true };
        client.lease().lease_time_to_live(request).await.expect("an answer").into_inner().keys
    };
    assert_eq!(keys(&everybody[0]).await.len(), 4);
    assert_eq!(keys(&everybody[1]).await, ["leased"]);
    assert_eq!(keys(&everybody[2]).await, ["leased"]);
}

#[tokio::test]
async fn everybody_holds_the_lock_of_one_name() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for (client, lease) in [(world.outside(), 1), (world.tenant(0), 2), (world.tenant(1), 3)] {
        client.lease().lease_grant(grant(lease, 3000)).await.expect("a lease");
        let held = soon("a lock that nobody else can hold", client.lock().lock(lock("mutex", lease))).await;
        let held = held.expect("a lock").into_inner().key;
        assert_eq!(held, format!("mutex/{lease:x}"));
        keys.push(held);
    }
    let before = world.foreign(0).await;
    for key in [keys[0].clone(), keys[2].clone(), "tenant-2mutex/3".into(), "".into()] {
        let _ = world.tenant(0).lock().unlock(UnlockRequest { key }).await;
    }
    assert_eq!(world.foreign(0).await, before, "somebody else's lock is gone");
    world.tenant(0).lock().unlock(UnlockRequest { key: keys[1].clone() }).await.expect("an unlock");
    assert_eq!(world.tenant(0).kv().range(get("mutex/2")).await.expect("a read").into_inner().count, 0);
}

#[tokio::test]
async fn everybody_wins_the_election_of_one_name() {
    let world = World::new().await;
    let mut won = Vec::new();
    for (client, lease, who) in
        [(world.outside(), 1, "o"), (world.tenant(0), 2, "a"), (world.tenant(1), 3, "b")]
    {
        client.lease().lease_grant(grant(lease, 3000)).await.expect("a lease");
        let leader = soon("a victory", client.election().campaign(campaign("seat", lease, who))).await;
        won.push(leader.expect("a victory").into_inner().leader.expect("a key"));
        assert_eq!(won.last().map(|leader| &leader.key[..]), Some(format!("seat/{lease:x}").as_bytes()));
        leads(&client, who).await;
    }
    let before = world.foreign(0).await;
    for leader in [&won[0], &won[2]] {
        strangers_key(&world.tenant(0), leader.clone()).await;
        let physical = format!("tenant-2{}", String::from_utf8_lossy(&leader.key));
        strangers_key(&world.tenant(0), LeaderKey { key: physical.into(), ..leader.clone() }).await;
    }
    assert_eq!(world.foreign(0).await, before, "somebody else's office has changed");
    leads(&world.tenant(0), "a").await;
    leads(&world.tenant(1), "b").await;
}

/// Who leads, by a question and by observation.
async fn leads(client: &Client, who: &str) {
    let name = || LeaderRequest { name: "seat".into() };
    let leader = client.election().leader(name()).await.expect("a leader").into_inner().kv.expect("a key");
    let mut observed = client.election().observe(name()).await.expect("an observer").into_inner();
    let observed = soon("a leader", observed.message()).await.expect("a leader").expect("a leader");
    for kv in [leader, observed.kv.expect("a key")] {
        assert_eq!(kv.value, who);
        assert!(kv.key.starts_with(b"seat/"), "{kv:?}");
    }
}

async fn strangers_key(client: &Client, leader: LeaderKey) {
    let proclaim = ProclaimRequest { leader: Some(leader.clone()), value: "usurped".into() };
    let _ = client.election().proclaim(proclaim).await;
    let _ = client.election().resign(ResignRequest { leader: Some(leader) }).await;
}
