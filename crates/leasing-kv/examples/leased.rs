//! A key that is read often, and how seldom etcd is asked for it:
//! `cargo run -p leasing-kv --example leased -- http://127.0.0.1:2379`.

use std::error::Error;

use leasing_kv::{Config, LeasedKv, Leasing};
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

const READS: usize = 100_000;

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
    let (own_kv, lease, watch) = (
        KvClient::new(channel.clone()),
        LeaseClient::new(channel.clone()),
        WatchClient::new(channel.clone()),
    );
    let (leasing, worker) = Leasing::new(Config::new("leases/"), own_kv, lease, watch);
    tokio::spawn(worker.run());

    let kv = LeasedKv::new(Relay(KvClient::new(channel)), leasing.clone());
    let put = PutRequest { key: "leased".into(), value: "1".into(), ..PutRequest::default() };
    kv.put(Request::new(put)).await?;
    for _ in 0..READS {
        let read = RangeRequest { key: "leased".into(), ..RangeRequest::default() };
        kv.range(Request::new(read)).await?;
    }
    println!("{READS} reads, {} of them from memory", leasing.counters().hits.get());
    leasing.close().await;
    Ok(())
}
