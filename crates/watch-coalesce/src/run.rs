//! Messages in a row as one buffer, for all the streams that send the same row.
//!
//! When events come faster than they are handed out, every stream finds many at once, and most streams find
//! the same ones. Joining them anew for each would fill memory with copies.

use std::sync::{Mutex, PoisonError};

use bytes::{BufMut, Bytes, BytesMut};

/// The row that was joined last.
#[derive(Debug, Default)]
pub(crate) struct LastRun(Mutex<Run>);

#[derive(Debug, Default)]
struct Run {
    messages: Vec<Bytes>,
    joined: Bytes,
}

impl LastRun {
    /// These messages, one behind the other.
    pub(crate) fn join(&self, messages: Vec<Bytes>) -> Bytes {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !last.is_of(&messages) {
            *last = Run::of(messages);
        }
        last.joined.clone()
    }
}

impl Run {
    fn of(messages: Vec<Bytes>) -> Self {
        let mut joined = BytesMut::with_capacity(messages.iter().map(Bytes::len).sum());
        messages.iter().for_each(|message| joined.put_slice(message));
        Self { joined: joined.freeze(), messages }
    }

    /// Whether they are not only equal but the same, which is told faster.
    fn is_of(&self, messages: &[Bytes]) -> bool {
        let place = |message: &Bytes| (message.as_ptr(), message.len());
        self.messages.len() == messages.len()
            && self.messages.iter().map(place).eq(messages.iter().map(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<Bytes> {
        (0..4u8).map(|n| Bytes::from(vec![n; 3])).collect()
    }

    #[test]
    fn a_run_is_its_messages_one_behind_the_other() {
        assert_eq!(LastRun::default().join(messages()), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3].as_slice());
    }

    #[test]
    fn streams_that_send_the_same_share_one_buffer() {
        let (last, messages) = (LastRun::default(), messages());
        let join = || last.join(messages.clone()).as_ptr();
        assert_eq!(join(), join());
    }

    #[test]
    fn another_row_is_another_buffer() {
        let (last, messages) = (LastRun::default(), messages());
        last.join(messages.clone());
        for part in [&messages[1..], &messages[..3], &[]] {
            assert_eq!(last.join(part.to_vec()), part.concat());
        }
    }
}
