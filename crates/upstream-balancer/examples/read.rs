//! Reads the first keys of a cluster through the generated `Kv` trait, then shows what is known of its members.
//!
//! `cargo run -p upstream-balancer --example read -- 127.0.0.1:2379 127.0.0.1:22379 127.0.0.1:32379`

use std::{env, error::Error, time::Duration};

use bytes::Bytes;
use proto_gen::etcdserverpb::RangeRequest;
use proto_gen::etcdserverpb::kv_server::Kv;
use tonic::{Request, Status};
use upstream_balancer::{Cluster, Config, Endpoint, MemberStatus, Policy, Upstream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoints: Vec<Endpoint> = env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    if endpoints.is_empty() {
        return Err("usage: read ENDPOINT...".into());
    }
    let (cluster, monitor) = Cluster::new(plain(endpoints));
    tokio::spawn(monitor.run());
    let upstream = Upstream::new(cluster.clone());

    // Shown also when nobody could be asked: it says why.
    let read = first_keys(&upstream).await;
    cluster.members().iter().for_each(show);
    Ok(read?)
}

fn plain(endpoints: Vec<Endpoint>) -> Config {
    Config {
        endpoints,
        tls: None,
        resolver: dns_discovery::Resolver::System,
        policy: Policy::Pin,
        connections: 1,
        dial_timeout: Duration::from_secs(5),
        keepalive: None,
        max_send_bytes: 3 << 19,
        max_recv_bytes: 64 << 20,
    }
}

/// Whatever implements `Kv` will do: the upstream itself, or a layer around it.
async fn first_keys(kv: &impl Kv) -> Result<(), Status> {
    // A zero byte as key and as end means every key.
    let every = Bytes::from_static(b"\0");
    let range = RangeRequest { key: every.clone(), range_end: every, limit: 10, ..RangeRequest::default() };
    let response = kv.range(Request::new(range)).await?.into_inner();
    println!("{} keys, the first of them:", response.count);
    for kv in response.kvs {
        println!("  {} = {}", String::from_utf8_lossy(&kv.key), String::from_utf8_lossy(&kv.value));
    }
    Ok(())
}

fn show(member: &MemberStatus) {
    let MemberStatus { endpoint, health, pinned, connections, in_flight, failures, last_failure } = member;
    let pin = if *pinned { ", pinned" } else { "" };
    let why = last_failure.as_deref().map(|reason| format!(", last: {reason}")).unwrap_or_default();
    println!(
        "{endpoint}: {health:?}{pin}, {connections} connections, {in_flight} in flight, {failures} failures{why}"
    );
}
