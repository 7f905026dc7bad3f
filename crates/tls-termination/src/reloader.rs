//! Certificate files are renewed under a running process: who looks at them, and what comes of it.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::{
    Error,
    expiry::Expiry,
    followed::Live,
    trail::{Print, Trail},
};

/// Files that belong together, such as a certificate and its key, with what was made from them. A clone is the same.
#[derive(Clone)]
pub struct Source(Arc<dyn Live>);

/// Looks at the files of some sources, and has those read that have changed.
#[derive(Debug, Default)]
pub struct Reloader(Vec<(Source, Trail)>);

/// What came of reading files again.
#[derive(Debug)]
pub struct Reloaded {
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// Why what was in use stays in use, if it does.
    pub result: Result<(), Error>,
}

impl Source {
    pub(crate) fn new(live: Arc<dyn Live>) -> Self {
        Self(live)
    }

    /// Until when what is in use is good: one for each certificate.
    pub fn expiries(&self) -> Vec<Expiry> {
        self.0.expiries()
    }
}

impl Reloader {
    /// Follows these from their first reading on.
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        let with_trail = |source: Source| {
            let trail = Trail::from(source.0.first().clone());
            (source, trail)
        };
        Self(sources.into_iter().map(with_trail).collect())
    }

    /// Reads what has changed since, and was the same when it was looked at before: meant to be called every second or
    /// so.
    pub fn look(&mut self) -> Vec<Reloaded> {
        let settled = |(source, trail): &mut (Source, Trail)| {
            trail.wants_reading(Print::of(source.0.files())).then(|| source.read())
        };
        self.0.iter_mut().filter_map(settled).collect()
    }

    /// Reads everything, changed or not.
    pub fn read_all(&mut self) -> Vec<Reloaded> {
        let read = |(source, trail): &mut (Source, Trail)| {
            trail.reads(Print::of(source.0.files()));
            source.read()
        };
        self.0.iter_mut().map(read).collect()
    }
}

impl Source {
    fn read(&self) -> Reloaded {
        Reloaded { files: self.0.files().to_vec(), result: self.0.read() }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.files()).finish()
    }
}
