//! The services and the worker together, over an etcd that answers at once unless it is told not to.

use std::time::Duration;

use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{PutRequest, RangeRequest, TxnRequest};
use proto_gen::v3lockpb::lock_server::Lock;
use proto_gen::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use tokio::task::yield_now;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status};

use crate::double::Etcd;
use crate::service::Answer;
use crate::{Cleared, Config, LeasedKv, Leasing, ops};

/// One proxy, and an etcd that is kept busy by a task.
struct Side {
    etcd: Etcd,
    leasing: Leasing,
    kv: LeasedKv<Etcd>,
}

/// Answers whatever comes, for as long as the test runs.
fn prompt() -> Etcd {
    let etcd = Etcd::new();
    let serving = etcd.clone();
    tokio::spawn(async move {
        loop {
            {
                let mut store = serving.store();
                while store.carry_out(0) {}
                while store.answer(0, false) {}
                (0..3).for_each(|client| store.deliver(client, usize::MAX));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    etcd
}

fn side(etcd: &Etcd, client: usize, config: Config) -> Side {
    let etcd = etcd.of_client(client);
    let (leasing, worker) = Leasing::new(config, etcd.kv(), etcd.lease(), etcd.watch());
    tokio::spawn(worker.run());
    Side { kv: LeasedKv::new(etcd.clone(), leasing.clone()), etcd, leasing }
}

fn get(key: &str) -> Request<RangeRequest> {
    Request::new(RangeRequest { key: key.to_owned().into(), ..RangeRequest::default() })
}

fn put(key: &str, value: &str) -> Request<PutRequest> {
    let (key, value) = (key.to_owned().into(), value.to_owned().into());
    Request::new(PutRequest { key, value, ..PutRequest::default() })
}

fn with_token<T>(mut request: Request<T>) -> Request<T> {
    request.metadata_mut().insert("token", "t".parse().unwrap());
    request
}

impl Side {
    fn hits(&self) -> u64 {
        self.leasing.counters().hits.get()
    }

    /// Reads until memory answers.
    async fn own(&self, key: &str) {
        for _ in 0..1000 {
            let before = self.hits();
            self.kv.range(get(key)).await.unwrap();
            if self.hits() > before {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{key} is never owned");
    }

    fn calls(&self, name: &str) -> usize {
        self.etcd.store().calls_seen.iter().filter(|seen| **seen == name).count()
    }
}

#[tokio::test(start_paused = true)]
async fn memory_answers_while_a_confirmation_goes_its_way() {
    let etcd = prompt();
    let side = side(&etcd, 0, Config::new("P/"));
    side.own("a").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let (asked, started) = (side.calls("range"), Instant::now());
    for _ in 0..100 {
        side.kv.range(get("a")).await.unwrap();
    }
    assert_eq!(started.elapsed(), Duration::ZERO, "nobody waits");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(side.calls("range"), asked + 1, "one asks");
}

#[tokio::test(start_paused = true)]
async fn cut_off_memory_answers_until_the_lease_is_not_proved_any_more() {
    let etcd = prompt();
    let side = side(&etcd, 0, Config { ttl: 10, ..Config::new("P/") });
    side.kv.put(put("a", "1")).await.unwrap();
    side.own("a").await;
    etcd.store().cut.insert(0);
    let cut = Instant::now();
    let mut last = cut;
    while let Ok(answer) = tokio::time::timeout(Duration::from_secs(3), side.kv.range(get("a"))).await {
        assert_eq!(answer.unwrap().get_ref().kvs[0].value, "1");
        last = Instant::now();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answered = last - cut;
    assert!(answered > Duration::from_secs(5) && answered <= Duration::from_secs(10), "{answered:?}");
    assert!(side.leasing.counters().disconnected.get() > 0);
    assert_eq!(side.leasing.counters().keys.get(), 0);
    etcd.store().cut.clear();
    side.own("a").await;
}

#[tokio::test(start_paused = true)]
async fn who_was_never_allowed_is_not_answered_because_etcd_is_away() {
    let etcd = prompt();
    let side = side(&etcd, 0, Config::new("P/"));
    side.own("a").await;
    etcd.store().cut.insert(0);
    let stranger = side.kv.range(with_token(get("a")));
    assert!(tokio::time::timeout(Duration::from_secs(20), stranger).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_is_refused_from_then_on() {
    let etcd = prompt();
    let side = side(&etcd, 0, Config::new("P/"));
    side.own("a").await;
    // Only callers without a token are refused, and the proxy's own requests here are such.
    etcd.store().refusal = Some(Status::invalid_argument("etcdserver: user name is empty"));
    tokio::time::sleep(Duration::from_millis(600)).await;
    side.kv.range(get("a")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    for _ in 0..3 {
        let refused = side.kv.range(get("a")).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_permissions_is_heeded_at_once() {
    let etcd = prompt();
    let side = side(&etcd, 0, Config::new("P/"));
    side.own("a").await;
    let asked = side.calls("range");
    side.leasing.permissions_changed();
    side.kv.range(get("a")).await.unwrap();
    assert_eq!(side.calls("range"), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn a_writer_waits_for_an_owner_no_longer_than_he_has_time() {
    let etcd = prompt();
    let (owner, writer) = (side(&etcd, 0, Config::new("P/")), side(&etcd, 1, Config::new("P/")));
    owner.own("a").await;
    etcd.store().cut.insert(0);
    let mut hurried = put("a", "1");
    hurried.set_timeout(Duration::from_secs(2));
    let started = Instant::now();
    let refused = writer.kv.put(hurried).await.unwrap_err();
    assert_eq!((refused.code(), started.elapsed()), (Code::DeadlineExceeded, Duration::from_secs(2)));
    writer.kv.put(put("a", "2")).await.unwrap();
    let waited = started.elapsed();
    assert!(waited > Duration::from_secs(20) && waited < Duration::from_secs(65), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn patience_with_an_owner_ends() {
    let etcd = prompt();
    let config = Config { patience: Duration::from_secs(5), ..Config::new("P/") };
    let (owner, writer) = (side(&etcd, 0, config.clone()), side(&etcd, 1, config));
    owner.own("a").await;
    etcd.store().cut.insert(0);
    let refused = writer.kv.put(put("a", "1")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn more_guards_than_etcd_takes_become_one() {
    let etcd = prompt();
    etcd.store().most_operations = 4;
    let (owner, writer) = (side(&etcd, 0, Config::new("P/")), side(&etcd, 1, Config::new("P/")));
    owner.own("b").await;
    writer.own("c").await;
    // Four operations and five conditions.
    let user = TxnRequest {
        compare: vec![ops::exists("none", false)],
        success: ["a", "b", "c", "d"].map(ops::put).into(),
        failure: Vec::new(),
    };
    let answer = writer.kv.txn(Request::new(user)).await.unwrap().into_inner();
    assert!(answer.succeeded && answer.responses.len() == 4);
    assert_eq!(owner.kv.range(get("b")).await.unwrap().get_ref().kvs[0].value, "v");
    assert_eq!(writer.kv.range(get("c")).await.unwrap().get_ref().kvs[0].value, "v");
}

/// Writes a key under the name, as etcd does, without any guard.
#[derive(Clone)]
struct Locks(Etcd);

#[tonic::async_trait]
impl Lock for Locks {
    async fn lock(&self, request: Request<LockRequest>) -> Answer<LockResponse> {
        let key = [request.get_ref().name.as_ref(), b"/1"].concat();
        self.0.put(put(&String::from_utf8(key).unwrap(), "")).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Response::new(LockResponse::default()))
    }

    async fn unlock(&self, _: Request<UnlockRequest>) -> Answer<UnlockResponse> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_owns_what_a_lock_writes() {
    let etcd = prompt();
    let (owner, locker) = (side(&etcd, 0, Config::new("P/")), side(&etcd, 1, Config::new("P/")));
    owner.own("mutex/1").await;
    locker.own("mutex/2").await;
    let locks = Cleared::new(Locks(locker.etcd.clone()), locker.leasing.clone());
    let locking = tokio::spawn(async move {
        locks.lock(Request::new(LockRequest { name: "mutex".into(), lease: 1 })).await
    });
    while owner.etcd.store().now().get(&b"mutex/1"[..]).is_none() {
        yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(owner.kv.range(get("mutex/1")).await.unwrap().get_ref().count, 1);
    assert_eq!(locker.leasing.counters().keys.get(), 0, "nothing is acquired until it has ended");
    locking.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_closed_gives_everything_back_and_passes_reads_on() {
    let etcd = prompt();
    let side = side(&etcd, 0, Config::new("P/"));
    side.own("a").await;
    side.leasing.close().await;
    assert!(etcd.store().now().is_empty());
    let hits = side.hits();
    for _ in 0..5 {
        side.kv.range(get("a")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    assert_eq!(side.hits(), hits);
    assert!(etcd.store().now().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_prefix_everything_passes_as_it_is() {
    let etcd = prompt();
    let kv = LeasedKv::new(etcd.clone(), Leasing::off());
    kv.put(put("a", "1")).await.unwrap();
    kv.range(get("a")).await.unwrap();
    kv.txn(Request::new(TxnRequest { success: vec![ops::put("b")], ..TxnRequest::default() })).await.unwrap();
    assert_eq!(etcd.store().calls_seen, ["put", "range", "txn"]);
}
