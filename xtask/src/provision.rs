//! A real etcd for tests, demo and benchmark: found on this machine, or made under `target/etcd`.
//!
//! In this order: `ETCD_BIN_DIR`, `etcd` on `PATH`, the pinned newest release built with Go, the distribution's packages.

mod distribution;
mod go;

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::command::answer;
use crate::console::say;
use crate::workspace::{at, emptied, target};

/// The variable that names a folder with `etcd` and `etcdctl`; the end-to-end tests and the benchmark read it too.
pub(crate) const VARIABLE: &str = "ETCD_BIN_DIR";

/// A folder with an `etcd` and an `etcdctl` that run.
#[derive(Clone, Debug)]
pub(crate) struct Etcd {
    pub(crate) folder: PathBuf,
    /// As `etcd --version` says it, such as `3.7.3`.
    pub(crate) version: String,
}

impl Etcd {
    /// Takes the folder at its word only after both programs have run.
    pub(crate) fn in_folder(folder: &Path) -> Outcome<Self> {
        let folder = folder.canonicalize().map_err(at(folder))?;
        let etcd = folder.join("etcd");
        let version = answer(Command::new(&etcd).arg("--version"))
            .and_then(|text| version_in(&text))
            .ok_or_else(|| format!("{} --version does not run", etcd.display()))?;
        let etcdctl = folder.join("etcdctl");
        answer(Command::new(&etcdctl).arg("version"))
            .ok_or_else(|| format!("{} version does not run", etcdctl.display()))?;
        Ok(Self { folder, version })
    }
}

/// The newest etcd to be had.
pub(crate) fn newest() -> Outcome<Etcd> {
    let _lock = lock()?;
    if let Some(folder) = env::var_os(VARIABLE) {
        return named(Path::new(&folder));
    }
    if let Some(program) = on_path("etcd") {
        return beside(&program);
    }
    let why_not_go = match go::etcd() {
        Ok(etcd) => return Ok(etcd),
        Err(reason) => reason,
    };
    say(&format!("etcd: {why_not_go}; trying the distribution's packages"));
    distribution::etcd().map_err(|why_not_distribution| {
        format!(
            "no etcd to be had: none on PATH; {why_not_go}; {why_not_distribution}\n\
             Install Go or etcd, or set {VARIABLE} to a folder with etcd and etcdctl."
        )
    })
}

/// The oldest etcd that is supported (3.4), or the nearest to it that the distribution has packages of.
pub(crate) fn oldest() -> Outcome<Etcd> {
    let _lock = lock()?;
    distribution::etcd()
}

/// The variable that names the program of a DNS server, NSD; the end-to-end tests read it too.
pub(crate) const NSD: &str = "NSD";

/// A DNS server for the tests of discovery.
pub(crate) fn nsd() -> Outcome<PathBuf> {
    program(NSD, "nsd", &["nsd", "libevent-2.1-7", "libfstrm0", "libprotobuf-c1"])
}

/// The variable that names the program of HAProxy; the benchmark reads it too.
pub(crate) const HAPROXY: &str = "HAPROXY";

/// HAProxy, to measure TCP gateways against.
pub(crate) fn haproxy() -> Outcome<PathBuf> {
    program(
        HAPROXY,
        "haproxy",
        &["haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1", "libpcre2-8-0"],
    )
}

/// What checks and tests Prometheus's rules.
pub(crate) fn promtool() -> Outcome<PathBuf> {
    program("PROMTOOL", "promtool", &["prometheus"])
}

/// From the variable, from this machine, or from the distribution's packages.
fn program(variable: &str, name: &str, packages: &[&str]) -> Outcome<PathBuf> {
    let _lock = lock()?;
    if let Some(named) = env::var_os(variable) {
        return Ok(named.into());
    }
    let installed = Path::new("/usr/sbin").join(name);
    if let Some(found) = on_path(name).or_else(|| installed.is_file().then_some(installed)) {
        return Ok(found);
    }
    let missing = |why| format!("no {name} to be had: {why}\nInstall it, or set {variable} to its program.");
    distribution::program(name, packages).map_err(missing)
}

/// One at a time: who comes second finds what the first has made.
fn lock() -> Outcome<File> {
    let folder = target().join("etcd");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let path = folder.join("lock");
    let file = File::create(&path).map_err(at(&path))?;
    if file.try_lock().is_err() {
        say("etcd: waiting for another run of this checkout that is getting it");
        file.lock().map_err(at(&path))?;
    }
    Ok(file)
}

fn named(folder: &Path) -> Outcome<Etcd> {
    let etcd = Etcd::in_folder(folder).map_err(|error| {
        format!("{VARIABLE}={} must be a folder with etcd and etcdctl: {error}", folder.display())
    })?;
    say(&format!("etcd {}: {}, as {VARIABLE} says", etcd.version, etcd.folder.display()));
    Ok(etcd)
}

/// An etcd on `PATH`, with the etcdctl beside it or the one on `PATH`. Links bring the two into one folder.
fn beside(program: &Path) -> Outcome<Etcd> {
    let folder = program.parent().unwrap_or(Path::new("/"));
    if folder.join("etcdctl").is_file() {
        return found(Etcd::in_folder(folder)?);
    }
    let etcdctl = on_path("etcdctl").ok_or_else(|| {
        format!(
            "{} has no etcdctl beside it, nor is there one on PATH.\n\
             Install etcdctl, or set {VARIABLE} to a folder with both.",
            program.display()
        )
    })?;
    let links = target().join("etcd/on-path");
    emptied(&links)?;
    for (name, program) in [("etcd", program), ("etcdctl", &etcdctl)] {
        symlink(program, links.join(name)).map_err(at(&links))?;
    }
    found(Etcd::in_folder(&links)?)
}

fn found(etcd: Etcd) -> Outcome<Etcd> {
    say(&format!("etcd {}: found on PATH ({})", etcd.version, etcd.folder.display()));
    Ok(etcd)
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

fn version_in(text: &str) -> Option<String> {
    let version = text.lines().find_map(|line| line.strip_prefix("etcd Version:"))?;
    Some(version.trim().to_owned())
}

/// Makes a folder beside its final name and moves it there whole, so that nothing half done is ever found.
fn make_whole(folder: &Path, make: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let mut partial = folder.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    emptied(&partial)?;
    make(&partial)?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    fs::rename(&partial, folder).map_err(at(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_etcd_prints() {
        let printed = "etcd Version: 3.4.23\nGit SHA: Not provided (use ./build instead of go build)\n";
        assert_eq!(version_in(printed), Some("3.4.23".to_owned()));
        assert_eq!(version_in("usage: something else"), None);
    }

    #[test]
    fn a_folder_without_etcd_is_not_taken_at_its_word() {
        assert!(Etcd::in_folder(Path::new("/")).is_err());
    }
}
