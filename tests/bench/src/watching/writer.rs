//! The one writer of the watched key: numbered, stamped values, one put at a time.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use prost::Message;
use proto_gen::etcdserverpb::{PutRequest, PutResponse};
use tokio::time::Instant;

use super::stamp::Stamp;
use super::{Clock, KEY};
use crate::Result;
use crate::client::{Connection, Connector};
use crate::target::Target;

const PUT: &str = "/etcdserverpb.KV/Put";

pub(crate) struct Writer {
    connection: Connection,
    method: Uri,
    clock: Clock,
    length: usize,
    next: u64,
}

impl Writer {
    /// Writes values of `length` bytes through `target`.
    pub(crate) async fn connect(target: &Target, clock: Clock, length: usize) -> Result<Self> {
        let connection = Connector::new(target.address).connect().await?;
        Ok(Self { connection, method: target.method(PUT)?, clock, length, next: 0 })
    }

    /// The number of the next put, which is how many there were.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Puts once and returns the revision that it made.
    pub(crate) async fn put(&mut self) -> Result<i64> {
        let stamp = Stamp { sent: self.clock.nanoseconds(), number: self.next };
        self.next += 1;
        let request = PutRequest {
            key: Bytes::from_static(KEY),
            value: stamp.value(self.length).into(),
            ..PutRequest::default()
        };
        let answer = PutResponse::decode(self.connection.call(&self.method, &request).await?)?;
        Ok(answer.header.ok_or("a write was answered without a revision")?.revision)
    }

    /// Puts one after the other, each no earlier than `interval` after the one before was due.
    pub(crate) async fn puts(&mut self, count: u64, interval: Duration) -> Result<()> {
        let mut due = Instant::now();
        for _ in 0..count {
            if !interval.is_zero() {
                tokio::time::sleep_until(due).await;
                due += interval;
            }
            self.put().await?;
        }
        Ok(())
    }
}
