//! A crowd of readers in front of a real etcd, and how many calls they took:
//! `cargo run -p read-coalesce --example crowd -- http://127.0.0.1:2379`.

use std::error::Error;
use std::sync::Arc;

use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse,
};
use read_coalesce::{BATCH_SIZES, CoalescedReads, Config, Counters};
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

const READERS: usize = 1000;

/// A client of etcd, as something that serves KV.
#[derive(Clone)]
struct Relay(KvClient<Channel>);

#[tonic::async_trait]
impl Kv for Relay {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        self.0.clone().range(request).await
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        self.0.clone().txn(request).await
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        self.0.clone().put(request).await
    }

    type RangeStreamStream = Streaming<RangeStreamResponse>;

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        self.0.clone().range_stream(request).await
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        self.0.clone().delete_range(request).await
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        self.0.clone().compact(request).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let etcd = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:2379".to_owned());
    let channel = Endpoint::from_shared(etcd)?.connect().await?;
    let counters = Arc::<Counters>::default();
    let (kv, worker) =
        CoalescedReads::new(Relay(KvClient::new(channel)), &Config::default(), Arc::clone(&counters));
    tokio::spawn(worker.run());

    let mut readers = JoinSet::new();
    for reader in 0..READERS {
        let kv = kv.clone();
        let key = format!("crowd/{}", reader % 100).into();
        readers
            .spawn(async move { kv.range(Request::new(RangeRequest { key, ..Default::default() })).await });
    }
    while let Some(answer) = readers.join_next().await {
        answer??;
    }
    let calls = counters.plain_reads.get() + counters.batches.get();
    println!("{READERS} reads of 100 keys took {calls} calls");
    for (bound, count) in BATCH_SIZES.iter().zip(&counters.batch_sizes) {
        println!("  batches of up to {bound:>2} distinct reads: {}", count.get());
    }
    Ok(())
}
