//! What reaches the process while it runs, and whom it tells: signals, files, DNS, systemd.

pub(crate) mod discovery;
pub(crate) mod init_daemon;
pub(crate) mod live;
pub(crate) mod reload;
pub(crate) mod signals;
pub(crate) mod watchdog;
