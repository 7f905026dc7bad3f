//! How much is logged: set at the start, and again whenever an operator wants to see more or less.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::level_filters::LevelFilter;
use tracing::{Level, info};

/// The least important events that are logged, in zap's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

/// The level that holds now; clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct LevelSwitch {
    now: Arc<AtomicU8>,
    at_start: LogLevel,
}

impl LogLevel {
    const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// Whether an event of this importance is logged.
    pub(super) fn admits(self, level: Level) -> bool {
        level <= self.least()
    }

    pub(super) fn hint(self) -> LevelFilter {
        LevelFilter::from_level(self.least())
    }

    fn least(self) -> Level {
        match self {
            Self::Error => Level::ERROR,
            Self::Warn => Level::WARN,
            Self::Info => Level::INFO,
            Self::Debug => Level::DEBUG,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl LevelSwitch {
    pub(crate) fn new(level: LogLevel) -> Self {
        Self { now: Arc::new(AtomicU8::new(level as u8)), at_start: level }
    }

    /// The level that holds now.
    pub(crate) fn get(&self) -> LogLevel {
        let now = self.now.load(Ordering::Relaxed);
        LogLevel::ALL.into_iter().find(|level| *level as u8 == now).unwrap_or_default()
    }

    /// From now on this level holds. The log tells of it at a level that both have.
    pub(crate) fn set(&self, level: LogLevel) {
        let before = self.get();
        if before < LogLevel::Info {
            self.store(LogLevel::Info);
        }
        info!(from = %before, to = %level, "log level changed");
        self.store(level);
    }

    /// Debug level, or what was asked for at the start where it is debug level already.
    pub(crate) fn toggle(&self) {
        match self.get() {
            LogLevel::Debug if self.at_start == LogLevel::Debug => self.set(LogLevel::Info),
            LogLevel::Debug => self.set(self.at_start),
            _ => self.set(LogLevel::Debug),
        }
    }

    /// Whoever logs remembers whether anybody listens, so everybody is asked again.
    fn store(&self, level: LogLevel) {
        self.now.store(level as u8, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }
}

impl FromStr for LogLevel {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|level| level.word() == word).ok_or(())
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
