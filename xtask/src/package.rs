//! `cargo xtask package deb`: a Debian package of the proxy, with its units, man page and completions.

mod libraries;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::Profile;
use crate::command::{answer, run as run_command};
use crate::console::{print, say};
use crate::workspace::{at, emptied, root, target};
use crate::{Outcome, manifest::Manifest, proxy};

/// From the checkout to the package, with the mode in octal. What ends in `.gz` is compressed on the way.
const FILES: [(&str, &str, u32); 12] = [
    ("contrib/systemd/etcd-grpc-proxy.service", "usr/lib/systemd/system/etcd-grpc-proxy.service", 0o644),
    ("contrib/systemd/etcd-grpc-proxy.socket", "usr/lib/systemd/system/etcd-grpc-proxy.socket", 0o644),
    (
        "contrib/systemd/etcd-grpc-proxy-metrics.socket",
        "usr/lib/systemd/system/etcd-grpc-proxy-metrics.socket",
        0o644,
    ),
    ("contrib/debian/config.toml", "etc/etcd-grpc-proxy/config.toml", 0o644),
    ("contrib/man/etcd-grpc-proxy.1", "usr/share/man/man1/etcd-grpc-proxy.1.gz", 0o644),
    (
        "contrib/completions/etcd-grpc-proxy.bash",
        "usr/share/bash-completion/completions/etcd-grpc-proxy",
        0o644,
    ),
    ("contrib/completions/_etcd-grpc-proxy", "usr/share/zsh/vendor-completions/_etcd-grpc-proxy", 0o644),
    (
        "contrib/completions/etcd-grpc-proxy.fish",
        "usr/share/fish/vendor_completions.d/etcd-grpc-proxy.fish",
        0o644,
    ),
    ("contrib/debian/copyright", "usr/share/doc/etcd-grpc-proxy/copyright", 0o644),
    ("contrib/debian/changelog", "usr/share/doc/etcd-grpc-proxy/changelog.gz", 0o644),
    ("CHANGELOG.md", "usr/share/doc/etcd-grpc-proxy/CHANGELOG.md.gz", 0o644),
    ("contrib/debian/lintian-overrides", "usr/share/lintian/overrides/etcd-grpc-proxy", 0o644),
];
const BINARY: &str = "usr/bin/etcd-grpc-proxy";
const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [kind] if kind == "deb" => deb().map(drop),
        _ => Err("usage: cargo xtask package deb".to_owned()),
    }
}

fn deb() -> Outcome<PathBuf> {
    let architecture = answer(Command::new("dpkg").arg("--print-architecture"))
        .ok_or("`dpkg` is not there: a Debian package is made where there is one")?;
    let binary = proxy::binary(Profile::Release)?;
    let tree = target().join("deb/tree");
    emptied(&tree)?;
    install(&binary, &tree.join(BINARY), 0o755)?;
    strip(&tree.join(BINARY))?;
    for (from, to, mode) in FILES {
        install(&root().join(from), &tree.join(to), mode)?;
    }
    control(&tree, architecture.trim())?;
    let package = target().join(format!("deb/etcd-grpc-proxy_{}_{}.deb", version()?, architecture.trim()));
    // Folders are as the umask leaves them, and dpkg-deb refuses what is not for everybody.
    run_command(Command::new("chmod").args(["-R", "u=rwX,go=rX"]).arg(&tree))?;
    let mut build = Command::new("dpkg-deb");
    run_command(build.args(["--build", "--root-owner-group"]).arg(&tree).arg(&package))?;
    verify(&package)?;
    say(&format!("package: {}", package.display()));
    Ok(package)
}

fn install(from: &Path, to: &Path, mode: u32) -> Outcome {
    let folder = to.parent().ok_or("a file has a folder")?;
    fs::create_dir_all(folder).map_err(at(folder))?;
    if to.extension().is_some_and(|extension| extension == "gz") {
        let plain = to.with_extension("");
        fs::copy(from, &plain).map_err(at(from))?;
        // Without name and time, so that the same sources make the same package.
        run_command(Command::new("gzip").args(["-9", "--no-name", "--force"]).arg(&plain))?;
    } else {
        fs::copy(from, to).map_err(at(from))?;
    }
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).map_err(at(to))
}

fn strip(binary: &Path) -> Outcome {
    if answer(Command::new("strip").arg("--version")).is_none() {
        say("package: `strip` is not there, so the binary keeps its debug information");
        return Ok(());
    }
    run_command(Command::new("strip").arg("--strip-debug").arg(binary))
}

fn control(tree: &Path, architecture: &str) -> Outcome {
    let source = root().join("contrib/debian");
    let folder = tree.join("DEBIAN");
    for script in SCRIPTS {
        install(&source.join(script), &folder.join(script), 0o755)?;
    }
    let template = fs::read_to_string(source.join("control")).map_err(at(&source))?;
    let binary = fs::read(tree.join(BINARY)).map_err(at(tree))?;
    let filled = template
        .replace("{version}", &version()?)
        .replace("{architecture}", architecture)
        .replace("{depends}", &libraries::depends(&binary))
        .replace("{size}", &(binary.len() / 1024 + 64).to_string());
    fs::write(folder.join("control"), filled).map_err(at(&folder))?;
    fs::write(folder.join("conffiles"), "/etc/etcd-grpc-proxy/config.toml\n").map_err(at(&folder))?;
    fs::write(folder.join("md5sums"), sums(tree)?).map_err(at(&folder))
}

/// By which an operator sees whether a file is still the package's. Those of `etc` are the operator's own.
fn sums(tree: &Path) -> Outcome<String> {
    let names = FILES.iter().map(|(_, to, _)| *to).filter(|to| !to.starts_with("etc/")).chain([BINARY]);
    answer(Command::new("md5sum").args(names).current_dir(tree)).ok_or("`md5sum` does not run".to_owned())
}

fn version() -> Outcome<String> {
    let path = root().join("Cargo.toml");
    let manifest = Manifest::parse(&fs::read_to_string(&path).map_err(at(&path))?);
    manifest
        .value("workspace.package", "version")
        .map(str::to_owned)
        .ok_or("the workspace has a version".to_owned())
}

/// Everything that was put in is in it, and belongs to root.
fn verify(package: &Path) -> Outcome {
    let listed = answer(Command::new("dpkg-deb").arg("--contents").arg(package))
        .ok_or_else(|| format!("{} cannot be read", package.display()))?;
    for name in FILES.iter().map(|(_, to, _)| *to).chain([BINARY]) {
        let is_there = |line: &str| line.ends_with(&format!(" ./{name}")) && line.contains(" root/root ");
        if !listed.lines().any(is_there) {
            return Err(format!("{name} is not in {}", package.display()));
        }
    }
    print(&listed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_package_is_in_the_checkout() {
        for (from, ..) in FILES {
            assert!(root().join(from).is_file(), "{from}");
        }
        for script in SCRIPTS {
            assert!(root().join("contrib/debian").join(script).is_file(), "{script}");
        }
    }

    #[test]
    fn the_version_is_the_workspaces() {
        assert_eq!(version(), Ok(env!("CARGO_PKG_VERSION").to_owned()));
        let changelog = fs::read_to_string(root().join("contrib/debian/changelog")).expect("a changelog");
        let begins = format!("etcd-grpc-proxy ({}) ", env!("CARGO_PKG_VERSION"));
        assert!(changelog.starts_with(&begins), "{changelog}");
    }
}
