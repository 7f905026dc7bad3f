//! `cargo xtask fuzz`: every fuzz target for a while, each an ordinary test that `tests/fuzz` keeps fed.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Outcome;
use crate::cargo::cargo;
use crate::command::{answer, run as run_command};
use crate::console::say;
use crate::workspace::target;

struct Target {
    name: &'static str,
    package: &'static str,
    /// The whole name of the test.
    test: &'static str,
}

const TARGETS: &[Target] = &[
    Target { name: "config", package: "proxy-server", test: "cli::layers::tests::fuzz_config" },
    Target { name: "config-toml", package: "proxy-server", test: "cli::layers::file::tests::fuzz_toml" },
    Target { name: "config-yaml", package: "proxy-server", test: "cli::layers::file::tests::fuzz_yaml" },
    Target { name: "json-request", package: "json-gateway", test: "fuzz::fuzz_request" },
    Target { name: "json-answer", package: "json-gateway", test: "fuzz::fuzz_answer" },
    Target { name: "pem", package: "tls-termination", test: "fuzz::fuzz_pem" },
    Target { name: "certificate", package: "tls-termination", test: "fuzz::fuzz_certificate" },
    Target { name: "key", package: "tls-termination", test: "fuzz::fuzz_key" },
    Target { name: "crl", package: "tls-termination", test: "fuzz::fuzz_crl" },
];

const DEFAULT_SECONDS: u64 = 60;

#[derive(Debug, PartialEq, Eq)]
struct Plan {
    seconds: u64,
    seed: Option<u64>,
    targets: Vec<String>,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let plan = parse(arguments)?;
    let is_chosen =
        |target: &&Target| plan.targets.is_empty() || plan.targets.iter().any(|name| name == target.name);
    for Target { name, package, test } in TARGETS.iter().filter(is_chosen) {
        is_there(package, test)?;
        let seed = plan.seed.unwrap_or_else(fresh_seed);
        say(&format!("fuzz {name}: {} s; again by `cargo xtask fuzz {name} --seed {seed}`", plan.seconds));
        let mut command = cargo();
        command.args([
            "test",
            "--quiet",
            "--package",
            package,
            "--tests",
            "--",
            "--exact",
            "--nocapture",
            test,
        ]);
        command.env("FUZZ_SECONDS", plan.seconds.to_string()).env("FUZZ_SEED", seed.to_string());
        run_command(command.env("FUZZ_FINDINGS", target().join("fuzz")))?;
    }
    Ok(())
}

fn parse(arguments: &[String]) -> Outcome<Plan> {
    let usage = || {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        format!("usage: cargo xtask fuzz [target...] [--seconds n] [--seed n]; targets: {}", names.join(", "))
    };
    let mut plan = Plan { seconds: DEFAULT_SECONDS, seed: None, targets: Vec::new() };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok()).ok_or_else(usage);
        match argument.as_str() {
            "--seconds" => plan.seconds = number()?,
            "--seed" => plan.seed = Some(number()?),
            name if TARGETS.iter().any(|target| target.name == name) => plan.targets.push(name.to_owned()),
            _ => return Err(usage()),
        }
    }
    Ok(plan)
}

/// A filter that fits no test passes, so the table is held against the tests.
fn is_there(package: &str, test: &str) -> Outcome {
    let listed = answer(cargo().args(["test", "--quiet", "--package", package, "--tests", "--", "--list"]));
    let line = format!("{test}: test");
    if listed.is_some_and(|text| text.lines().any(|listed| listed == line)) {
        return Ok(());
    }
    Err(format!("{package} does not build, or has no test {test}: see TARGETS in xtask/src/fuzz.rs"))
}

fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_seed_are_numbers_and_targets_are_known() {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let plan = Plan { seconds: 5, seed: Some(7), targets: Vec::new() };
        assert_eq!(parse(&words("--seconds 5 --seed 7")), Ok(plan));
        assert!(parse(&words("--seconds")).is_err());
        assert!(parse(&words("--seed x")).is_err());
        assert!(parse(&words("nothing")).is_err());
    }
}
