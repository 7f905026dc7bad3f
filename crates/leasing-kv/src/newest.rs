//! `Newest`: the header of the newest answer, which answers from memory carry.

use proto_gen::etcdserverpb::ResponseHeader;

/// Only goes up. What is owned has not changed up to now, so the header of any answer is true for it.
#[derive(Debug, Default)]
pub(crate) struct Newest(ResponseHeader);

impl Newest {
    /// Somebody was answered with this header.
    pub(crate) fn heard(&mut self, header: &ResponseHeader) {
        if header.revision > self.0.revision {
            self.0 = *header;
        }
    }

    pub(crate) fn header(&self) -> ResponseHeader {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_header_stays_whole() {
        let header =
            |revision, member_id| ResponseHeader { revision, member_id, cluster_id: 1, raft_term: 2 };
        let mut newest = Newest::default();
        newest.heard(&header(5, 50));
        newest.heard(&header(4, 40));
        assert_eq!(newest.header(), header(5, 50));
    }
}
