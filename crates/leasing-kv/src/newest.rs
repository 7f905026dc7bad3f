//! `Newest`: the header of the newest answer, which answers from memory carry.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use proto_gen::etcdserverpb::ResponseHeader;

/// Only goes up. What is owned has not changed up to now, so the header of any answer is true for it.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    revision: AtomicI64,
    header: Mutex<ResponseHeader>,
}

impl Newest {
    /// Somebody was answered with this header.
    pub(crate) fn heard(&self, header: Option<&ResponseHeader>) {
        let Some(header) = header else { return };
        if header.revision <= self.revision.load(Ordering::Acquire) {
            return;
        }
        let mut newest = self.header.lock().unwrap_or_else(PoisonError::into_inner);
        if header.revision > newest.revision {
            *newest = *header;
            self.revision.store(header.revision, Ordering::Release);
        }
    }

    pub(crate) fn header(&self) -> ResponseHeader {
        *self.header.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_header_stays_whole() {
        let header =
            |revision, member_id| ResponseHeader { revision, member_id, cluster_id: 1, raft_term: 2 };
        let newest = Newest::default();
        newest.heard(Some(&header(5, 50)));
        newest.heard(Some(&header(4, 40)));
        newest.heard(None);
        assert_eq!(newest.header(), header(5, 50));
    }
}
