//! Which etcd and which proxy are under test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The folder that holds `etcd` and `etcdctl`.
pub const ETCD_BIN_DIR: &str = "ETCD_BIN_DIR";
/// The absolute path of the proxy's binary.
pub const ETCD_GRPC_PROXY: &str = "ETCD_GRPC_PROXY";

/// The program of a DNS server, NSD.
pub const NSD: &str = "NSD";

/// The etcd server under test.
#[must_use]
pub fn etcd() -> PathBuf {
    required(ETCD_BIN_DIR).join("etcd")
}

/// The etcdctl of the same release.
#[must_use]
pub fn etcdctl() -> PathBuf {
    required(ETCD_BIN_DIR).join("etcdctl")
}

/// The proxy under test.
#[must_use]
pub fn proxy() -> PathBuf {
    required(ETCD_GRPC_PROXY)
}

/// The DNS server for the tests of discovery: what the variable names, what is installed, or what `cargo xtask e2e` has
/// unpacked before.
#[must_use]
pub fn nsd() -> PathBuf {
    if let Some(named) = std::env::var_os(NSD) {
        return named.into();
    }
    let unpacked = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/packages/nsd.sh");
    let found = ["/usr/sbin/nsd", unpacked].into_iter().map(PathBuf::from).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("no DNS server: run these tests by `cargo xtask e2e`, install nsd, or set {NSD}")
    })
}

/// Major and minor version of the etcd under test, such as `(3, 7)`.
#[must_use]
pub fn etcd_version() -> (u32, u32) {
    static VERSION: OnceLock<(u32, u32)> = OnceLock::new();
    *VERSION.get_or_init(ask_etcd_version)
}

fn ask_etcd_version() -> (u32, u32) {
    let output = Command::new(etcd()).arg("--version").output().expect("run etcd --version");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().find_map(|line| line.strip_prefix("etcd Version: ")).expect("a version line");
    let mut numbers = version.split('.').map(|number| number.parse().expect("a number in the version"));
    (numbers.next().expect("a major version"), numbers.next().expect("a minor version"))
}

fn required(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(value) if !value.is_empty() => PathBuf::from(value),
        _ => panic!(
            "{name} is not set: run these tests by `cargo xtask e2e`, which finds etcd and builds the proxy"
        ),
    }
}
