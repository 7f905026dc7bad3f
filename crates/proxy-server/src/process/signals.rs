//! The signals: SIGHUP reads the configuration again, SIGUSR1 makes the log talkative; of those that end the proxy the first
//! asks it to, the second makes it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use crate::log::LevelSwitch;

/// SIGTERM, SIGINT, SIGHUP and SIGUSR1, caught from the moment this exists.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    usr1: Signal,
    level: LevelSwitch,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Reload,
    End,
}

impl Signals {
    /// # Errors
    /// When the system does not let signals be caught.
    pub(crate) fn listen(level: LevelSwitch) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            usr1: signal(SignalKind::user_defined1())?,
            level,
        })
    }

    /// Resolves at the next signal to end or to read anew. SIGUSR1 turns the log to debug level and back meanwhile.
    pub(crate) async fn next(&mut self) -> Asked {
        let signal = loop {
            tokio::select! {
                _ = self.terminate.recv() => break "terminated",
                _ = self.interrupt.recv() => break "interrupt",
                _ = self.hangup.recv() => return Asked::Reload,
                _ = self.usr1.recv() => self.level.toggle(),
            }
        };
        info!(signal, "received signal; shutting down");
        Asked::End
    }

    /// Resolves at the next signal to end, for whom there is nothing to read anew.
    pub(crate) async fn end(&mut self) {
        while self.next().await == Asked::Reload {
            info!("received signal; there is nothing to read again now");
        }
    }
}
