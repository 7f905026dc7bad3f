//! What was made from files and follows them.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use crate::{Error, expiry::Expiry, trail::Print};

/// Something that knows until when it is good.
pub(crate) trait Dated: Send + Sync {
    fn expiries(&self) -> Vec<Expiry>;
}

type Load<T> = Box<dyn Fn() -> Result<T, Error> + Send + Sync>;

/// The last good reading of some files.
pub(crate) struct Followed<T> {
    files: Vec<PathBuf>,
    /// As they were just before the first reading.
    first: Print,
    load: Load<T>,
    in_use: RwLock<Arc<T>>,
}

/// Files that can be read again while what they hold is in use.
pub(crate) trait Live: Send + Sync {
    fn files(&self) -> &[PathBuf];
    /// The files as they were just before they were read for the first time.
    fn first(&self) -> &Print;
    /// Reads the files. What is good is in use from now on; else what was in use stays so.
    fn read(&self) -> Result<(), Error>;
    fn expiries(&self) -> Vec<Expiry>;
}

impl<T> Followed<T> {
    /// The first reading, whose errors refuse the start.
    pub(crate) fn new(
        files: &[&Path],
        load: impl Fn() -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, Error> {
        let files: Vec<_> = files.iter().map(|file| (*file).to_owned()).collect();
        let first = Print::of(&files);
        let in_use = RwLock::new(Arc::new(load()?));
        Ok(Arc::new(Self { files, first, load: Box::new(load), in_use }))
    }

    pub(crate) fn in_use(&self) -> Arc<T> {
        Arc::clone(&self.in_use.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Dated> Live for Followed<T> {
    fn files(&self) -> &[PathBuf] {
        &self.files
    }

    fn first(&self) -> &Print {
        &self.first
    }

    fn read(&self) -> Result<(), Error> {
        let renewed = Arc::new((self.load)()?);
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    fn expiries(&self) -> Vec<Expiry> {
        self.in_use().expiries()
    }
}

impl<T> fmt::Debug for Followed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Followed").field("files", &self.files).finish_non_exhaustive()
    }
}
