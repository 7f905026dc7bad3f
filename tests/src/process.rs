//! A child process with its log, signalled by its own process id and killed with its handle.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::patience::{SOON, eventually};

/// How many lines of the log a failing test shows; what is only informative is left out.
const TAIL: usize = 8;
const INFORMATIVE: &str = "\"level\":\"info\"";

/// Raises the limit of open files to `wanted`, of this process and of what it starts from then on. The hard limit is
/// raised only where this process may do so; otherwise it is all that there is.
pub fn allow_descriptors(wanted: u64) {
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let allow = |most| setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: Some(most) });
    if allow(hard.max(wanted)).is_err() {
        allow(hard).expect("the soft limit may be as high as the hard one");
    }
}

/// A running (or ended) child process; what it writes goes to a file.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; standard output and standard error are appended to `log`.
    #[must_use]
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("open the log file");
        let stdout = Stdio::from(file.try_clone().expect("share the log file"));
        Self::spawn_into(name, command, log, [Stdio::null(), stdout, Stdio::from(file)])
    }

    /// Starts `command` with these as standard input and output; standard error is appended to `log`.
    #[must_use]
    pub fn spawn_with(name: &str, command: &mut Command, log: &Path, stdin: Stdio, stdout: Stdio) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("open the log file");
        Self::spawn_into(name, command, log, [stdin, stdout, Stdio::from(file)])
    }

    fn spawn_into(
        name: &str,
        command: &mut Command,
        log: &Path,
        [stdin, stdout, stderr]: [Stdio; 3],
    ) -> Self {
        let child = command
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        Self { name: name.to_owned(), child, log: log.to_owned() }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the signal of this name, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status().expect("run kill");
        assert!(status.success(), "cannot send SIG{signal} to {}", self.name);
    }

    /// Kills it at once and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("ask for the state of a child")
    }

    /// Waits until it has ended by itself.
    pub async fn end(&mut self) -> ExitStatus {
        let what = format!("{} ends", self.name);
        eventually(&what, SOON, async || self.ended()).await
    }

    /// Everything it has written.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The lines that it has written. One that is just being written is not among them: a file is seen to grow.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let log = self.log();
        log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }

    /// The end of what it has written.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains(INFORMATIVE)).collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// The processor's time that it has used, in clock ticks, of which a second has a hundred.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("a running process");
        let fields = stat.rsplit_once(')').expect("a name in brackets").1.split_whitespace();
        fields.skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum()
    }

    /// A field of `/proc/<pid>/status` in bytes, such as `VmHWM`.
    #[must_use]
    pub fn memory(&self, field: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a running process");
        let line = status.lines().find(|line| line.starts_with(field)).expect("the field of that name");
        let kilobytes = line.split_whitespace().nth(1).expect("a value").parse::<u64>().expect("a number");
        kilobytes * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the last lines of {}:\n{}", self.name, self.log_tail());
        }
    }
}
