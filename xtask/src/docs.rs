//! `cargo xtask docs [--check]`: the pages that are written from the program's own tables, made anew or compared.

use crate::Outcome;
use crate::cargo::cargo;
use crate::command::run as run_command;

/// Tests of this name compare a page with its table, and write it where `WRITE_DOCS` is set.
const TESTS: &str = "documented";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let is_check = match words.as_slice() {
        [] => false,
        ["--check"] => true,
        _ => return Err("usage: cargo xtask docs [--check]".to_owned()),
    };
    let mut command = cargo();
    command.args(["test", "--quiet", "--package", "proxy-server", "--bins", TESTS]);
    if is_check {
        command.env_remove("WRITE_DOCS");
    } else {
        command.env("WRITE_DOCS", "1");
    }
    run_command(&mut command)
}
