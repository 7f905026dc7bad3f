//! When files that are looked at again and again have changed for good.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// What tells one state of some files from another: size, times and place on disk of each. Links are followed, so a
/// folder that is swapped by a link, as Kubernetes does it, is a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Print(Vec<Result<Mark, io::ErrorKind>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The states of some files so far.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    /// The state that was read last, whether or not it was any good.
    read: Print,
    seen: Print,
}

impl Print {
    pub(crate) fn of(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|file| Mark::of(file)).collect())
    }
}

impl Mark {
    fn of(file: &Path) -> Result<Self, io::ErrorKind> {
        let found = fs::metadata(file).map_err(|error| error.kind())?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

impl Trail {
    /// Begins with a state that was read.
    pub(crate) fn from(read: Print) -> Self {
        Self { seen: read.clone(), read }
    }

    /// Whether it is time to read: what is there is new, and the same as when it was looked at before. Renewals write
    /// several files one after the other; in between they do not fit. A state is read once: what was bad stays bad.
    pub(crate) fn wants_reading(&mut self, now: Print) -> bool {
        let settled = now == self.seen;
        self.seen = now;
        if settled && self.seen != self.read {
            self.read = self.seen.clone();
            return true;
        }
        false
    }

    /// Takes a state as read, whatever it is.
    pub(crate) fn reads(&mut self, now: Print) {
        *self = Self::from(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(bytes: u64) -> Print {
        Print(vec![Ok(Mark { device: 1, inode: 1, bytes, modified: (0, 0), changed: (0, 0) })])
    }

    fn gone() -> Print {
        Print(vec![Err(io::ErrorKind::NotFound)])
    }

    #[test]
    fn a_change_is_read_once_it_has_settled_and_only_once() {
        let mut trail = Trail::from(state(1));
        assert!(!trail.wants_reading(state(1)));
        assert!(!trail.wants_reading(state(2)), "may be half a renewal");
        assert!(!trail.wants_reading(state(3)));
        assert!(trail.wants_reading(state(3)));
        assert!(!trail.wants_reading(state(3)), "good or bad, it was read");
    }

    #[test]
    fn what_comes_back_is_not_read_again() {
        let mut trail = Trail::from(state(1));
        assert!(!trail.wants_reading(gone()));
        assert!(!trail.wants_reading(state(1)));
        assert!(!trail.wants_reading(state(1)));
    }

    #[test]
    fn a_file_that_is_gone_is_a_state_like_any_other() {
        let mut trail = Trail::from(state(1));
        assert!(!trail.wants_reading(gone()));
        assert!(trail.wants_reading(gone()));
        assert!(!trail.wants_reading(state(1)));
        assert!(trail.wants_reading(state(1)));
    }

    #[test]
    fn what_was_read_on_request_is_not_read_again() {
        let mut trail = Trail::from(state(1));
        trail.reads(state(2));
        assert!(!trail.wants_reading(state(2)));
        assert!(!trail.wants_reading(state(2)));
    }

    #[test]
    fn a_file_that_is_replaced_by_one_of_the_same_size_leaves_another_print() {
        let folder = std::env::temp_dir().join(format!("trail-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let files = [folder.join("a")];
        fs::write(&files[0], "1").unwrap();
        let before = Print::of(&files);
        assert_eq!(before, Print::of(&files));
        fs::write(folder.join("b"), "2").unwrap();
        fs::rename(folder.join("b"), &files[0]).unwrap();
        assert_ne!(before, Print::of(&files));
        fs::remove_dir_all(&folder).unwrap();
    }
}
