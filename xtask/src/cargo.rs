//! Cargo, run in the checkout.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::command::{run, shown};
use crate::workspace::root;

/// How a binary is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// The same cargo that runs this program, to be given arguments.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs cargo in the open.
pub(crate) fn run_cargo(arguments: &[&str]) -> Outcome {
    run(cargo().args(arguments))
}

/// Builds one binary and says where it is, wherever the machine's settings make cargo put it.
pub(crate) fn build_binary(package: &str, binary: &str, profile: Profile) -> Outcome<PathBuf> {
    build_binary_with("", package, binary, profile)
}

/// The same with features, separated by commas, beside those that are the default.
pub(crate) fn build_binary_with(
    features: &str,
    package: &str,
    binary: &str,
    profile: Profile,
) -> Outcome<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--package", package, "--bin", binary, "--features", features]);
    command.arg("--message-format=json-render-diagnostics");
    if profile == Profile::Release {
        command.arg("--release");
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{}` cannot be run: {error}", shown(&command)))?;
    if !output.status.success() {
        return Err(format!("{package} does not build: {}", output.status));
    }
    executable_in(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| format!("cargo did not say where it put the binary {binary}"))
}

/// The last executable that cargo's messages name. Only a path without a quote or backslash in it is understood.
fn executable_in(messages: &str) -> Option<PathBuf> {
    const FIELD: &str = "\"executable\":\"";
    let (_, after) = messages.rsplit_once(FIELD)?;
    let (path, _) = after.split_once('"')?;
    (!path.contains('\\')).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_read_from_the_last_message_that_has_one() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","executable":"/w/target/debug/helper"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"/w/target/debug/proxy","fresh":true}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":null}"#,
        );
        assert_eq!(executable_in(messages), Some(PathBuf::from("/w/target/debug/proxy")));
    }

    #[test]
    fn no_executable_is_made_up() {
        assert_eq!(executable_in(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
