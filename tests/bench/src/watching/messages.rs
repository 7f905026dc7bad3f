//! gRPC messages out of the pieces that HTTP/2 delivers. Whole messages of a piece are not copied.

use bytes::{Bytes, BytesMut};

use crate::Result;
use crate::client::PREFIX;

/// What a piece left unfinished.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    begun: BytesMut,
}

impl Messages {
    /// Hands every message that `chunk` completes to `each`.
    pub(crate) fn feed(&mut self, mut chunk: Bytes, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if self.begun.is_empty() {
            while let Some(end) = whole(&chunk)? {
                each(chunk.split_to(end).get(PREFIX..).unwrap_or_default())?;
            }
            self.begun.extend_from_slice(&chunk);
            return Ok(());
        }
        self.begun.extend_from_slice(&chunk);
        while let Some(end) = whole(&self.begun)? {
            each(self.begun.split_to(end).get(PREFIX..).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// Where the first message ends; `None` while it is not all there.
fn whole(data: &[u8]) -> Result<Option<usize>> {
    let Some(([compressed, length @ ..], _)) = data.split_first_chunk::<PREFIX>() else { return Ok(None) };
    if *compressed != 0 {
        return Err("a compressed message, which nobody asked for".into());
    }
    let end = PREFIX + usize::try_from(u32::from_be_bytes(*length))?;
    Ok((end <= data.len()).then_some(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = &[0, 0, 0, 0, 2, b'h', b'i', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'x'];

    fn fed(chunks: &[&'static [u8]]) -> Vec<Vec<u8>> {
        let mut messages = Messages::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            let each = |message: &[u8]| {
                seen.push(message.to_vec());
                Ok(())
            };
            messages.feed(Bytes::from_static(chunk), each).unwrap();
        }
        seen
    }

    #[test]
    fn messages_come_whole_however_they_are_cut() {
        let expected = [b"hi".to_vec(), vec![], b"x".to_vec()];
        for cut in 0..TWO.len() {
            let (first, second) = TWO.split_at(cut);
            assert_eq!(fed(&[first, second]), expected, "cut at {cut}");
        }
        let bytes: Vec<&'static [u8]> = TWO.chunks(1).collect();
        assert_eq!(fed(&bytes), expected);
    }

    #[test]
    fn a_compressed_message_is_refused() {
        let chunk = Bytes::from_static(&[1, 0, 0, 0, 0]);
        assert!(Messages::default().feed(chunk, |_| Ok(())).is_err());
    }
}
