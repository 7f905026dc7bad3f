//! A put, a get, a watch and a lease through the proxy, each command shown as it would be typed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cluster::{Member, endpoints};
use super::kept::Kept;
use crate::Outcome;
use crate::console::print;

const EVENT_LIMIT: Duration = Duration::from_secs(15);

/// Above etcdctl's own patience, so that its message is what is seen.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Who gives the tour, and through which proxy.
pub(super) struct Tour {
    pub(super) etcdctl: PathBuf,
    pub(super) address: String,
    pub(super) folder: PathBuf,
}

impl Tour {
    pub(super) fn give(&self) -> Outcome {
        self.put_and_get()?;
        self.watch()?;
        self.lease()
    }

    fn put_and_get(&self) -> Outcome {
        self.etcdctl("put greeting hello")?;
        self.etcdctl("get greeting")?;
        Ok(())
    }

    /// From revision 1, so that both events are seen whenever the watch comes to be: one past, one to come.
    fn watch(&self) -> Outcome {
        self.etcdctl("put colour red")?;
        let words = "watch colour --rev=1";
        print(&format!("{} &\n", self.prompt(words)));
        let log = self.folder.join("watch.log");
        let mut watch = Kept::start("etcdctl watch", &log, &self.etcdctl, &self.arguments(words))?;
        watch.wait_for_output("red", EVENT_LIMIT)?;
        self.etcdctl("put colour green")?;
        watch.wait_for_output("green", EVENT_LIMIT)?;
        watch.stop()?;
        print(&format!("the watch has printed:\n{}\n", watch.output().trim_end()));
        Ok(())
    }

    fn lease(&self) -> Outcome {
        let granted = self.etcdctl("lease grant 60")?;
        let lease = lease_in(&granted).ok_or_else(|| format!("no lease id in {granted:?}"))?;
        self.etcdctl(&format!("put session online --lease={lease}"))?;
        self.etcdctl(&format!("lease timetolive {lease} --keys"))?;
        self.etcdctl(&format!("lease revoke {lease}"))?;
        self.etcdctl("get session")?;
        Ok(())
    }

    /// Shows the command, runs it and shows what it prints.
    fn etcdctl(&self, words: &str) -> Outcome<String> {
        print(&format!("{}\n", self.prompt(words)));
        let log = self.folder.join("etcdctl.log");
        let mut etcdctl = Kept::start("etcdctl", &log, &self.etcdctl, &self.arguments(words))?;
        let succeeded = etcdctl.finish(COMMAND_LIMIT)?;
        let output = etcdctl.output();
        print(&output);
        if succeeded { Ok(output) } else { Err(format!("`etcdctl {words}` failed: {}", output.trim_end())) }
    }

    fn prompt(&self, words: &str) -> String {
        format!("$ etcdctl --endpoints={} {words}", self.address)
    }

    fn arguments(&self, words: &str) -> Vec<String> {
        let endpoints = format!("--endpoints={}", self.address);
        std::iter::once(endpoints).chain(words.split_whitespace().map(str::to_owned)).collect()
    }
}

/// What to do with the running demo.
pub(super) fn what_next(programs: &Path, address: &str, members: &[Member]) -> String {
    let members = endpoints(members);
    let programs = programs.display();
    format!(
        "
It all runs until Ctrl-C. In another terminal, try:

  export PATH={programs}:$PATH ETCDCTL_ENDPOINTS={address}
  etcdctl watch --prefix news/          # and, in a third one: etcdctl put news/1 hello
  ETCDCTL_ENDPOINTS={members} etcdctl put news/2 'past the proxy'
  etcdctl lock room sleep 30            # and the same again, elsewhere: it waits
  etcdctl member list -w table
"
    )
}

/// From `lease 694d... granted with TTL(60s)`.
fn lease_in(granted: &str) -> Option<&str> {
    granted.split_whitespace().nth(1).filter(|id| u64::from_str_radix(id, 16).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_is_read_from_what_etcdctl_prints() {
        assert_eq!(lease_in("lease 694d81417acd4754 granted with TTL(60s)\n"), Some("694d81417acd4754"));
        assert_eq!(lease_in("Error: no leader"), None);
    }
}
