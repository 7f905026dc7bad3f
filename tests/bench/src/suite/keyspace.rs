//! The keys that the suites of single calls read and write, and what an answer about them must be.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use proto_gen::etcdserverpb::{PutRequest, PutResponse, RangeRequest, RangeResponse};

use crate::Result;
use crate::client::{Connection, Connector};
use crate::target::Target;

pub(super) const KEYS: usize = 10_000;
pub(super) const VALUE_BYTES: usize = 256;
pub(super) const RANGE: &str = "/etcdserverpb.KV/Range";
pub(super) const PUT: &str = "/etcdserverpb.KV/Put";

/// Cheap to clone: the keys are shared.
pub(super) type Keys = Arc<[Bytes]>;

/// One hot key, and many; all with the same value.
#[derive(Clone)]
pub(super) struct Keyspace {
    pub(super) one: Keys,
    pub(super) many: Keys,
    pub(super) value: Bytes,
}

impl Keyspace {
    pub(super) fn new() -> Self {
        Self {
            one: [Bytes::from_static(b"bench/hot")].into(),
            many: (0..KEYS).map(|number| Bytes::from(format!("bench/key/{number:08}"))).collect(),
            value: Bytes::from(vec![b'v'; VALUE_BYTES]),
        }
    }

    /// The same keys under a prefix.
    pub(super) fn under(&self, prefix: &str) -> Self {
        let prefixed = |key: &Bytes| Bytes::from([prefix.as_bytes(), key].concat());
        let all = |keys: &Keys| keys.iter().map(prefixed).collect();
        Self { one: all(&self.one), many: all(&self.many), value: self.value.clone() }
    }

    /// Writes every key once.
    pub(super) async fn fill(&self, etcd: &Target) -> Result<()> {
        let put = etcd.method(PUT)?;
        let mut connection = Connector::new(etcd.address).connect().await?;
        for key in self.one.iter().chain(self.many.iter()) {
            checked_put(connection.call(&put, &self.put(key.clone())).await?)?;
        }
        Ok(())
    }

    pub(super) fn put(&self, key: Bytes) -> PutRequest {
        PutRequest { key, value: self.value.clone(), ..PutRequest::default() }
    }

    /// Reads one key and looks whether it is that.
    pub(super) async fn read(
        &self,
        connection: &mut Connection,
        method: &http::Uri,
        request: &RangeRequest,
    ) -> Result<()> {
        let answer = RangeResponse::decode(connection.call(method, request).await?)?;
        match answer.kvs.as_slice() {
            [found] if found.key == request.key && found.value == self.value && answer.count == 1 => Ok(()),
            other => {
                let key = &request.key;
                Err(format!("a read of {key:?} was answered with {} keys: {other:?}", answer.count).into())
            }
        }
    }
}

pub(super) fn range(key: Bytes) -> RangeRequest {
    RangeRequest { key, ..RangeRequest::default() }
}

/// The revision that a write made.
pub(super) fn checked_put(answer: Bytes) -> Result<i64> {
    match PutResponse::decode(answer)?.header {
        Some(header) if header.revision > 1 => Ok(header.revision),
        other => Err(format!("a write was answered without a revision: {other:?}").into()),
    }
}
