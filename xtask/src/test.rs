//! `cargo xtask test`: everything that must pass, unit and documentation tests first, then end to end.

use crate::cargo::run_cargo;
use crate::console::say;
use crate::{Outcome, e2e, no_arguments};

pub(crate) fn run(arguments: &[String]) -> Outcome {
    no_arguments("test", arguments)?;
    say("unit and documentation tests");
    run_cargo(&["test", "--workspace", "--exclude", "e2e"])?;
    e2e::run(&[])
}
