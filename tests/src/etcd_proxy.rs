//! `etcd grpc-proxy` of the etcd under test: the oracle for what a proxy shows of itself.

use std::process::Command;

use crate::client::Client;
use crate::patience::{SOON, eventually};
use crate::process::Process;
use crate::temp::TempDir;
use crate::{environment, http1, ports};

/// A running `etcd grpc-proxy`.
#[derive(Debug)]
pub struct EtcdProxy {
    address: String,
    _process: Process,
    _dir: TempDir,
}

impl EtcdProxy {
    /// Starts one in front of `endpoints` and waits until it answers pages.
    pub async fn start(endpoints: &str) -> Self {
        let dir = TempDir::new("etcd-proxy");
        let address = format!("127.0.0.1:{}", ports::free_port());
        let mut command = Command::new(environment::etcd());
        command
            .env_clear()
            .current_dir(dir.path())
            .args(["grpc-proxy", "start"])
            .arg(format!("--endpoints={endpoints}"))
            .arg(format!("--listen-addr={address}"))
            .arg(format!("--advertise-client-url={address}"));
        let process = Process::spawn("etcd grpc-proxy", &mut command, &dir.path().join("proxy.log"));
        eventually("etcd grpc-proxy answers", SOON, async || http1::page(&address, "GET", "/").await.ok())
            .await;
        Self { address, _process: process, _dir: dir }
    }

    /// `host:port` of its listener.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A client on a connection of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::of(&self.address)
    }
}
