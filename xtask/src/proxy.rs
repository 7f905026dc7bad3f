//! The proxy's binary: the one that `ETCD_GRPC_PROXY` names, or a fresh build.

use std::env;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::cargo::{Profile, build_binary, build_binary_with};
use crate::console::say;

/// The variable that names a binary to use; the end-to-end tests and the benchmark read it too.
pub(crate) const VARIABLE: &str = "ETCD_GRPC_PROXY";

const PACKAGE: &str = "proxy-server";
const BINARY: &str = "etcd-grpc-proxy";

/// An absolute path to a proxy that can be run.
pub(crate) fn binary(profile: Profile) -> Outcome<PathBuf> {
    if let Some(given) = env::var_os(VARIABLE).map(PathBuf::from) {
        return given_binary(&given);
    }
    let how = if profile == Profile::Release { "in release mode (minutes, the first time)" } else { "" };
    say(format!("proxy: building it {how}").trim_end());
    build_binary(PACKAGE, BINARY, profile)
}

/// A fresh build that has these features as well, whatever `ETCD_GRPC_PROXY` says.
pub(crate) fn binary_with(features: &str) -> Outcome<PathBuf> {
    say(&format!("proxy: building it with {features}"));
    build_binary_with(features, PACKAGE, BINARY, Profile::Dev)
}

fn given_binary(given: &Path) -> Outcome<PathBuf> {
    let path = given.canonicalize().map_err(|error| format!("{VARIABLE}={}: {error}", given.display()))?;
    say(&format!("proxy: {}, as {VARIABLE} says", path.display()));
    Ok(path)
}
