//! `cargo xtask`: everything that is done to this repository, one command per file, with the standard library alone.
//!
//! ```text
//! demo test e2e fuzz bench browse codegen docs tidy ci   the commands, one file each
//!   provision                             a real etcd, found or made
//!   proxy                                 our binary, given or built
//!   cargo command workspace               running cargo, running anything, where things are
//!   manifest console wait                 reading Cargo.toml, talking, waiting for a condition
//! ```
//!
//! What is made is kept under `target/`; what is started is ended by whoever started it, by its process id.

mod bench;
mod browse;
mod cargo;
mod ci;
mod codegen;
mod command;
mod console;
mod contrib;
mod demo;
mod docs;
mod e2e;
mod fuzz;
mod manifest;
mod package;
mod provision;
mod proxy;
mod test;
mod tidy;
mod wait;
mod workspace;

use std::process::ExitCode;

/// What a command comes to: nothing to report, or one message for whoever typed it.
type Outcome<T = ()> = Result<T, String>;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [--monitoring]  a three-member etcd cluster with the proxy in front, until Ctrl-C; with Prometheus and Grafana
  test                 everything that must pass: unit, documentation and end-to-end tests
  e2e [filter...]      the end-to-end tests, on the newest and the oldest etcd to be had
      [--etcd newest|oldest] [-- arguments of the test binary]
  fuzz [target...]     mutated inputs for what reads files and addresses, a minute for each target
      [--seconds n] [--seed n]
  bench [arguments]    etcd directly, etcd grpc-proxy and this proxy side by side; writes docs/bench
  browse [--write]     the status page of a proxy under load in a headless Chromium; writes docs/status
  codegen [--check]    crates/proto-gen/src/generated from proto/
  docs [--check]       the pages, man page and completions that the tables of flags and metrics say
  tidy                 the house rules
  contrib              units, scripts, manifests and the container file, by the tools that are there
  package deb          a Debian package, in target/deb
  ci [--skip step]...  all that a change must pass

environment:
  ETCD_BIN_DIR         a folder with the etcd and etcdctl to use, instead of finding or making them
  ETCD_GRPC_PROXY      the proxy binary to use in demo, e2e and bench, instead of building it
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            console::complain(&message);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let Some((command, rest)) = arguments.split_first() else {
        return Err(USAGE.to_owned());
    };
    match command.as_str() {
        "demo" => demo::run(rest),
        "test" => test::run(rest),
        "e2e" => e2e::run(rest),
        "fuzz" => fuzz::run(rest),
        "bench" => bench::run(rest),
        "browse" => browse::run(rest),
        "codegen" => codegen::run(rest),
        "docs" => docs::run(rest),
        "contrib" => contrib::run(rest),
        "package" => package::run(rest),
        "tidy" => tidy::run(rest),
        "ci" => ci::run(rest),
        "help" | "--help" | "-h" => {
            console::print(USAGE);
            Ok(())
        }
        unknown => Err(format!("no such command: {unknown}\n\n{USAGE}")),
    }
}

/// Refuses what a command without arguments was given.
fn no_arguments(command: &str, arguments: &[String]) -> Outcome {
    match arguments.first() {
        None => Ok(()),
        Some(argument) => Err(format!("`cargo xtask {command}` takes no arguments, got {argument}")),
    }
}
