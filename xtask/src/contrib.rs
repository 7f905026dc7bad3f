//! `cargo xtask contrib`: the units, scripts, manifests and the container file, each by the tool that knows its kind. What
//! cannot be had is not asked, and named.

mod tools;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{run as run_command, shown};
use crate::console::say;
use crate::workspace::{at, emptied, root, target};
use crate::{Outcome, no_arguments, provision};

use tools::Tools;

/// systemd's measure of what a service could do, in tenths: 0 is nothing, 100 everything.
const MOST_EXPOSURE: &str = "20";
/// The oldest release of Kubernetes for which the manifests are written.
const KUBERNETES: &str = "1.30";
/// In the name of every unit.
const OURS: &str = "etcd-grpc-proxy";
const MANIFEST: &str = "contrib/kubernetes/etcd-grpc-proxy.yaml";
const RULE: &str = "contrib/kubernetes/prometheus-rule.yaml";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    no_arguments("contrib", arguments)?;
    let folder = target().join("contrib");
    emptied(&folder)?;
    let tools = Tools::get();
    scripts()?;
    with(tools.find("systemd-analyze"), "systemd-analyze", |_| units(&folder))?;
    with(tools.find("hadolint"), "hadolint", |program| {
        run_command(Command::new(program).arg(root().join("contrib/container/Containerfile")))
    })?;
    with(tools.find("kubernetes-validate"), "kubernetes-validate", manifests)?;
    with(tools.python(), "cloudcoil.models.prometheus-operator", rule)?;
    with(provision::promtool().ok(), "promtool", |program| rules(program, &folder))?;
    say("contrib: nothing to complain of");
    Ok(())
}

fn with(found: Option<PathBuf>, tool: &str, check: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let Some(program) = found else {
        say(&format!("contrib: there is no `{tool}`, so what it knows is not looked at"));
        return Ok(());
    };
    check(&program)
}

fn scripts() -> Outcome {
    for script in ["postinst", "prerm", "postrm"] {
        run_command(Command::new("sh").arg("-n").arg(root().join("contrib/debian").join(script)))?;
    }
    Ok(())
}

/// systemd asks whether the programs are there: the binary is only once the package is installed.
fn units(folder: &Path) -> Outcome {
    let source = root().join("contrib/systemd");
    let mut units = Vec::new();
    for entry in fs::read_dir(&source).map_err(at(&source))?.flatten() {
        let text = fs::read_to_string(entry.path()).map_err(at(&source))?;
        let unit = folder.join(entry.file_name());
        let there = text.replace("/usr/bin/etcd-grpc-proxy", "/bin/true").replace("/bin/kill", "/bin/true");
        fs::write(&unit, there).map_err(at(&unit))?;
        // It also complains of what a generous umask leaves.
        fs::set_permissions(&unit, fs::Permissions::from_mode(0o644)).map_err(at(&unit))?;
        units.push(unit);
    }
    quiet(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units))?;
    let services = units.iter().filter(|unit| unit.extension().is_some_and(|kind| kind == "service"));
    let security = ["security", "--offline=true", "--no-pager", "--threshold", MOST_EXPOSURE];
    run_command(Command::new("systemd-analyze").args(security).args(services).stdout(log(folder)?))
}

/// systemd passes over what it does not know, with a line on standard error. It has lines on the machine's own
/// units, too.
fn quiet(command: &mut Command) -> Outcome {
    let output = command.output().map_err(|error| format!("`{}`: {error}", shown(command)))?;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_fine = output.status.success() && !complaints.contains(OURS);
    if is_fine { Ok(()) } else { Err(format!("`{}`: {}\n{complaints}", shown(command), output.status)) }
}

fn log(folder: &Path) -> Outcome<fs::File> {
    let path: PathBuf = folder.join("security.log");
    fs::File::create(&path).map_err(at(&path))
}

fn manifests(program: &Path) -> Outcome {
    let options = ["--strict", "--kubernetes-version", KUBERNETES];
    run_command(Command::new(program).args(options).arg(root().join(MANIFEST)))
}

fn rule(python: &Path) -> Outcome {
    let script = root().join("xtask/src/contrib/prometheus_rule.py");
    run_command(Command::new(python).arg(script).arg(root().join(RULE)))
}

/// What is below `spec` is a file of rules as Prometheus reads it.
fn rules(promtool: &Path, folder: &Path) -> Outcome {
    let text = fs::read_to_string(root().join(RULE)).map_err(at(&root().join(RULE)))?;
    let (_, spec) = text.split_once("\nspec:\n").ok_or("the rule has a spec")?;
    let path = folder.join("rules.yaml");
    fs::write(&path, spec).map_err(at(&path))?;
    run_command(Command::new(promtool).args(["check", "rules"]).arg(&path))
}
