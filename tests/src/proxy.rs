//! The proxy under test as a child process.

use std::process::{Command, ExitStatus};

use serde_json::Value;

use crate::client::Client;
use crate::patience::{SOON, eventually};
use crate::process::Process;
use crate::temp::TempDir;
use crate::{environment, ports};

/// What the proxy logs once it serves; others' scripts wait for it too.
const STARTED: &str = "started gRPC proxy";

/// A running proxy. When it is dropped it must still be alive, unless the test has ended it.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    process: Process,
    may_be_gone: bool,
    _dir: TempDir,
}

impl Proxy {
    /// Starts a proxy in front of `endpoints` and waits until it says that it has started.
    pub async fn start(endpoints: &str, flags: &[&str]) -> Self {
        let mut proxy = Self::launch(endpoints, flags);
        proxy.started().await;
        proxy
    }

    /// Starts a proxy that advertises its own address, and waits until it says that it has started.
    pub async fn start_advertised(endpoints: &str, flags: &[&str]) -> Self {
        let address = free_address();
        let advertised = format!("--advertise-client-url={address}");
        let mut proxy = Self::launch_at(address, endpoints, &[&[advertised.as_str()], flags].concat());
        proxy.started().await;
        proxy
    }

    /// Starts a proxy and does not wait.
    #[must_use]
    pub fn launch(endpoints: &str, flags: &[&str]) -> Self {
        Self::launch_at(free_address(), endpoints, flags)
    }

    /// Starts a proxy that is told everything by `configure`, and waits until it says that it has started. Where it
    /// listens is in `ETCD_GRPC_PROXY_LISTEN_ADDR`.
    pub async fn start_configured(configure: impl FnOnce(&mut Command)) -> Self {
        let (address, dir) = (free_address(), TempDir::new("proxy"));
        let mut command = Command::new(environment::proxy());
        command.current_dir(dir.path()).arg("start").env("ETCD_GRPC_PROXY_LISTEN_ADDR", &address);
        configure(&mut command);
        let process = Process::spawn("the proxy", &mut command, &dir.path().join("proxy.log"));
        let mut proxy = Self { address, process, may_be_gone: false, _dir: dir };
        proxy.started().await;
        proxy
    }

    fn launch_at(address: String, endpoints: &str, flags: &[&str]) -> Self {
        let dir = TempDir::new("proxy");
        let mut command = Command::new(environment::proxy());
        command
            .current_dir(dir.path())
            .arg("start")
            .arg(format!("--endpoints={endpoints}"))
            .arg(format!("--listen-addr={address}"))
            .arg("--advertise-client-url=")
            .args(flags);
        let process = Process::spawn("the proxy", &mut command, &dir.path().join("proxy.log"));
        Self { address, process, may_be_gone: false, _dir: dir }
    }

    /// Waits until it says that it has started.
    pub async fn started(&mut self) {
        eventually("the proxy says that it has started", SOON, async || {
            let ended = self.process.ended();
            assert!(ended.is_none(), "the proxy ended at start-up: {ended:?}\n{}", self.process.log_tail());
            self.process.log().contains(STARTED).then_some(())
        })
        .await;
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

    /// Sends SIGTERM. From here on it may end.
    pub fn terminate(&mut self) {
        self.end_by("TERM");
    }

    /// Sends SIGHUP, which no proxy ends by.
    pub fn reload(&self) {
        self.process.signal("HUP");
    }

    /// Sends the signal of this name. From here on it may end.
    pub fn end_by(&mut self, signal: &str) {
        self.may_be_gone = true;
        self.process.signal(signal);
    }

    /// Waits until it has ended.
    pub async fn end(&mut self) -> ExitStatus {
        self.process.end().await
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// The most memory that it ever had resident, in bytes.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.process.memory("VmHWM")
    }

    /// The memory that it has resident now, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.process.memory("VmRSS")
    }

    /// Sends a signal that is not to end it.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Its log as it is.
    #[must_use]
    pub fn log_text(&self) -> String {
        self.process.log()
    }

    /// The processor's time that it has used, in clock ticks, of which a second has a hundred.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.process.ticks()
    }

    /// Its log, a JSON object a line; a line that is none fails the test.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in log line {line}"))
        };
        self.process.lines().iter().map(|line| parse(line)).collect()
    }
}

fn free_address() -> String {
    format!("127.0.0.1:{}", ports::free_port())
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let ended = self.process.ended();
        assert!(
            self.may_be_gone || ended.is_none(),
            "the proxy died: {ended:?}\n{}",
            self.process.log_tail()
        );
        let panics: Vec<String> =
            self.process.log().lines().filter(|line| line.contains("panic")).map(str::to_owned).collect();
        assert!(panics.is_empty(), "the proxy panicked:\n{}", panics.join("\n"));
    }
}
