//! `cargo xtask ci`: all that a change must pass, cheapest first, up to the first failure.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cargo::{cargo, run_cargo};
use crate::command::{answer, run as run_command};
use crate::console::{print, say};
use crate::manifest::Manifest;
use crate::workspace::{at, root};
use crate::{Outcome, codegen, contrib, docs, e2e, provision, proxy, test, tidy};

/// The one crate that is not meant to be used alone.
const NOT_REUSABLE: &str = "proxy-server";

struct Step {
    name: &'static str,
    run: fn() -> Outcome,
}

const STEPS: [Step; 12] = [
    Step { name: "fmt", run: fmt },
    Step { name: "tidy", run: || tidy::run(&[]) },
    Step { name: "clippy", run: clippy },
    Step { name: "codegen", run: || codegen::run(&["--check".to_owned()]) },
    Step { name: "alone", run: alone },
    Step { name: "features", run: features },
    Step { name: "docs", run: rustdoc },
    Step { name: "pages", run: || docs::run(&["--check".to_owned()]) },
    Step { name: "contrib", run: || contrib::run(&[]) },
    Step { name: "deny", run: deny },
    Step { name: "rules", run: rules },
    Step { name: "test", run: || test::run(&[]) },
];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let skipped = parse(arguments)?;
    let mut summary = Vec::new();
    for step in STEPS {
        if skipped.iter().any(|name| name == step.name) {
            summary.push(format!("  {:8} skipped, as asked", step.name));
            continue;
        }
        say(&format!("ci: {}", step.name));
        let begun = Instant::now();
        let outcome = (step.run)();
        let word = if outcome.is_ok() { "passed" } else { "FAILED" };
        let line = format!("  {:8} {word} in {}", step.name, shown(begun.elapsed()));
        say(&format!("ci: {}", line.trim_start()));
        summary.push(line);
        if let Err(message) = outcome {
            summarise(&summary);
            return Err(format!("{message}\nto repeat this step: {}", command_of(step.name)));
        }
    }
    summarise(&summary);
    Ok(())
}

fn parse(arguments: &[String]) -> Outcome<Vec<String>> {
    let mut skipped = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let name = arguments.next().filter(|name| STEPS.iter().any(|step| step.name == *name));
        match (argument.as_str(), name) {
            ("--skip", Some(name)) => skipped.push(name.clone()),
            _ => return Err(format!("usage: cargo xtask ci [--skip {}]...", names().join("|"))),
        }
    }
    Ok(skipped)
}

fn names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

/// How to run one step and nothing else.
fn command_of(name: &str) -> String {
    let others = names().into_iter().filter(|other| *other != name);
    let skips: Vec<String> = others.map(|other| format!("--skip {other}")).collect();
    format!("cargo xtask ci {}", skips.join(" "))
}

fn summarise(lines: &[String]) {
    say("ci: summary");
    print(&format!("{}\n", lines.join("\n")));
}

fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}

fn fmt() -> Outcome {
    needs_component("fmt", "rustfmt")?;
    run_cargo(&["fmt", "--all", "--check"]).map_err(|error| format!("{error}\nrun `cargo fmt --all`"))
}

fn clippy() -> Outcome {
    needs_component("clippy", "clippy")?;
    run_cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
}

fn needs_component(command: &str, component: &str) -> Outcome {
    if answer(cargo().args([command, "--version"])).is_some() {
        return Ok(());
    }
    Err(format!("`cargo {command}` is not installed: `rustup component add {component}`"))
}

/// Each reusable crate as another project would have it: by itself, with its own features only.
fn alone() -> Outcome {
    let crates = root().join("crates");
    let mut folders: Vec<_> = fs::read_dir(&crates).map_err(at(&crates))?.flatten().collect();
    folders.sort_by_key(fs::DirEntry::file_name);
    for folder in folders {
        let file = folder.path().join("Cargo.toml");
        let manifest = Manifest::parse(&fs::read_to_string(&file).map_err(at(&file))?);
        let name = manifest.value("package", "name").unwrap_or_default();
        if name == NOT_REUSABLE {
            continue;
        }
        run_cargo(&["check", "--quiet", "--package", name])?;
        if manifest.has_section("features") {
            run_cargo(&["check", "--quiet", "--package", name, "--no-default-features"])?;
        }
        print(&format!("    {name}\n"));
    }
    Ok(())
}

fn rustdoc() -> Outcome {
    let mut command = cargo();
    command.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    run_command(&mut command)
}

/// What nobody builds by default: it compiles, and it works. jemalloc comes with its own build, by make.
fn features() -> Outcome {
    let features = if answer(Command::new("make").arg("--version")).is_some() {
        "heap-profile,otel"
    } else {
        say("ci: `make` is not installed, so heap profiles are not tested");
        "otel"
    };
    run_cargo(&[
        "clippy",
        "--package",
        NOT_REUSABLE,
        "--features",
        features,
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])?;
    let of_features = ["profiles::", "spans::"];
    let test = ["test", "--package", NOT_REUSABLE, "--features", features, "--"];
    run_cargo(&[&test[..], &of_features].concat())?;
    let proxy = proxy::binary_with(features)?;
    e2e::run_with(&proxy, &["spans::".to_owned(), "admin::profiles".to_owned()])
}

/// The alerts against series that must and must not raise them.
fn rules() -> Outcome {
    const TESTS: &str = "contrib/prometheus/etcd-grpc-proxy.tests.yml";
    match provision::promtool() {
        Ok(promtool) => run_command(Command::new(promtool).args(["test", "rules"]).arg(root().join(TESTS))),
        Err(reason) => {
            say(&format!("ci: the alerts are not tested: {reason}"));
            Ok(())
        }
    }
}

fn deny() -> Outcome {
    if answer(cargo().args(["deny", "--version"])).is_none() {
        say("ci: cargo-deny is not installed, so licences and advisories are not looked at");
        return Ok(());
    }
    run_cargo(&["deny", "check"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_can_be_skipped_by_its_name_and_by_no_other() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(parse(&words("--skip test --skip deny")), Ok(words("test deny")));
        assert!(parse(&words("--skip nothing")).is_err());
        assert!(parse(&words("--fast")).is_err());
    }

    #[test]
    fn durations_read_as_one_says_them() {
        assert_eq!(shown(Duration::from_secs(59)), "59 s");
        assert_eq!(shown(Duration::from_secs(125)), "2 min 05 s");
    }
}
