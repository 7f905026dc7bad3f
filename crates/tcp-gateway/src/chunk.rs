//! The buffer through which all small things of one runtime are copied.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that are read at once to be copied, and so the most that one direction may have to keep.
pub const CHUNK: usize = 32 * 1024;

/// One buffer for all: whoever has nothing to read needs none, and what cannot be handed on at once moves out of it.
#[derive(Debug)]
pub(crate) struct Scratch(Mutex<Box<[u8]>>);

/// What became of one chunk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// The other side has ended.
    End,
    /// So many bytes were read; those that the receiver did not take at once are kept.
    Some { bytes: usize, rest: Box<[u8]> },
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(vec![0; CHUNK].into_boxed_slice()))
    }

    /// Reads a chunk and writes what can be written at once. Who gets a rest is woken when it can be written.
    pub(crate) fn poll_copy(
        &self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<Copied>> {
        let mut scratch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chunk = ReadBuf::new(&mut scratch);
        ready!(Pin::new(from).poll_read(cx, &mut chunk))?;
        let read = chunk.filled();
        if read.is_empty() {
            return Poll::Ready(Ok(Copied::End));
        }
        let written = match Pin::new(to).poll_write(cx, read) {
            Poll::Ready(written) => written?,
            Poll::Pending => 0,
        };
        let rest = read.get(written..).unwrap_or_default().into();
        Poll::Ready(Ok(Copied::Some { bytes: read.len(), rest }))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn what_is_not_taken_at_once_is_kept() {
        let scratch = Scratch::new();
        let (mut sender, mut from) = duplex(64);
        let (mut to, mut receiver) = duplex(4);
        sender.write_all(b"abcdefgh").await.unwrap();
        let copied = poll_fn(|cx| scratch.poll_copy(cx, &mut from, &mut to)).await.unwrap();
        assert_eq!(copied, Copied::Some { bytes: 8, rest: (*b"efgh").into() });
        let mut taken = [0; 4];
        receiver.read_exact(&mut taken).await.unwrap();
        assert_eq!(&taken, b"abcd");
        drop(sender);
        assert_eq!(poll_fn(|cx| scratch.poll_copy(cx, &mut from, &mut to)).await.unwrap(), Copied::End);
    }
}
