//! A program, most often a server, that cannot outlive its owner.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::Outcome;
use crate::wait::{tail_of, until};
use crate::workspace::at;

/// Runs the server given as arguments and ends it when standard input closes, harder after ten seconds.
///
/// What the keeper's own shell has to say is not for the server's log. The last line but one ends what still waits for
/// the pipe, in this process group, which is the keeper's own.
const KEEPER: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
exec >/dev/null 2>&1
{ cat <&3; kill "$server"; sleep 10; kill -KILL "$server"; } &
wait "$server"
status=$?
trap '' TERM
kill -TERM 0
exit "$status"
"#;

/// A bit more than the keeper's own patience.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A running server with a log, ended when this is dropped or its owner dies.
pub(crate) struct Kept {
    name: String,
    log: PathBuf,
    keeper: Child,
    /// Open for as long as the server is wanted.
    pipe: Option<ChildStdin>,
}

impl Kept {
    /// In a process group of its own: a Ctrl-C is for the supervisor alone, which stops things in order.
    pub(crate) fn start(name: &str, log: &Path, program: &Path, arguments: &[String]) -> Outcome<Self> {
        let out = File::create(log).map_err(at(log))?;
        let err = out.try_clone().map_err(at(log))?;
        let mut shell = Command::new("sh");
        for variable in settings_of_etcd() {
            shell.env_remove(variable);
        }
        let mut keeper = shell
            .args(["-c", KEEPER, "keeper"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("{name} cannot be started: {error}"))?;
        let pipe = keeper.stdin.take();
        Ok(Self { name: name.to_owned(), log: log.to_path_buf(), keeper, pipe })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Everything that it has printed so far.
    pub(crate) fn output(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// An error, with the end of the log, once the server has ended by itself.
    pub(crate) fn check(&mut self) -> Outcome {
        match self.keeper.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("{} has ended ({status}); {}", self.name, tail_of(&self.log))),
            Err(error) => Err(format!("{} cannot be watched: {error}", self.name)),
        }
    }

    /// Waits until the server has printed something, for as long as it lives.
    pub(crate) fn wait_for_output(&mut self, text: &str, limit: Duration) -> Outcome {
        let what = format!("{:?} from {}", text, self.name);
        until(&what, limit, || {
            self.check()?;
            Ok(self.output().contains(text).then_some(()))
        })
        .map_err(|error| format!("{error}; {}", tail_of(&self.log)))
    }

    /// For a program that ends by itself: waits for that, and says whether it succeeded.
    pub(crate) fn finish(&mut self, limit: Duration) -> Outcome<bool> {
        let what = format!("{} to finish", self.name);
        let ended =
            until(&what, limit, || self.keeper.try_wait().map_err(|error| format!("{what}: {error}")))?;
        Ok(ended.success())
    }

    /// Ends the server and waits for it to be gone.
    pub(crate) fn stop(&mut self) -> Outcome {
        drop(self.pipe.take());
        let what = format!("{} to end", self.name);
        until(&what, STOP_LIMIT, || self.keeper.try_wait().map_err(|error| format!("{what}: {error}")))?;
        Ok(())
    }
}

/// `ETCD_NAME`, `ETCDCTL_ENDPOINTS` and their like are for whoever set them: etcd and etcdctl refuse to start when one
/// of them stands beside the same flag.
fn settings_of_etcd() -> impl Iterator<Item = OsString> {
    const PREFIXES: [&str; 2] = ["ETCD_", "ETCDCTL_"];
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| PREFIXES.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())))
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Whoever needs to know calls `stop`.
        let _ = self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For what takes a moment, on a machine that has none to spare.
    const LONG: Duration = Duration::from_secs(60);

    fn kept(name: &str, script: &str) -> Kept {
        let folder = crate::workspace::target().join("xtask-tests");
        fs::create_dir_all(&folder).unwrap();
        let arguments = ["-c".to_owned(), script.to_owned()];
        Kept::start(name, &folder.join(format!("{name}.log")), Path::new("sh"), &arguments).unwrap()
    }

    #[test]
    fn a_stopped_server_is_gone_and_has_been_asked_politely() {
        let mut server =
            kept("polite", "trap 'echo asked; exit' TERM; echo ready; while :; do sleep 0.1; done");
        server.wait_for_output("ready", LONG).unwrap();
        server.stop().unwrap();
        assert!(server.output().contains("asked"), "{}", server.output());
    }

    #[test]
    fn a_program_that_finishes_says_how() {
        assert_eq!(kept("good", "echo done").finish(LONG), Ok(true));
        assert_eq!(kept("bad", "exit 1").finish(LONG), Ok(false));
    }

    #[test]
    fn a_server_that_ends_by_itself_is_reported_with_its_log() {
        let mut server = kept("brief", "echo no room; exit 3");
        let failure = server.wait_for_output("ready", LONG).unwrap_err();
        assert!(failure.contains("no room") && failure.contains("exit status: 3"), "{failure}");
    }
}
