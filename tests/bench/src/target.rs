//! The systems: one etcd member, and the proxies in front of it.

mod haproxy;
mod rival;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use http::Uri;

use crate::Result;
use crate::arguments::Run;
use crate::child::Running;
use crate::suite::PREFIX;

pub(crate) use rival::Rival;

const ETCD_SERVES: &str = "ready to serve client requests";

/// A way to reach etcd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum System {
    Direct,
    /// HAProxy in TCP mode, beside gateways only and where there is one.
    Haproxy,
    Theirs,
    Ours,
}

impl System {
    /// Those of this run; the last two are compared.
    pub(crate) fn all() -> &'static [Self] {
        match Rival::chosen() {
            Rival::Gateway { with_haproxy: true } => &[Self::Direct, Self::Haproxy, Self::Theirs, Self::Ours],
            _ => &[Self::Direct, Self::Theirs, Self::Ours],
        }
    }

    /// For people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Direct => "etcd directly",
            Self::Haproxy => "HAProxy",
            Self::Theirs => Rival::chosen().title(),
            Self::Ours => "this proxy",
        }
    }

    /// For programs.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Haproxy => "haproxy",
            Self::Theirs => "theirs",
            Self::Ours => "ours",
        }
    }
}

/// One system as the load sees it: where to call, and which processes to watch meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) system: System,
    pub(crate) address: SocketAddr,
    /// The member itself, whatever stands in front of it.
    pub(crate) member: SocketAddr,
    pub(crate) proxy: Option<u32>,
    pub(crate) etcd: u32,
}

impl Target {
    /// The same, with calls that go to the member itself.
    pub(crate) fn past(&self) -> Self {
        Self { address: self.member, ..*self }
    }

    /// Where a gRPC method is to be called, from its path.
    pub(crate) fn method(&self, path: &'static str) -> Result<Uri> {
        Ok(Uri::builder().scheme("http").authority(self.address.to_string()).path_and_query(path).build()?)
    }
}

/// Those that were asked for, running until dropped.
pub(crate) struct Systems {
    etcd: Target,
    behind: Vec<Target>,
    // The order matters when they end: proxies before the etcd that they talk to, the folder last.
    _proxies: Vec<Running>,
    _etcd: Running,
    _folder: Folder,
}

impl Systems {
    /// Starts etcd, and in front of it the proxies among `systems`, both with these flags.
    pub(crate) async fn start(run: &Run, systems: &[System], flags: &[&str]) -> Result<Self> {
        let folder = Folder::create()?;
        let [member, peer, theirs_at, ours_at, haproxy_at] = free_addresses()?;
        let mut etcd = Running::start("etcd", &mut etcd_command(&run.etcd, member, peer), &folder.path)?;
        etcd.says(ETCD_SERVES).await?;
        let direct = Target { system: System::Direct, address: member, member, proxy: None, etcd: etcd.id() };
        let (mut behind, mut proxies) = (Vec::new(), Vec::new());
        for system in systems.iter().copied() {
            let (address, mut command) = match system {
                System::Direct => continue,
                System::Haproxy => {
                    (haproxy_at, haproxy::command(run.haproxy.as_deref(), member, haproxy_at, &folder.path)?)
                }
                System::Theirs => (theirs_at, theirs_command(run, member, theirs_at)),
                System::Ours => (ours_at, ours_command(run, member, ours_at)),
            };
            let mut proxy = Running::start(system.key(), command.args(flags), &folder.path)?;
            match system {
                System::Haproxy => proxy.listens(address).await?,
                _ => proxy.says(Rival::chosen().serves()).await?,
            }
            behind.push(Target { system, address, proxy: Some(proxy.id()), ..direct });
            proxies.push(proxy);
        }
        Ok(Self { etcd: direct, behind, _proxies: proxies, _etcd: etcd, _folder: folder })
    }

    /// One that was asked for, or else etcd directly.
    pub(crate) fn target(&self, system: System) -> Target {
        self.behind.iter().find(|target| target.system == system).copied().unwrap_or(self.etcd)
    }

    pub(crate) fn etcd(&self) -> &Target {
        &self.etcd
    }
}

impl Setting {
    /// What a reader of the report must know about the run.
    pub(crate) fn of(run: &Run) -> Self {
        Self {
            etcd_version: version(&run.etcd),
            proxy_version: version(&run.proxy),
            proxy_args: run.proxy_args.join(" "),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            rounds: run.rounds,
            seconds: run.pace.measure.as_secs_f64(),
            warmup: run.pace.warmup.as_secs_f64(),
            connections: run.connections,
        }
    }
}

/// The circumstances of a run.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) etcd_version: String,
    pub(crate) proxy_version: String,
    pub(crate) proxy_args: String,
    pub(crate) cores: usize,
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) warmup: f64,
    pub(crate) connections: usize,
}

/// Writes are not synced to disk, so that they measure the path to etcd and not the machine's disk.
fn etcd_command(etcd: &Path, client: SocketAddr, peer: SocketAddr) -> Command {
    let mut command = Command::new(etcd);
    command
        .args(["--name", "bench", "--data-dir", "member", "--unsafe-no-fsync"])
        .args(["--quota-backend-bytes", "8589934592"])
        .arg(format!("--listen-client-urls=http://{client}"))
        .arg(format!("--advertise-client-urls=http://{client}"))
        .arg(format!("--listen-peer-urls=http://{peer}"))
        .arg(format!("--initial-advertise-peer-urls=http://{peer}"))
        .arg(format!("--initial-cluster=bench=http://{peer}"));
    command
}

fn theirs_command(run: &Run, member: SocketAddr, listen: SocketAddr) -> Command {
    let mut command = Command::new(&run.etcd);
    match Rival::chosen() {
        Rival::Proxy => proxy_flags(command.arg("grpc-proxy"), member, listen),
        Rival::Gateway { .. } => gateway_flags(&mut command, member, listen),
        Rival::Plain => {
            command = Command::new(&run.proxy);
            proxy_flags(&mut command, member, listen).args(&run.proxy_args)
        }
    };
    command
}

fn ours_command(run: &Run, member: SocketAddr, listen: SocketAddr) -> Command {
    let mut command = Command::new(&run.proxy);
    match Rival::chosen() {
        Rival::Proxy => proxy_flags(&mut command, member, listen),
        Rival::Gateway { .. } => gateway_flags(&mut command, member, listen),
        Rival::Plain => proxy_flags(&mut command, member, listen).arg(format!("--namespace={PREFIX}")),
    }
    .args(&run.proxy_args);
    command
}

/// The same flags for both gateways.
fn gateway_flags(command: &mut Command, member: SocketAddr, listen: SocketAddr) -> &mut Command {
    command
        .args(["gateway", "start"])
        .arg(format!("--endpoints={member}"))
        .arg(format!("--listen-addr={listen}"))
}

/// The same flags for both proxies.
fn proxy_flags(command: &mut Command, member: SocketAddr, listen: SocketAddr) -> &mut Command {
    command
        .arg("start")
        .arg(format!("--endpoints={member}"))
        .arg(format!("--listen-addr={listen}"))
        .arg("--advertise-client-url=")
}

/// Ports of the loopback that nobody listens on. All are held until all are known, so that no two are the same.
fn free_addresses<const COUNT: usize>() -> Result<[SocketAddr; COUNT]> {
    let mut listeners = Vec::with_capacity(COUNT);
    let mut addresses = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); COUNT];
    for address in &mut addresses {
        let listener = TcpListener::bind(*address)?;
        *address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(addresses)
}

/// The first line that `--version` prints.
fn version(binary: &Path) -> String {
    let printed =
        Command::new(binary).arg("--version").output().ok().filter(|output| output.status.success());
    let text = printed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.as_deref().and_then(|text| text.lines().next()).unwrap_or("unknown").trim().to_owned()
}

/// A folder of this run's own under the system's temporary one, removed with everything in it when dropped.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("etcd-grpc-proxy-bench-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("bench: {} remains: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_addresses_differ() {
        let [a, b, c]: [SocketAddr; 3] = free_addresses().unwrap();
        assert!(a != b && b != c && a != c && a.port() != 0);
    }

    #[test]
    fn both_proxies_get_the_same_flags() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let mut command = Command::new("x");
        proxy_flags(&mut command, address, address);
        let flags: Vec<_> = command.get_args().collect();
        assert_eq!(
            flags,
            ["start", "--endpoints=127.0.0.1:1", "--listen-addr=127.0.0.1:1", "--advertise-client-url="]
        );
    }
}
