//! `cargo xtask codegen [--check]`: the generated half of `proto-gen`, written or held against what is committed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::cargo::cargo;
use crate::command::run as run_command;
use crate::console::say;
use crate::workspace::{at, emptied, root, target};

const GENERATED: &str = "crates/proto-gen/src/generated";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let check = match words.as_slice() {
        [] => false,
        ["--check"] => true,
        _ => return Err("usage: cargo xtask codegen [--check]".to_owned()),
    };
    let committed = root().join(GENERATED);
    let fresh = target().join("codegen");
    generate(&fresh)?;
    let different = differences(&fresh, &committed)?;
    if check { report(&different) } else { replace(&different, &fresh, &committed) }
}

/// Always into a folder apart: an interrupted run leaves the committed files whole.
fn generate(folder: &Path) -> Outcome {
    emptied(folder)?;
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "codegen", "--"]).arg(root().join("proto")).arg(folder);
    run_command(&mut command)
}

fn report(different: &[OsString]) -> Outcome {
    if different.is_empty() {
        say(&format!("codegen: {GENERATED} is what proto/ generates"));
        return Ok(());
    }
    let names: Vec<_> = different.iter().map(|name| format!("  {GENERATED}/{}", name.display())).collect();
    Err(format!(
        "these files are not what proto/ generates:\n{}\nrun `cargo xtask codegen` and commit the result",
        names.join("\n")
    ))
}

/// Writes only what differs, so that nothing is compiled anew for nothing.
fn replace(different: &[OsString], fresh: &Path, committed: &Path) -> Outcome {
    for name in different {
        let (from, to) = (fresh.join(name), committed.join(name));
        if from.exists() {
            fs::copy(&from, &to).map_err(at(&to))?;
        } else {
            fs::remove_file(&to).map_err(at(&to))?;
        }
        say(&format!(
            "codegen: {} {GENERATED}/{}",
            if from.exists() { "wrote" } else { "removed" },
            name.display()
        ));
    }
    if different.is_empty() {
        say(&format!("codegen: {GENERATED} is up to date"));
    }
    Ok(())
}

/// The names of files that are in one folder only, or not the same in both.
fn differences(fresh: &Path, committed: &Path) -> Outcome<Vec<OsString>> {
    let names: BTreeSet<OsString> = names_in(fresh)?.into_iter().chain(names_in(committed)?).collect();
    let differs = |name: &OsString| fs::read(fresh.join(name)).ok() != fs::read(committed.join(name)).ok();
    Ok(names.into_iter().filter(differs).collect())
}

fn names_in(folder: &Path) -> Outcome<Vec<OsString>> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    entries.map(|entry| entry.map(|entry| entry.file_name()).map_err(at(folder))).collect()
}
