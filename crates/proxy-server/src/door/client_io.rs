//! A client's connection below HTTP: counts what it says, and ends it when it pings too often.
//!
//! etcd's servers enforce a least time between a client's HTTP/2 pings (`--grpc-keepalive-min-time`). The HTTP/2
//! library answers pings without telling anybody, so the frames are followed here. Unlike etcd's default, a client
//! may ping at that pace without having a call open.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::door::clients::Traffic;
use crate::door::frames::{FrameKind, FrameWalker};

/// What an HTTP/2 client says first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Pings ahead of time that are forgiven, as gRPC servers do.
const FORGIVEN: u32 = 2;
/// Clocks and networks bring two pings closer together than they were sent.
const TOLERANCE: Duration = Duration::from_millis(500);

/// GOAWAY with ENHANCE_YOUR_CALM and the debug data on which gRPC clients slow down.
const TOO_MANY_PINGS: &[u8] =
    b"\x00\x00\x16\x07\x00\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x0btoo_many_pings";

/// What a connection has said, for those who watch over it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<AtomicU64>);

impl Heard {
    /// Bytes received so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The byte stream of a client.
#[derive(Debug)]
pub(crate) struct ClientIo<I> {
    io: I,
    heard: Heard,
    /// None while the preface is not complete, and for ever where the client does not speak HTTP/2.
    pings: Option<PingPolicy>,
    preface_matches: bool,
    min_ping_interval: Duration,
    traffic: Traffic,
}

#[derive(Debug)]
struct PingPolicy {
    inbound: FrameWalker,
    outbound: FrameWalker,
    last_ping: Option<Instant>,
    strikes: u32,
}

impl<I> ClientIo<I> {
    /// `min_ping_interval` of zero allows any pace.
    pub(crate) fn new(io: I, min_ping_interval: Duration, traffic: Traffic) -> Self {
        Self { io, heard: Heard::default(), pings: None, preface_matches: true, min_ping_interval, traffic }
    }

    pub(crate) fn heard(&self) -> Heard {
        self.heard.clone()
    }

    /// Takes note of what was read; true when the client has pinged too often.
    fn note_read(&mut self, bytes: &[u8]) -> bool {
        let before = self.heard.bytes();
        self.traffic.received(bytes.len());
        self.heard.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if self.min_ping_interval.is_zero() {
            return false;
        }
        let from = usize::try_from(before).unwrap_or(usize::MAX);
        let expected = PREFACE.get(from..).unwrap_or_default();
        let first = bytes.len().min(expected.len());
        self.preface_matches &= bytes.get(..first) == expected.get(..first);
        if self.preface_matches && self.pings.is_none() && from + bytes.len() >= PREFACE.len() {
            self.pings = Some(PingPolicy::default());
        }
        let frames = bytes.get(first..).unwrap_or_default();
        let interval = self.min_ping_interval;
        self.pings.as_mut().is_some_and(|pings| pings.exceeded(frames, interval))
    }
}

impl Default for PingPolicy {
    fn default() -> Self {
        Self { inbound: FrameWalker::new(0), outbound: FrameWalker::new(0), last_ping: None, strikes: 0 }
    }
}

impl PingPolicy {
    fn exceeded(&mut self, bytes: &[u8], interval: Duration) -> bool {
        let Self { inbound, last_ping, strikes, .. } = self;
        inbound.walk(bytes, |kind| {
            if kind != FrameKind::Ping {
                return;
            }
            let now = Instant::now();
            if last_ping.is_some_and(|last| now + TOLERANCE < last + interval) {
                *strikes += 1;
            }
            *last_ping = Some(now);
        });
        self.strikes > FORGIVEN
    }

    /// A connection that answers calls may be pinged for it.
    fn note_written(&mut self, bytes: &[u8]) {
        let Self { outbound, last_ping, strikes, .. } = self;
        outbound.walk(bytes, |kind| {
            if matches!(kind, FrameKind::Data | FrameKind::Headers) {
                *strikes = 0;
                *last_ping = None;
            }
        });
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        let exceeded = this.note_read(buffer.filled().get(before..).unwrap_or_default());
        if !exceeded {
            return Poll::Ready(Ok(()));
        }
        if this.pings.as_ref().is_some_and(|pings| pings.outbound.at_boundary()) {
            // The connection ends whether or not its client can be told why.
            let _ = Pin::new(&mut this.io).poll_write(cx, TOO_MANY_PINGS);
            let _ = Pin::new(&mut this.io).poll_flush(cx);
        }
        Poll::Ready(Err(io::Error::other("client pings too often")))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for ClientIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = ready!(Pin::new(&mut this.io).poll_write(cx, bytes))?;
        this.traffic.sent(written);
        if let Some(pings) = &mut this.pings {
            pings.note_written(bytes.get(..written).unwrap_or_default());
        }
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = ready!(Pin::new(&mut this.io).poll_write_vectored(cx, buffers))?;
        this.traffic.sent(written);
        if let Some(pings) = &mut this.pings {
            let mut left = written;
            for buffer in buffers {
                let taken = left.min(buffer.len());
                pings.note_written(buffer.get(..taken).unwrap_or_default());
                left -= taken;
            }
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const PING: &[u8] = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00abcdefgh";
    const INTERVAL: Duration = Duration::from_secs(5);

    async fn connected() -> (DuplexStream, ClientIo<DuplexStream>) {
        let (mut client, server) = duplex(1 << 16);
        let mut io = ClientIo::new(server, INTERVAL, Traffic::default());
        client.write_all(PREFACE).await.unwrap();
        read(&mut io).await.unwrap();
        (client, io)
    }

    async fn read(io: &mut ClientIo<DuplexStream>) -> io::Result<usize> {
        io.read(&mut [0; 1024]).await
    }

    async fn ping_every(pause: Duration, times: u32) -> io::Result<DuplexStream> {
        let (mut client, mut io) = connected().await;
        for _ in 0..times {
            client.write_all(PING).await.unwrap();
            read(&mut io).await?;
            tokio::time::advance(pause).await;
        }
        Ok(client)
    }

    #[tokio::test(start_paused = true)]
    async fn pings_at_the_allowed_pace_go_on_for_ever() {
        ping_every(INTERVAL, 100).await.unwrap();
        ping_every(INTERVAL - TOLERANCE, 100).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn pings_ahead_of_time_end_the_connection_with_a_goaway() {
        let (mut client, mut io) = connected().await;
        for _ in 0..3 {
            client.write_all(PING).await.unwrap();
            read(&mut io).await.unwrap();
        }
        client.write_all(PING).await.unwrap();
        read(&mut io).await.unwrap_err();
        drop(io);
        let mut told = Vec::new();
        client.read_to_end(&mut told).await.unwrap();
        assert!(told.ends_with(b"too_many_pings"));
        assert_eq!(told.len(), 9 + 0x16);
    }

    #[tokio::test(start_paused = true)]
    async fn answered_calls_forgive_pings() {
        let (mut client, mut io) = connected().await;
        for _ in 0..100 {
            client.write_all(PING).await.unwrap();
            read(&mut io).await.unwrap();
            io.write_all(b"\x00\x00\x01\x00\x00\x00\x00\x00\x01x").await.unwrap();
            client.read_exact(&mut [0; 10]).await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_looks_like_pings_in_http1_is_none_of_our_business() {
        let (mut client, server) = duplex(1 << 16);
        let mut io = ClientIo::new(server, INTERVAL, Traffic::default());
        client.write_all(b"POST /health HTTP/1.1\r\n\r\n").await.unwrap();
        for _ in 0..10 {
            read(&mut io).await.unwrap();
            client.write_all(PING).await.unwrap();
        }
        assert!(io.heard().bytes() > PREFACE.len() as u64);
    }
}
