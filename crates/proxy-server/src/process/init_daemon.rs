//! What systemd is told, where it asks (`NOTIFY_SOCKET`).

use std::time::Duration;

use sd_notify::{NotifyState, notify};
use tracing::{info, warn};

/// The proxy serves, or serves again by what it has read.
pub(crate) fn ready() {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    info!("notifying init daemon");
    match notify(&[NotifyState::Ready]) {
        Ok(()) => info!("successfully notified init daemon"),
        Err(error) => warn!(%error, "failed to notify init daemon"),
    }
}

/// The configuration is being read again; [`ready`] says when that is done.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // systemd compares the time with that of the signal.
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "failed to notify init daemon"),
    }
}

/// The proxy drains.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// How long systemd waits at most between two words that all is well; `None` where it does not wait for any.
pub(crate) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero())
}

/// All is well.
pub(crate) fn well() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        warn!(%error, "failed to notify init daemon");
    }
}
