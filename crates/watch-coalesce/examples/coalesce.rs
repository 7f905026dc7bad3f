//! Mounts a hub on a tonic server in front of a real etcd:
//! `cargo run --example coalesce -- http://127.0.0.1:2379 127.0.0.1:23790`, then `etcdctl watch` through it.

use std::error::Error;
use std::time::Duration;

use proto_gen::etcdserverpb::watch_client::WatchClient;
use tonic::transport::{Endpoint, Server};
use watch_coalesce::{Config, WatchHub};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let etcd = arguments.next().unwrap_or_else(|| "http://127.0.0.1:2379".to_owned());
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:23790".to_owned()).parse()?;

    let channel = Endpoint::from_shared(etcd)?
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(16 << 20)
        .connect_lazy();
    let (hub, worker) =
        WatchHub::new(Config::default(), WatchClient::new(channel).max_decoding_message_size(usize::MAX));
    tokio::spawn(worker.run());
    let (watch, relay) = hub.local_service();
    tokio::spawn(relay.run());

    let counters = hub.counters();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            println!(
                "streams {} client watchers {} upstream {} lagging {} delivered {} history {} B",
                counters.sessions.get(),
                counters.client_watchers.get(),
                counters.upstream_watchers.get(),
                counters.lagging_watchers.get(),
                counters.events_delivered.get(),
                counters.history_bytes.get(),
            );
        }
    });
    println!("watching for {listen}");
    Server::builder().add_service(watch).serve(listen).await?;
    Ok(())
}
