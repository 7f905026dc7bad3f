//! Mounts a hub on a tonic server in front of a real etcd:
//! `cargo run --example keep_alive -- http://127.0.0.1:2379 127.0.0.1:23790`, then `etcdctl lease keep-alive` through it.

use std::error::Error;
use std::time::Duration;

use lease_coalesce::{Config, LeaseHub};
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::lease_server::LeaseServer;
use tonic::transport::Server;
use upstream_balancer::{Cluster, Lane, Policy, Upstream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let etcd = arguments.next().unwrap_or_else(|| "http://127.0.0.1:2379".to_owned());
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:23790".to_owned()).parse()?;

    let (cluster, monitor) = Cluster::new(upstream_balancer::Config {
        endpoints: vec![etcd.parse()?],
        tls: None,
        resolver: upstream_balancer::Resolver::System,
        policy: Policy::Pin,
        connections: 1,
        dial_timeout: Duration::from_secs(5),
        keepalive: None,
        max_send_bytes: 1_572_864,
        max_recv_bytes: i32::MAX as usize,
    });
    tokio::spawn(monitor.run());
    let upstream = Upstream::new(cluster);

    let (hub, worker) = LeaseHub::new(Config::default(), LeaseClient::new(upstream.lane(Lane::Lease)));
    tokio::spawn(worker.run());
    let (leases, relay) = hub.local_layer(upstream);
    tokio::spawn(relay.run());

    let counters = hub.counters();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            println!(
                "streams {} upstream {} pings {} of which sent {} joined {} remembered {}",
                counters.sessions.get(),
                counters.upstream_streams.get(),
                counters.pings_received.get(),
                counters.pings_sent.get(),
                counters.pings_joined.get(),
                counters.pings_remembered.get(),
            );
        }
    });
    println!("keeping leases alive for {listen}");
    Server::builder().add_service(LeaseServer::new(leases)).serve(listen).await?;
    Ok(())
}
