//! SIGHUP: the configuration is read again. What can change while the proxy runs changes, the rest is named in the log. A
//! configuration that is wrong changes nothing.

use std::sync::Arc;

use tracing::{info, warn};
use upstream_balancer::Cluster;

use crate::cli::{Again, Source};
use crate::config::Config;
use crate::log::LevelSwitch;
use crate::process::init_daemon;
use crate::process::live::Live;

/// Needs a restart when the first member comes that is spoken to with TLS, or the last one goes; and where DNS names the
/// members, because these are used only when a start finds none.
const ENDPOINTS: &str = "endpoints";
const LEVEL: [&str; 2] = ["debug", "log-level"];

/// Reads the configuration again, and knows who has to hear of it.
#[derive(Debug)]
pub(crate) struct Reloader {
    pub(crate) source: Source,
    pub(crate) live: Live,
    pub(crate) level: LevelSwitch,
    pub(crate) cluster: Arc<Cluster>,
    /// Whether the members are spoken to with TLS.
    pub(crate) has_tls: bool,
}

impl Reloader {
    /// Does it once. systemd waits until it is done.
    pub(crate) fn reload(&mut self) {
        init_daemon::reloading();
        info!("received signal; reading the configuration again");
        match self.source.again() {
            Ok(again) => self.take(&again),
            Err(refusal) => {
                for problem in refusal.lines() {
                    warn!(problem, "the configuration cannot be used, nothing has changed");
                }
            }
        }
        init_daemon::ready();
    }

    fn take(&mut self, again: &Again) {
        let Again { config, changed, later, .. } = again;
        let has_other_tls = config.upstream.tls.is_some() != self.has_tls;
        let waits = |flag: &&'static str| *flag == ENDPOINTS && (has_other_tls || config.discovery.is_some());
        let (late, applied): (Vec<_>, Vec<_>) = changed.iter().copied().partition(waits);
        self.apply(config, &applied);
        self.source.keep(again, &applied);
        tell(&applied, &[later.as_slice(), &late].concat());
    }

    fn apply(&self, config: &Config, flags: &[&'static str]) {
        self.live.apply(config, flags);
        if flags.contains(&ENDPOINTS) {
            self.cluster.replace(&config.upstream.endpoints);
        }
        // A level that was set in another way meanwhile stays, unless the file has another one now.
        if LEVEL.iter().any(|flag| flags.contains(flag)) {
            self.level.set(config.log.level);
        }
    }
}

fn tell(applied: &[&str], later: &[&str]) {
    let dashed = |flags: &[&str]| flags.iter().map(|flag| format!("--{flag}")).collect::<Vec<_>>().join(" ");
    if !later.is_empty() {
        warn!(flags = dashed(later), "these flags have changed and need a restart");
    }
    info!(applied = dashed(applied), "the configuration is read");
}
