//! The stamp at the head of every value: when it was sent and the how-manieth it is.

use std::time::Instant;

/// Time since the run began, the same for writer and watchers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn nanoseconds(self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) sent: u64,
    pub(crate) number: u64,
}

impl Stamp {
    /// A value of `length` bytes, at least those of the stamp.
    pub(crate) fn value(self, length: usize) -> Vec<u8> {
        let mut value = Vec::with_capacity(length.max(16));
        value.extend_from_slice(&self.sent.to_be_bytes());
        value.extend_from_slice(&self.number.to_be_bytes());
        value.resize(length.max(16), b'v');
        value
    }

    pub(crate) fn of(value: &[u8]) -> Option<Self> {
        let (sent, rest) = value.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        Some(Self { sent: u64::from_be_bytes(*sent), number: u64::from_be_bytes(*number) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_gives_its_stamp_back() {
        let stamp = Stamp { sent: 77, number: 1 << 33 };
        assert_eq!(stamp.value(100).len(), 100);
        assert_eq!(Stamp::of(&stamp.value(100)), Some(stamp));
        assert_eq!(Stamp::of(&stamp.value(0)), Some(stamp));
        assert_eq!(Stamp::of(b"short"), None);
    }
}
