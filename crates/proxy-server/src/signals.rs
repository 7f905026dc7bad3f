//! The signals that end the proxy: the first asks it to, the second makes it. And SIGUSR1, which makes it talkative.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use crate::log::LevelSwitch;

/// SIGTERM and SIGINT, caught from the moment this exists.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    usr1: Signal,
    level: LevelSwitch,
}

impl Signals {
    /// # Errors
    /// When the system does not let signals be caught.
    pub(crate) fn listen(level: LevelSwitch) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            usr1: signal(SignalKind::user_defined1())?,
            level,
        })
    }

    /// Resolves at the next signal to end. SIGUSR1 turns the log to debug level and back meanwhile.
    pub(crate) async fn next(&mut self) {
        let signal = loop {
            tokio::select! {
                _ = self.terminate.recv() => break "terminated",
                _ = self.interrupt.recv() => break "interrupt",
                _ = self.usr1.recv() => self.level.toggle(),
            }
        };
        info!(signal, "received signal; shutting down");
    }
}
