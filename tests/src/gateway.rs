//! TCP gateways as child processes: ours, and etcd's own as the oracle for what one says.

use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use serde_json::Value;

use crate::client::Client;
use crate::patience::{SOON, eventually};
use crate::process::Process;
use crate::temp::TempDir;
use crate::{environment, ports};

/// What a gateway logs once it serves; others' scripts wait for it too.
const READY: &str = "ready to proxy client requests";

/// Whose gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// The program under test.
    Ours,
    /// The etcd under test.
    Etcd,
}

/// A running `gateway start`.
#[derive(Debug)]
pub struct Gateway {
    address: String,
    process: Process,
    _dir: TempDir,
}

impl Maker {
    fn command(self, folder: &Path) -> Command {
        let mut command = Command::new(match self {
            Self::Ours => environment::proxy(),
            Self::Etcd => environment::etcd(),
        });
        command.env_clear().current_dir(folder).arg("gateway");
        command
    }

    /// What it says when it does not start with these arguments after `gateway`, and its code. Lines of the log are
    /// left out, and it does not matter to which stream the rest goes.
    #[must_use]
    pub fn refusal(self, arguments: &[&str]) -> (Option<i32>, String) {
        let dir = TempDir::new("gateway");
        let mut command = self.command(dir.path());
        let Output { status, stdout, stderr } =
            command.args(arguments).stdin(Stdio::null()).output().expect("run a gateway");
        let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let lines = said.iter().flat_map(|said| said.lines()).filter(|line| !line.starts_with('{'));
        (status.code(), lines.collect::<Vec<_>>().join("\n"))
    }
}

impl Gateway {
    /// Starts ours in front of `endpoints` and waits until it says that it is ready.
    pub async fn start(endpoints: &str, flags: &[&str]) -> Self {
        Self::start_of(Maker::Ours, endpoints, flags).await
    }

    /// Starts one in front of `endpoints` and waits until it says that it is ready.
    pub async fn start_of(maker: Maker, endpoints: &str, flags: &[&str]) -> Self {
        let dir = TempDir::new("gateway");
        let address = format!("127.0.0.1:{}", ports::free_port());
        let mut command = maker.command(dir.path());
        command
            .arg("start")
            .arg(format!("--listen-addr={address}"))
            .arg(format!("--endpoints={endpoints}"))
            .args(flags);
        let process = Process::spawn("the gateway", &mut command, &dir.path().join("gateway.log"));
        let mut gateway = Self { address, process, _dir: dir };
        gateway.ready().await;
        gateway
    }

    async fn ready(&mut self) {
        eventually("the gateway says that it is ready", SOON, async || {
            let ended = self.process.ended();
            assert!(ended.is_none(), "the gateway ended: {ended:?}\n{}", self.process.log());
            self.process.log().contains(READY).then_some(())
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

    /// Sends the signal of this name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits until it has ended.
    pub async fn end(&mut self) -> ExitStatus {
        self.process.end().await
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// The memory that it has resident now, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.process.memory("VmRSS")
    }

    /// How many more files it may have open than it has now.
    #[must_use]
    pub fn descriptors_left(&self) -> usize {
        let limits =
            std::fs::read_to_string(format!("/proc/{}/limits", self.process.pid())).expect("its limits");
        let line =
            limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("the limit of files");
        let soft = line.split_whitespace().next().expect("the soft limit");
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process.pid())).expect("its descriptors");
        soft.parse().unwrap_or(usize::MAX).saturating_sub(open.count())
    }

    /// Its log, a JSON object a line; a line that is none fails the test.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in log line {line}"))
        };
        self.process.lines().iter().map(|line| parse(line)).collect()
    }

    /// Waits until it has logged this message of this endpoint.
    pub async fn says(&self, message: &str, address: &str) {
        eventually(&format!("{message:?} of {address}"), SOON, async || {
            let is_it = |line: &Value| line["msg"] == message && line["address"] == address;
            self.log().iter().any(is_it).then_some(())
        })
        .await;
    }
}
