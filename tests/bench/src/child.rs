//! A process that the benchmark started: its log in a file, its end with the value that holds it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::Result;

/// How long a system may take until it says that it serves.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Killed and reaped when dropped, so that an error on the way leaves nothing running.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Running {
    /// Starts `command` in `folder`, where its log and whatever else it writes belong.
    pub(crate) fn start(name: &'static str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        let child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self { child, name, log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the log holds `line`.
    pub(crate) async fn says(&mut self, line: &str) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        while !self.log()?.contains(line) {
            self.goes_on(limit, &format!("say {line:?}")).await?;
        }
        Ok(())
    }

    /// Waits until it takes connections, for one that does not say so.
    pub(crate) async fn listens(&mut self, address: SocketAddr) -> Result<()> {
        let limit = Instant::now() + START_LIMIT;
        while TcpStream::connect(address).await.is_err() {
            self.goes_on(limit, &format!("listen on {address}")).await?;
        }
        Ok(())
    }

    /// A moment later, unless it has ended or `limit` is reached before it did `what` is waited for.
    async fn goes_on(&mut self, limit: Instant, what: &str) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("{} ended with {status}:\n{}", self.name, tail(&self.log()?)).into());
        }
        if Instant::now() >= limit {
            return Err(format!("{} did not {what}:\n{}", self.name, tail(&self.log()?)).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }

    fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill, only to reap.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a log, enough to see why a system did not start.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().rev().take(12).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tail_keeps_the_order_and_the_end() {
        let log: String = (1..=20).map(|n| format!("line {n}\n")).collect();
        let end = tail(&log);
        assert!(end.starts_with("line 9\n") && end.ends_with("line 20"), "{end}");
    }
}
