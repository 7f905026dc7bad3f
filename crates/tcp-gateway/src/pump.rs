//! One direction of a connection: what one side says, the other hears.

use std::future::poll_fn;
use std::io;

use counts::Count;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use crate::chunk::{CHUNK, Copied};
use crate::gait::Gait;
use crate::station::Means;

/// One direction.
pub(crate) struct Pump<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    gait: Gait,
    means: &'a Means,
    /// Where the bytes of this direction are counted.
    count: &'a Count,
}

/// What one turn of a pump did.
enum Turn {
    End,
    Copied(usize),
    #[cfg(target_os = "linux")]
    Spliced(usize),
    /// There was nothing yet.
    #[cfg(target_os = "linux")]
    Nothing,
    /// The system does not splice these two.
    #[cfg(target_os = "linux")]
    Refused,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(from: ReadHalf<'a>, to: WriteHalf<'a>, means: &'a Means, count: &'a Count) -> Self {
        Self { from, to, gait: Gait::new(means.can_splice()), means, count }
    }

    /// Carries on until one side has said all; the other is told so.
    ///
    /// # Errors
    /// When either side has broken off.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        loop {
            let turn = if self.gait.splices() { self.splice().await? } else { self.copy().await? };
            self.gait = match turn {
                Turn::End => break,
                Turn::Copied(bytes) => {
                    self.count.add(bytes as u64);
                    self.gait.copied(bytes >= CHUNK)
                }
                #[cfg(target_os = "linux")]
                Turn::Spliced(bytes) => {
                    self.count.add(bytes as u64);
                    self.means.traffic.spliced.add(bytes as u64);
                    self.gait.spliced(bytes)
                }
                #[cfg(target_os = "linux")]
                Turn::Nothing => self.gait,
                #[cfg(target_os = "linux")]
                Turn::Refused => self.gait.refused(),
            };
        }
        match self.to.shutdown().await {
            // It has gone already, having said all that it had to.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        }
    }

    async fn copy(&mut self) -> io::Result<Turn> {
        let Self { from, to, means, .. } = self;
        match poll_fn(|cx| means.scratch.poll_copy(cx, from, to)).await? {
            Copied::End => Ok(Turn::End),
            Copied::Some { bytes, rest } => {
                if !rest.is_empty() {
                    to.write_all(&rest).await?;
                }
                Ok(Turn::Copied(bytes))
            }
        }
    }

    /// Without a pipe while there is nothing to put into it: silent connections hold none.
    #[cfg(target_os = "linux")]
    async fn splice(&mut self) -> io::Result<Turn> {
        use tokio::io::Interest;

        let (from, to) = (self.from.as_ref(), self.to.as_ref());
        from.readable().await?;
        let Some(mut lent) = self.means.pipes.borrow() else { return self.copy().await };
        let Some(pipe) = lent.get() else { return self.copy().await };
        let filled = match from.try_io(Interest::READABLE, || pipe.fill(from)) {
            Ok(0) => return Ok(Turn::End),
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Turn::Nothing),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(Turn::Refused),
            Err(error) => return Err(error),
        };
        while pipe.held > 0 {
            to.async_io(Interest::WRITABLE, || pipe.drain(to)).await?;
        }
        Ok(Turn::Spliced(filled))
    }

    #[cfg(not(target_os = "linux"))]
    async fn splice(&mut self) -> io::Result<Turn> {
        self.copy().await
    }
}
