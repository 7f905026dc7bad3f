//! The proxy's binary: the one that `ETCD_GRPC_PROXY` names, or a fresh build.

use std::env;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::cargo::{Profile, build_binary};
use crate::console::say;

/// The variable that names a binary to use; the end-to-end tests and the benchmark read it too.
pub(crate) const VARIABLE: &str = "ETCD_GRPC_PROXY";

/// An absolute path to a proxy that can be run.
pub(crate) fn binary(profile: Profile) -> Outcome<PathBuf> {
    if let Some(given) = env::var_os(VARIABLE).map(PathBuf::from) {
        return given_binary(&given);
    }
    let how = if profile == Profile::Release { "in release mode (minutes, the first time)" } else { "" };
    say(format!("proxy: building it {how}").trim_end());
    build_binary("proxy-server", "etcd-grpc-proxy", profile)
}

fn given_binary(given: &Path) -> Outcome<PathBuf> {
    let path = given.canonicalize().map_err(|error| format!("{VARIABLE}={}: {error}", given.display()))?;
    say(&format!("proxy: {}, as {VARIABLE} says", path.display()));
    Ok(path)
}
