//! The pinned newest etcd, built with Go from the module `tests/etcd`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Etcd, make_whole};
use crate::Outcome;
use crate::command::{answer, run_quietly};
use crate::console::say;
use crate::workspace::{at, root, target};

const SERVER: &str = "go.etcd.io/etcd/server/v3";
const ETCDCTL: &str = "go.etcd.io/etcd/etcdctl/v3";

/// From `target/etcd/<version>`, where it is built once.
pub(super) fn etcd() -> Outcome<Etcd> {
    let module = root().join("tests/etcd");
    let version = pinned_version(&module.join("go.mod"))?;
    let folder = target().join("etcd").join(&version);
    if let Ok(etcd) = Etcd::in_folder(&folder) {
        say(&format!("etcd {version}: {}, built earlier", folder.display()));
        return Ok(etcd);
    }
    if answer(Command::new("go").arg("version")).is_none() {
        return Err("there is no Go toolchain to build it with".to_owned());
    }
    say(&format!("etcd {version}: building it from tests/etcd with Go (2 to 5 minutes, once)"));
    make_whole(&folder, |partial| build(&module, partial))?;
    say(&format!("etcd {version}: built in {}", folder.display()));
    Etcd::in_folder(&folder)
}

fn build(module: &Path, folder: &Path) -> Outcome {
    for (package, program) in [(SERVER, "etcd"), (ETCDCTL, "etcdctl")] {
        let mut go = Command::new("go");
        // No C compiler is needed, and none is asked for.
        go.env("CGO_ENABLED", "0").arg("build").arg("-C").arg(module);
        go.args(["-trimpath", "-o"]).arg(folder.join(program)).arg(package);
        run_quietly(&mut go, &target().join("etcd/go-build.log"))?;
    }
    Ok(())
}

/// The version that the module requires: `go.mod` is the only place that names it.
fn pinned_version(go_mod: &Path) -> Outcome<String> {
    let text = fs::read_to_string(go_mod).map_err(at(go_mod))?;
    version_required(&text).ok_or_else(|| format!("{} does not require {SERVER}", go_mod.display()))
}

fn version_required(go_mod: &str) -> Option<String> {
    let required = go_mod.lines().find_map(|line| line.trim().strip_prefix(SERVER)?.strip_prefix(" v"))?;
    required.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_required_version_is_read_past_the_tool_lines() {
        let go_mod = "module m\ntool (\n\tgo.etcd.io/etcd/server/v3\n)\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.7.3 // indirect\n)\n";
        assert_eq!(version_required(go_mod), Some("3.7.3".to_owned()));
    }

    #[test]
    fn a_module_without_the_server_has_no_version() {
        assert_eq!(version_required("module m\nrequire example.org/x v1.0.0\n"), None);
    }
}
