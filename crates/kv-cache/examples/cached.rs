//! Puts a cache in front of a real etcd:
//! `cargo run --example cached -- http://127.0.0.1:2379 127.0.0.1:23790`, then serializable reads through it.

use std::error::Error;
use std::time::Duration;

use kv_cache::{CachedKv, Config, KvCache};
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::kv_server::{Kv, KvServer};
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse,
};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

/// etcd's own KV as the trait that a cache wraps.
#[derive(Clone)]
struct Etcd(KvClient<Channel>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Kv for Etcd {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        self.0.clone().range(request).await
    }

    type RangeStreamStream = Streaming<RangeStreamResponse>;

    async fn range_stream(&self, request: Request<RangeRequest>) -> Answer<Self::RangeStreamStream> {
        self.0.clone().range_stream(request).await
    }

    async fn put(&self, request: Request<PutRequest>) -> Answer<PutResponse> {
        self.0.clone().put(request).await
    }

    async fn delete_range(&self, request: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        self.0.clone().delete_range(request).await
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        self.0.clone().txn(request).await
    }

    async fn compact(&self, request: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        self.0.clone().compact(request).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let etcd = arguments.next().unwrap_or_else(|| "http://127.0.0.1:2379".to_owned());
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:23790".to_owned()).parse()?;

    let channel = Endpoint::from_shared(etcd)?.connect_lazy();
    let (cache, watcher) = KvCache::new(Config::default());
    tokio::spawn(watcher.run(WatchClient::new(channel.clone()).max_decoding_message_size(usize::MAX)));
    let upstream = Etcd(KvClient::new(channel).max_decoding_message_size(usize::MAX));
    let kv = CachedKv::new(upstream, cache.clone());

    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let counters = cache.counters();
            println!(
                "entries {} ({} B) hits {} misses {} joined {} invalidated {} watched {}",
                counters.entries.get(),
                counters.bytes.get(),
                counters.hits.get(),
                counters.misses.get(),
                counters.joins.get(),
                counters.invalidations.get(),
                counters.watched.get(),
            );
        }
    });
    println!("serving {listen}");
    Server::builder().add_service(KvServer::new(kv)).serve(listen).await?;
    Ok(())
}
