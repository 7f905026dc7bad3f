//! What a cache is allowed.

use std::time::Duration;

/// The bounds of a cache. Where one of the first three is zero, nothing is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Answers kept.
    pub max_entries: usize,
    /// Bytes of the answers kept.
    pub max_bytes: usize,
    /// How old an answer may be, counted from when its question was sent. A write that is made elsewhere, a permission
    /// that is taken away elsewhere, is heeded after this time at the latest.
    pub max_age: Duration,
    /// Whether no serializable read may show an older revision than any answer before it, whatever it was about.
    pub ordered: bool,
    /// Ranges that are watched because they are read often. Zero watches none.
    pub max_watches: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_entries: 8192,
            max_bytes: 64 << 20,
            max_age: Duration::from_secs(1),
            ordered: false,
            max_watches: 256,
        }
    }
}

impl Config {
    pub(crate) fn is_off(&self) -> bool {
        self.max_entries == 0 || self.max_bytes == 0 || self.max_age.is_zero()
    }

    /// Bytes of the largest answer that is kept: one must not push out all others.
    pub(crate) fn largest(&self) -> usize {
        self.max_bytes / 8
    }
}
