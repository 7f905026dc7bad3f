//! `cargo xtask bench`: etcd directly, its own proxy and ours, side by side; results under `docs/bench`.

use std::process::Command;

use crate::cargo::{Profile, build_binary};
use crate::command::run as run_command;
use crate::console::say;
use crate::workspace::root;
use crate::{Outcome, provision, proxy};

/// Builds what is measured and what measures, both optimised, and hands the arguments on.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let etcd = provision::newest()?;
    let proxy = proxy::binary(Profile::Release)?;
    say("benchmark: building it in release mode");
    let bench = build_binary("bench", "bench", Profile::Release)?;
    say(&format!("benchmark: running on etcd {}", etcd.version));
    let mut command = Command::new(bench);
    command.args(arguments).current_dir(root());
    command.env(provision::VARIABLE, &etcd.folder).env(proxy::VARIABLE, proxy);
    run_command(&mut command)
}
