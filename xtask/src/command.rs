//! Running other programs: in the open, or quietly with a log and a sign of life.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::wait::tail_of;
use crate::workspace::at;
use crate::{Outcome, console};

/// Runs a program whose output is for whoever watches.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    judge(command, status)
}

/// Runs a program that takes long and says little of use: output to a log, a sign of life every few seconds.
///
/// Its failure comes with the end of the log.
pub(crate) fn run_quietly(command: &mut Command, log: &Path) -> Outcome {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    let out = File::create(log).map_err(at(log))?;
    let err = out.try_clone().map_err(at(log))?;
    command.stdin(Stdio::null()).stdout(out).stderr(err);
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let status = attend(&mut child).map_err(|error| cannot_start(command, &error))?;
    judge(command, status).map_err(|message| format!("{message}\n{}", tail_of(log)))
}

/// The output of a program that answers at once; `None` when it is not there or does not succeed.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The command as it would be typed.
pub(crate) fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy()));
    words.join(" ")
}

fn judge(command: &Command, status: ExitStatus) -> Outcome {
    if status.success() { Ok(()) } else { Err(format!("`{}` failed: {status}", shown(command))) }
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` cannot be run: {error}", shown(command))
}

/// Waits for the child, with a dot for a terminal every 5 s or a line for a log every 30 s.
fn attend(child: &mut Child) -> std::io::Result<ExitStatus> {
    let on_terminal = console::is_terminal();
    let period = Duration::from_secs(if on_terminal { 5 } else { 30 });
    let begun = Instant::now();
    let mut signs = 0;
    loop {
        if let Some(status) = child.try_wait()? {
            if on_terminal && signs > 0 {
                console::print("\n");
            }
            return Ok(status);
        }
        if begun.elapsed() >= period * (signs + 1) {
            signs += 1;
            let sign =
                if on_terminal { ".".to_owned() } else { format!("    {} s\n", begun.elapsed().as_secs()) };
            console::print(&sign);
        }
        sleep(Duration::from_millis(100));
    }
}
