//! etcd's own proxy, `etcd grpc-proxy`, as a child process: what ours has to live beside.

use std::process::Command;

use crate::patience::{SOON, eventually};
use crate::process::Process;
use crate::temp::TempDir;
use crate::{environment, ports};

/// A running `etcd grpc-proxy start`.
#[derive(Debug)]
pub struct ExistingProxy {
    address: String,
    _process: Process,
    _dir: TempDir,
}

impl ExistingProxy {
    /// Starts one in front of `endpoints` that advertises its own address, and waits until it says that it has started.
    pub async fn start(endpoints: &str, flags: &[&str]) -> Self {
        let dir = TempDir::new("existing-proxy");
        let address = format!("127.0.0.1:{}", ports::free_port());
        let mut command = Command::new(environment::etcd());
        command
            .env_clear()
            .current_dir(dir.path())
            .args(["grpc-proxy", "start"])
            .arg(format!("--endpoints={endpoints}"))
            .arg(format!("--listen-addr={address}"))
            .arg(format!("--advertise-client-url={address}"))
            .args(flags);
        let process = Process::spawn("etcd grpc-proxy", &mut command, &dir.path().join("proxy.log"));
        eventually("etcd grpc-proxy has started", SOON, async || {
            process.log().contains("started gRPC proxy").then_some(())
        })
        .await;
        Self { address, _process: process, _dir: dir }
    }

    /// `host:port` of its listener, which it advertises.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}
