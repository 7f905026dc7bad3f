//! `etcd-grpc-proxy`: (temporary main)
mod client_io;
mod config;
mod connection;
mod drain;
mod frames;
mod health;
mod init_daemon;
mod listener;
mod member_list;
mod router;
mod server;
mod signals;
mod sort_guard;
mod wiring;
mod worker;
use std::time::Duration;


fn main() {
    let mut listen = "127.0.0.1:23790".to_owned();
    let mut advertise = "127.0.0.1:23790".to_owned();
    let mut endpoints = vec!["127.0.0.1:2379".to_owned()];
    let mut workers = 2;
    for a in std::env::args().skip(2) {
        let (k, v) = a.split_once('=').unwrap_or((&a, ""));
        match k {
            "--listen-addr" => listen = v.into(),
            "--advertise-client-url" => advertise = v.into(),
            "--endpoints" => endpoints = v.split(',').map(Into::into).collect(),
            "--worker-threads" => workers = v.parse().unwrap(),
            _ => panic!("{a}"),
        }
    }
    let config = config::Config {
        listen_addr: listen,
        advertise_client_url: advertise,
        upstream: upstream_balancer::Config {
            endpoints: endpoints.iter().map(|e| e.parse().unwrap()).collect(),
            tls: None,
            policy: upstream_balancer::Policy::Pin,
            connections: 1,
            dial_timeout: Duration::from_secs(5),
            keepalive: None,
            max_send_bytes: 1572864,
            max_recv_bytes: i32::MAX as usize,
        },
        max_concurrent_streams: u32::MAX,
        keepalive_min_time: Duration::from_secs(5),
        keepalive_interval: Duration::from_secs(7200),
        keepalive_timeout: Duration::from_secs(20),
        worker_threads: workers,
        drain_timeout: Duration::from_secs(30),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server::serve(config)).unwrap();
}
