//! As many descriptors as the process may have. Go programs, etcd's proxy among them, help themselves in the same way.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. What cannot be had is not missed before it is needed.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "cannot raise the limit of open files");
        }
    }
}
