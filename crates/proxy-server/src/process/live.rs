//! What can change while the proxy runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::{Config, DrainTimes, Setting};

/// The values in force, shared by all threads.
#[derive(Clone, Debug)]
pub(crate) struct Live(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Looked at by every call.
    read_only: AtomicBool,
    rest: Mutex<Rest>,
}

#[derive(Debug)]
struct Rest {
    drain: DrainTimes,
    settings: Vec<Setting>,
}

impl Live {
    /// As the configuration says.
    pub(crate) fn new(config: &Config) -> Self {
        let rest = Rest { drain: config.drain, settings: config.settings.clone() };
        Self(Arc::new(Inner { read_only: AtomicBool::new(config.read_only), rest: Mutex::new(rest) }))
    }

    /// Whether writes are refused.
    pub(crate) fn is_read_only(&self) -> bool {
        self.0.read_only.load(Ordering::Relaxed)
    }

    pub(crate) fn drain_times(&self) -> DrainTimes {
        self.rest().drain
    }

    /// Every flag with the value in force.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        self.rest().settings.clone()
    }

    /// From now on these flags have the values of `config`.
    pub(crate) fn apply(&self, config: &Config, flags: &[&'static str]) {
        self.0.read_only.store(config.read_only, Ordering::Relaxed);
        let mut rest = self.rest();
        rest.drain = config.drain;
        let applied = |setting: &&Setting| flags.contains(&setting.flag);
        for new in config.settings.iter().filter(applied) {
            if let Some(old) = rest.settings.iter_mut().find(|old| old.flag == new.flag) {
                *old = new.clone();
            }
        }
    }

    /// Plain data, whole at every moment.
    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
