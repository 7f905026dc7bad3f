//! The real etcdctl.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::environment;
use crate::patience::soon;

/// By itself it gives a busy machine two seconds for a token and five for a call. It is to give up before
/// [`soon`] does, and to say so.
const PATIENCE: [&str; 2] = ["--dial-timeout=8s", "--command-timeout=10s"];

/// etcdctl with an endpoint.
#[derive(Clone, Debug)]
pub struct Etcdctl {
    flags: Vec<String>,
}

/// How a run of etcdctl ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code, -1 if a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// An etcdctl that goes on until it is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Etcdctl {
    /// etcdctl that speaks to `endpoint`.
    #[must_use]
    pub fn of(endpoint: &str) -> Self {
        let mut flags = vec![format!("--endpoints={endpoint}")];
        flags.extend(PATIENCE.map(str::to_owned));
        Self { flags }
    }

    /// The same with one more flag in front of the command.
    #[must_use]
    pub fn flag(&self, flag: &str) -> Self {
        let mut etcdctl = self.clone();
        etcdctl.flags.push(flag.to_owned());
        etcdctl
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with_input(arguments, "").await
    }

    /// Runs a command to its end with this on its standard input.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().expect("a pipe");
        let what = format!("etcdctl {}", arguments.join(" "));
        let output = soon(&what, async {
            let _ = stdin.write_all(input.as_bytes()).await;
            drop(stdin);
            child.wait_with_output().await.expect("the output of etcdctl")
        })
        .await;
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts a command that goes on, such as a watch.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.spawn(arguments);
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Running { child, lines }
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new(environment::etcdctl())
            .env_clear()
            .env("ETCDCTL_API", "3")
            .args(&self.flags)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("start etcdctl")
    }
}

impl Running {
    /// The next line of its standard output; `None` once there is no more.
    pub async fn line(&mut self) -> Option<String> {
        soon("a line of etcdctl", self.lines.next_line()).await.expect("a readable line")
    }

    /// Sends it the signal of this name, such as `INT`.
    pub async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("a running etcdctl").to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status().await.expect("run kill");
        assert!(status.success(), "cannot send SIG{signal} to etcdctl");
    }

    /// Waits for its end; the standard output holds only what [`Running::line`] has not read.
    pub async fn end(mut self) -> Ended {
        soon("the end of etcdctl", async {
            let (mut stdout, mut stderr) = (String::new(), String::new());
            while let Ok(Some(line)) = self.lines.next_line().await {
                stdout.push_str(&line);
                stdout.push('\n');
            }
            let _ = self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr).await;
            let status = self.child.wait().await.expect("the end of etcdctl");
            Ended { code: status.code().unwrap_or(-1), stdout, stderr }
        })
        .await
    }
}
