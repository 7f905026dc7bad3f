//! Hands the binary what `--version` tells: the commit and the compiler.
//!
//! Reruns when HEAD moves, and not for every change of a file. A source tree without its history builds as well.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let sha = if is_own_checkout() { git(&["rev-parse", "--short", "HEAD"]) } else { None };
    if sha.is_some() {
        watch_head();
    }
    println!("cargo::rustc-env=PROXY_GIT_SHA={}", sha.as_deref().unwrap_or("Not provided"));
    println!("cargo::rustc-env=PROXY_RUSTC_VERSION={}", rustc_version().as_deref().unwrap_or("unknown"));
}

/// A tarball may be unpacked somewhere inside of another project's checkout, whose commit says nothing about us.
fn is_own_checkout() -> bool {
    let root = env::var_os("CARGO_MANIFEST_DIR").map(|dir| PathBuf::from(dir).join("../.."));
    let real = |path: &Path| fs::canonicalize(path).ok();
    let top = git(&["rev-parse", "--show-toplevel"]).and_then(|top| real(Path::new(&top)));
    top.is_some() && top == root.as_deref().and_then(real)
}

/// `HEAD` changes when another branch is checked out, `logs/HEAD` with each commit. A path that does not exist would
/// rerun this for ever.
fn watch_head() {
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

fn rustc_version() -> Option<String> {
    let text = output(Command::new(env::var_os("RUSTC")?).arg("--version"))?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

fn git(arguments: &[&str]) -> Option<String> {
    output(Command::new("git").args(arguments))
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Some(text).filter(|text| !text.is_empty())
}
