//! Follows the frames of an HTTP/2 byte stream without copying it: a pure machine over nine-byte headers.

const HEADER_BYTES: usize = 9;

/// What follows a connection preface, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    Data,
    Headers,
    Ping,
    PingAck,
    Other,
}

/// Where in the present frame a byte stream stands.
#[derive(Debug, Default)]
pub(crate) struct FrameWalker {
    /// Bytes that precede the first frame.
    preface: usize,
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    payload: usize,
}

impl FrameWalker {
    /// A walker over a stream of which the first `preface` bytes are no frame.
    pub(crate) fn new(preface: usize) -> Self {
        Self { preface, ..Self::default() }
    }

    /// Whether the next byte begins a frame.
    pub(crate) fn at_boundary(&self) -> bool {
        self.preface == 0 && self.header_bytes == 0 && self.payload == 0
    }

    /// Walks on over `bytes` and tells `seen` of every frame that begins in them.
    pub(crate) fn walk(&mut self, mut bytes: &[u8], mut seen: impl FnMut(FrameKind)) {
        while !bytes.is_empty() {
            bytes = skip(&mut self.preface, bytes);
            bytes = skip(&mut self.payload, bytes);
            if self.preface > 0 || self.payload > 0 {
                return;
            }
            bytes = self.take_header(bytes);
            if self.header_bytes == HEADER_BYTES {
                self.header_bytes = 0;
                let [high, middle, low, kind, flags, ..] = self.header;
                self.payload = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                seen(frame_kind(kind, flags));
            }
        }
    }

    fn take_header<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let missing = self.header.get_mut(self.header_bytes..).unwrap_or_default();
        let (taken, rest) = bytes.split_at(missing.len().min(bytes.len()));
        for (place, byte) in missing.iter_mut().zip(taken) {
            *place = *byte;
        }
        self.header_bytes += taken.len();
        rest
    }
}

fn skip<'b>(left: &mut usize, bytes: &'b [u8]) -> &'b [u8] {
    let skipped = (*left).min(bytes.len());
    *left -= skipped;
    bytes.get(skipped..).unwrap_or_default()
}

/// RFC 9113, section 6.
fn frame_kind(kind: u8, flags: u8) -> FrameKind {
    const ACK: u8 = 0x1;
    match (kind, flags & ACK) {
        (0x0, _) => FrameKind::Data,
        (0x1, _) => FrameKind::Headers,
        (0x6, 0) => FrameKind::Ping,
        (0x6, _) => FrameKind::PingAck,
        _ => FrameKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let [.., high, middle, low] = payload.to_be_bytes();
        [&[high, middle, low, kind, flags, 0, 0, 0, 1][..], &vec![0xff; payload]].concat()
    }

    #[test]
    fn frames_are_told_apart_however_the_stream_is_cut() {
        let stream =
            [frame(1, 4, 30), frame(0, 1, 0), frame(6, 0, 8), frame(6, 1, 8), frame(4, 0, 300)].concat();
        let stream = [&b"preface"[..], &stream].concat();
        for piece in 1..stream.len() {
            let mut walker = FrameWalker::new(7);
            let mut seen = Vec::new();
            for bytes in stream.chunks(piece) {
                walker.walk(bytes, |kind| seen.push(kind));
            }
            use FrameKind::{Data, Headers, Other, Ping, PingAck};
            assert_eq!(seen, [Headers, Data, Ping, PingAck, Other], "pieces of {piece}");
            assert!(walker.at_boundary());
        }
    }

    #[test]
    fn the_middle_of_a_frame_is_no_boundary() {
        let mut walker = FrameWalker::new(0);
        assert!(walker.at_boundary());
        walker.walk(&frame(0, 0, 10)[..12], |_| ());
        assert!(!walker.at_boundary());
    }
}
