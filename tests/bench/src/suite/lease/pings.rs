//! Leases, and streams on which they are pinged.

use bytes::{Bytes, BytesMut};
use http::Uri;
use prost::Message;
use proto_gen::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest,
    LeaseLeasesResponse,
};
use tokio::task::JoinSet;

use crate::Result;
use crate::client::{Connection, OpenStream, frame};
use crate::load::connect;
use crate::target::Target;
use crate::watching::Messages;

pub(super) const GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";
const LEASES: &str = "/etcdserverpb.Lease/LeaseLeases";
pub(super) const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";
/// Grants in flight.
const GRANTERS: i64 = 64;

/// Grants the leases from 1 on, on the member itself.
pub(super) async fn grant(target: &Target, leases: i64, ttl: i64) -> Result<()> {
    let direct = target.past();
    let method = direct.method(GRANT)?;
    let connections = connect(4, &direct).await?;
    let mut granters = JoinSet::new();
    for (granter, connection) in (0..GRANTERS).zip(connections.iter().cycle()) {
        let of_granter: Vec<i64> = (1..=leases).filter(|id| id % GRANTERS == granter).collect();
        granters.spawn(grant_these(connection.clone(), method.clone(), of_granter, ttl));
    }
    while let Some(granter) = granters.join_next().await {
        granter??;
    }
    Ok(())
}

/// Grants these leases, one after the other.
pub(super) async fn grant_these(
    mut connection: Connection,
    method: Uri,
    leases: Vec<i64>,
    ttl: i64,
) -> Result<()> {
    for id in leases {
        let answer = connection.call(&method, &LeaseGrantRequest { id, ttl }).await?;
        let granted = LeaseGrantResponse::decode(answer)?;
        if (granted.id, granted.ttl) != (id, ttl) {
            return Err(format!("lease {id} was granted as {granted:?}").into());
        }
    }
    Ok(())
}

/// How many leases the member has.
pub(super) async fn leases(target: &Target) -> Result<usize> {
    let direct = target.past();
    let mut connections = connect(1, &direct).await?;
    let connection = connections.first_mut().ok_or("no connection")?;
    let answer = connection.call(&direct.method(LEASES)?, &LeaseLeasesRequest {}).await?;
    Ok(LeaseLeasesResponse::decode(answer)?.leases.len())
}

/// Pings of these leases, framed.
pub(super) fn pings(leases: impl IntoIterator<Item = i64>) -> Result<Bytes> {
    let mut all = BytesMut::new();
    for id in leases {
        all.extend_from_slice(&frame(&LeaseKeepAliveRequest { id })?);
    }
    Ok(all.freeze())
}

/// A LeaseKeepAlive stream.
pub(super) struct Pinged {
    stream: OpenStream,
    messages: Messages,
    answers: std::collections::VecDeque<LeaseKeepAliveResponse>,
}

impl Pinged {
    /// Opens a stream and sends its first pings.
    pub(super) async fn open(connection: &mut Connection, method: &Uri, pings: Bytes) -> Result<Self> {
        let stream = connection.open(method, pings).await?;
        Ok(Self { stream, messages: Messages::default(), answers: Default::default() })
    }

    pub(super) fn send(&mut self, pings: Bytes) -> Result<()> {
        self.stream.send(pings)
    }

    /// The answer to the oldest ping, which must be this lease's.
    pub(super) async fn answer(&mut self, lease: i64) -> Result<LeaseKeepAliveResponse> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                if answer.id != lease {
                    return Err(format!("a ping of {lease} was answered with {answer:?}").into());
                }
                return Ok(answer);
            }
            let (chunk, answers) = (self.stream.data().await?, &mut self.answers);
            self.messages.feed(chunk, |message| {
                answers.push_back(LeaseKeepAliveResponse::decode(message)?);
                Ok(())
            })?;
        }
    }
}
