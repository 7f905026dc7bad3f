//! `cargo xtask bench`: etcd directly, its own proxy and ours, side by side, and HAProxy beside gateways; results
//! under `docs/bench`.

use std::process::Command;

use crate::cargo::{Profile, build_binary};
use crate::command::run as run_command;
use crate::console::say;
use crate::workspace::root;
use crate::{Outcome, provision, proxy};

/// The suite that has HAProxy in it.
const GATEWAY: &str = "gateway";

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
    if arguments.iter().any(|argument| argument == GATEWAY) {
        match provision::haproxy() {
            Ok(haproxy) => drop(command.env(provision::HAPROXY, haproxy)),
            Err(why) => {
                say(&format!("benchmark: without HAProxy: {}", why.lines().next().unwrap_or_default()))
            }
        }
    }
    run_command(&mut command)
}
