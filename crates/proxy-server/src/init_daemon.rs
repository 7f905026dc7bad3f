//! What systemd is told, where it asks (`NOTIFY_SOCKET`).

use sd_notify::{NotifyState, notify};
use tracing::{info, warn};

/// The proxy serves.
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

/// The proxy drains.
pub(crate) fn stopping() {
    if let Err(error) = notify(&[NotifyState::Stopping]) {
        warn!(%error, "failed to notify init daemon");
    }
}
