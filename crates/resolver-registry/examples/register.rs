//! Registers an address under a prefix of a real etcd and prints who else is there, until Ctrl-C:
//! `cargo run -p resolver-registry --example register -- http://127.0.0.1:2379 proxies 127.0.0.1:23790`

use std::error::Error;

use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use resolver_registry::{Config, Proxy, Registry};
use tonic::transport::Endpoint;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let etcd = arguments.next().unwrap_or_else(|| "http://127.0.0.1:2379".to_owned());
    let prefix = arguments.next().unwrap_or_else(|| "proxies".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:23790".to_owned());

    let channel = Endpoint::from_shared(etcd)?.connect_lazy();
    let config = Config::new(prefix, Proxy { name: "example".to_owned(), address }, 5);
    let (kv, lease) = (KvClient::new(channel.clone()), LeaseClient::new(channel.clone()));
    let (registry, worker) = Registry::new(config, kv, lease, WatchClient::new(channel));
    tokio::spawn(worker.run());

    let mut changes = registry.changes();
    loop {
        tokio::select! {
            changed = changes.changed() => changed?,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                registry.deregister().await;
                return Ok(());
            }
        }
        println!("{} proxies:", registry.proxies().len());
        for Proxy { name, address } in registry.proxies().iter() {
            println!("  {address} ({name})");
        }
    }
}
