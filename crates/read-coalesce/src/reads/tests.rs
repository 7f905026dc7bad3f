//! Handle and worker together, in front of an etcd that answers when it is told to.

use std::sync::Arc;
use std::time::Duration;

use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest, TxnResponse,
};
use tokio::task::JoinHandle;
use tonic::{Code, Request, Response, Status};

use crate::batch::TOO_MANY_OPERATIONS;
use crate::double::{Call, Calls, Etcd, HEADER, etcd, found};
use crate::station::Answer;
use crate::{CoalescedReads, Config, Counters};

struct World {
    reads: CoalescedReads<Etcd>,
    calls: Calls,
    counters: Arc<Counters>,
    worker: JoinHandle<()>,
}

impl World {
    async fn new() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(config: Config) -> Self {
        let (etcd, calls) = etcd();
        let counters = Arc::<Counters>::default();
        let (reads, worker) = CoalescedReads::new(etcd, &config, Arc::clone(&counters));
        let world = Self { reads, calls, counters, worker: tokio::spawn(worker.run()) };
        everybody_has_run().await;
        world
    }

    fn ask(&self, request: Request<RangeRequest>) -> JoinHandle<Answer> {
        let reads = self.reads.clone();
        tokio::spawn(async move { reads.range(request).await })
    }

    fn read(&self, key: &str) -> JoinHandle<Answer> {
        self.ask(read(key))
    }

    /// A read under way, and others behind it.
    async fn behind(&mut self, keys: &[&str]) -> (Call, Vec<JoinHandle<Answer>>) {
        drop(self.read("first"));
        let first = self.calls.next().await;
        let readers = keys.iter().map(|key| self.read(key)).collect();
        everybody_has_run().await;
        assert!(self.calls.is_quiet(), "they wait");
        (first, readers)
    }
}

async fn everybody_has_run() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

fn read(key: &str) -> Request<RangeRequest> {
    Request::new(RangeRequest { key: key.to_owned().into(), ..RangeRequest::default() })
}

fn with(key: &str, name: &'static str, value: &'static str) -> Request<RangeRequest> {
    let mut request = read(key);
    request.metadata_mut().insert(name, value.parse().unwrap());
    request
}

async fn value(reader: JoinHandle<Answer>) -> String {
    let answer = reader.await.unwrap().unwrap().into_inner();
    assert_eq!(answer.header, Some(HEADER));
    assert_eq!(answer, found(&RangeRequest { key: answer.kvs[0].key.clone(), ..Default::default() }, HEADER));
    String::from_utf8_lossy(&answer.kvs[0].value).into_owned()
}

async fn error(reader: JoinHandle<Answer>) -> Status {
    reader.await.unwrap().unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn one_alone_is_a_range_with_all_that_it_came_with() {
    let mut world = World::new().await;
    let reader = world.ask(with("a", "grpc-timeout", "1S"));
    let call = world.calls.next().await;
    assert_eq!(call.keys(), (vec!["a".to_owned()], false));
    assert_eq!(call.metadata().get("grpc-timeout").unwrap(), "1S");
    call.answer();
    assert_eq!(value(reader).await, "a");
    assert_eq!(world.counters.plain_reads.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn those_behind_it_share_a_transaction_and_get_the_answer_of_a_range() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b", "a"]).await;
    first.answer();
    let batch = world.calls.next().await;
    assert_eq!(batch.keys(), (vec!["a".to_owned(), "b".to_owned()], true));
    batch.answer();
    for (reader, expected) in readers.into_iter().zip(["a", "b", "a"]) {
        assert_eq!(value(reader).await, expected);
    }
    let counters = &world.counters;
    assert_eq!((counters.batches.get(), counters.batched_reads.get(), counters.saved_calls.get()), (1, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn equal_reads_are_one_range_and_share_its_error() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "a", "a"]).await;
    first.answer();
    let call = world.calls.next().await;
    assert_eq!(call.keys(), (vec!["a".to_owned()], false));
    call.fail(Status::permission_denied("etcdserver: permission denied"));
    for reader in readers {
        assert_eq!(error(reader).await.code(), Code::PermissionDenied);
    }
    assert!(world.calls.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn the_next_batch_forms_while_one_is_under_way() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    first.answer();
    let batch = world.calls.next().await;
    let late = [world.read("c"), world.read("a")];
    everybody_has_run().await;
    assert!(world.calls.is_quiet(), "what was sent is not joined, not even by an equal read");
    batch.answer();
    let next = world.calls.next().await;
    assert_eq!(next.keys(), (vec!["c".to_owned(), "a".to_owned()], true));
    next.answer();
    for (reader, expected) in readers.into_iter().chain(late).zip(["a", "b", "c", "a"]) {
        assert_eq!(value(reader).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_carries_its_callers_credential_and_nobodys_deadline() {
    let mut world = World::new().await;
    let both = |key| {
        let mut request = with(key, "token", "t");
        request.metadata_mut().insert("grpc-timeout", "9S".parse().unwrap());
        request.metadata_mut().insert("hasleader", "true".parse().unwrap());
        request
    };
    drop(world.ask(both("first")));
    let first = world.calls.next().await;
    let readers = [world.ask(both("a")), world.ask(both("b"))];
    let stranger = world.ask(with("a", "token", "u"));
    let other = world.calls.next().await;
    assert_eq!(other.metadata().get("token").unwrap(), "u", "nobody of that token is under way");
    first.answer();
    let batch = world.calls.next().await;
    assert_eq!(batch.metadata().get("token").unwrap(), "t");
    assert_eq!(batch.metadata().get("hasleader").unwrap(), "true");
    assert!(batch.metadata().get("grpc-timeout").is_none());
    batch.answer();
    other.answer();
    for reader in readers.into_iter().chain([stranger]) {
        value(reader).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_transaction_refuses_is_asked_one_by_one() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["allowed", "forbidden"]).await;
    first.answer();
    world.calls.next().await.fail(Status::permission_denied("etcdserver: permission denied"));
    for _ in 0..2 {
        let call = world.calls.next().await;
        assert!(!call.keys().1);
        if call.keys().0 == ["forbidden"] {
            call.fail(Status::permission_denied("etcdserver: permission denied"));
        } else {
            call.answer();
        }
    }
    let [allowed, forbidden]: [_; 2] = readers.try_into().unwrap();
    assert_eq!(value(allowed).await, "allowed");
    assert_eq!(error(forbidden).await.code(), Code::PermissionDenied);
    assert_eq!((world.counters.repeated_reads.get(), world.counters.batched_reads.get()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_something_else_is_not_believed() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    first.answer();
    let Call::Txn(_, reply) = world.calls.next().await else { panic!("a transaction") };
    reply.send(Ok(Response::new(TxnResponse { header: Some(HEADER), ..TxnResponse::default() }))).unwrap();
    for _ in 0..2 {
        world.calls.next().await.answer();
    }
    for (reader, expected) in readers.into_iter().zip(["a", "b"]) {
        assert_eq!(value(reader).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_cannot_be_reached_is_not_asked_again_by_everybody() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    first.answer();
    world.calls.next().await.fail(Status::unavailable("no etcd member can be reached"));
    for reader in readers {
        assert_eq!(error(reader).await.message(), "no etcd member can be reached");
    }
    assert!(world.calls.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn batches_shrink_to_what_the_cluster_takes() {
    let mut world = World::new().await;
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let (first, readers) = world.behind(&keys).await;
    first.answer();
    let refused = world.calls.next().await;
    assert_eq!(refused.keys().0.len(), 8);
    refused.fail(Status::invalid_argument(TOO_MANY_OPERATIONS));
    for _ in keys {
        world.calls.next().await.answer();
    }
    for reader in readers {
        value(reader).await;
    }
    drop(world.read("first"));
    let first = world.calls.next().await;
    let readers: Vec<_> = keys.iter().map(|key| world.read(key)).collect();
    for _ in 0..2 {
        let full = world.calls.next().await;
        assert_eq!(full.keys().0.len(), 4);
        full.answer();
    }
    first.answer();
    for reader in readers {
        value(reader).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_has_his_own_deadline() {
    let mut world = World::with(Config { patience: Duration::from_secs(60), ..Config::default() }).await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    let hasty = world.ask(with("c", "grpc-timeout", "50m"));
    everybody_has_run().await;
    first.answer();
    let batch = world.calls.next().await;
    assert_eq!(batch.keys().0, ["a", "b", "c"]);
    let started = tokio::time::Instant::now();
    let expired = error(hasty).await;
    assert_eq!((expired.code(), expired.message()), (Code::DeadlineExceeded, "context deadline exceeded"));
    assert!(started.elapsed() <= Duration::from_millis(51));
    batch.answer();
    for (reader, expected) in readers.into_iter().zip(["a", "b"]) {
        assert_eq!(value(reader).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_takes_nobody_along() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b", "c"]).await;
    readers[0].abort();
    everybody_has_run().await;
    first.answer();
    let batch = world.calls.next().await;
    assert_eq!(batch.keys().0, ["b", "c"], "nobody wants to know of a any more");
    readers[1].abort();
    everybody_has_run().await;
    assert!(!batch.is_cancelled());
    batch.answer();
    assert_eq!(value(readers.into_iter().last().unwrap()).await, "c");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_everybody_has_left_before_it_went_is_not_sent() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    readers.iter().for_each(JoinHandle::abort);
    everybody_has_run().await;
    first.answer();
    everybody_has_run().await;
    assert!(world.calls.is_quiet());
    let next = world.read("c");
    world.calls.next().await.answer();
    assert_eq!(value(next).await, "c");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_everybody_has_left_is_not_cancelled() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    first.answer();
    let batch = world.calls.next().await;
    readers.iter().for_each(JoinHandle::abort);
    everybody_has_run().await;
    assert!(!batch.is_cancelled());
    batch.answer();
}

#[tokio::test(start_paused = true)]
async fn when_the_first_leaves_those_behind_it_go() {
    let mut world = World::new().await;
    let first = world.read("first");
    let call = world.calls.next().await;
    let readers = [world.read("a"), world.read("b")];
    everybody_has_run().await;
    first.abort();
    let batch = world.calls.next().await;
    assert!(call.is_cancelled());
    assert_eq!(batch.keys().0, ["a", "b"]);
    batch.answer();
    for reader in readers {
        value(reader).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_holds_nobody_up() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    let hung = world.calls.next().await;
    assert_eq!(hung.keys().0, ["a", "b"], "they went although the first has not returned");
    let more = [world.read("c"), world.read("d")];
    let batch = world.calls.next().await;
    assert_eq!(batch.keys().0, ["c", "d"], "nor does a batch hold up the next");
    batch.answer();
    for reader in more {
        value(reader).await;
    }
    first.answer();
    hung.answer();
    for reader in readers {
        value(reader).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_worker_everybody_asks_for_himself() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    world.worker.abort();
    everybody_has_run().await;
    for _ in 0..2 {
        let call = world.calls.next().await;
        assert!(!call.keys().1);
        call.answer();
    }
    for reader in readers {
        value(reader).await;
    }
    let readers = [world.read("c"), world.read("d")];
    for _ in 0..2 {
        world.calls.next().await.answer();
    }
    for reader in readers {
        value(reader).await;
    }
    first.answer();
}

#[tokio::test(start_paused = true)]
async fn switched_off_everybody_asks_for_himself() {
    let mut world = World::with(Config::off()).await;
    let readers = [world.read("a"), world.read("a"), world.read("b")];
    for _ in 0..3 {
        let call = world.calls.next().await;
        assert!(!call.keys().1);
        call.answer();
    }
    for reader in readers {
        value(reader).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_share_passes_those_who_wait() {
    let mut world = World::new().await;
    let (first, readers) = world.behind(&["a", "b"]).await;
    let old = RangeRequest { revision: 5, ..read("old").into_inner() };
    let serializable = RangeRequest { serializable: true, ..read("serializable").into_inner() };
    for request in [old, serializable] {
        let reader = world.ask(Request::new(request.clone()));
        let call = world.calls.next().await;
        assert!(matches!(&call, Call::Range(sent, _) if *sent.get_ref() == request));
        call.answer();
        value(reader).await;
    }
    assert_eq!(world.counters.excluded_reads.get(), 2);
    first.answer();
    world.calls.next().await.answer();
    for reader in readers {
        value(reader).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_was_answered_with_much_waits_in_a_line_of_its_own() {
    let mut world = World::new().await;
    let reader = world.read("large");
    let Call::Range(request, reply) = world.calls.next().await else { panic!("a Range") };
    let mut answer = found(request.get_ref(), HEADER);
    answer.kvs[0].value = vec![b'v'; 1 << 20].into();
    reply.send(Ok(Response::new(answer))).unwrap();
    reader.await.unwrap().unwrap();

    let large = world.read("large");
    let large_call = world.calls.next().await;
    let small = world.read("small");
    let small_call = world.calls.next().await;
    assert_eq!(small_call.keys().0, ["small"], "it does not wait for the large one");
    let again = [world.read("large"), world.read("large")];
    everybody_has_run().await;
    assert!(world.calls.is_quiet());
    large_call.answer();
    let shared = world.calls.next().await;
    assert_eq!(shared.keys(), (vec!["large".to_owned()], false));
    shared.answer();
    small_call.answer();
    for reader in again.into_iter().chain([large, small]) {
        value(reader).await;
    }
}

#[tokio::test(start_paused = true)]
async fn everything_else_passes() {
    let mut world = World::new().await;
    let reads = world.reads.clone();
    let put = tokio::spawn(async move { reads.put(Request::new(PutRequest::default())).await });
    world.calls.next().await.answer();
    assert!(put.await.unwrap().is_ok());
    let reads = world.reads.clone();
    let txn = tokio::spawn(async move { reads.txn(Request::new(TxnRequest::default())).await });
    world.calls.next().await.fail(Status::aborted("as told"));
    assert_eq!(txn.await.unwrap().unwrap_err().message(), "as told");
    let deleted = world.reads.delete_range(Request::new(DeleteRangeRequest::default())).await.unwrap();
    assert_eq!(deleted.get_ref().deleted, 7);
    let compacted = world.reads.compact(Request::new(CompactionRequest::default())).await;
    assert_eq!(compacted.unwrap_err().code(), Code::OutOfRange);
    assert!(world.reads.range_stream(read("a")).await.is_ok());
}
