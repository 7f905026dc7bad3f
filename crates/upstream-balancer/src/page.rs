//! A page of a member over HTTP/1.1, such as `/metrics`, which etcd serves beside gRPC.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::config::Config;
use crate::dial::{DialError, connect};
use crate::member::Member;

/// One member's patience: dial, answer and body together.
const MEMBER_TIMEOUT: Duration = Duration::from_secs(3);
/// All members together. Prometheus gives up a scrape after 10 seconds.
const TIMEOUT: Duration = Duration::from_secs(8);
/// A member's metrics are some hundred kilobytes.
const MAX_BYTES: usize = 16 << 20;
const HTTP_1: &[u8] = b"http/1.1";

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// No member can be asked within the time there is.
    #[error("no member has answered within {TIMEOUT:?}")]
    Timeout,
    /// What the last of the members said.
    #[error("etcd at {endpoint}: {reason}")]
    Member {
        /// Which one.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
    /// There are no members.
    #[error("there are no members")]
    NoMember,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Dial(#[from] DialError),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Head(#[from] http::Error),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("{0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer within {MEMBER_TIMEOUT:?}")]
    Timeout,
}

impl Cluster {
    /// The body of a page of some member: of the one that serves calls if it answers with 200, else of another. It is
    /// asked over a connection of its own, with the TLS configuration of the calls.
    ///
    /// # Errors
    /// When no member answers with 200 and a body of at most 16 MiB.
    pub async fn page(&self, path: &'static str) -> Result<Bytes, PageError> {
        timeout(TIMEOUT, self.page_of_any(path)).await.unwrap_or(Err(PageError::Timeout))
    }

    async fn page_of_any(&self, path: &str) -> Result<Bytes, PageError> {
        let mut last = PageError::NoMember;
        for member in self.by_fitness() {
            let asked = timeout(MEMBER_TIMEOUT, page_of(&self.config, &member, path)).await;
            match asked.unwrap_or(Err(Failure::Timeout)) {
                Ok(page) => return Ok(page),
                Err(failure) => {
                    let endpoint = member.endpoint.to_string();
                    last = PageError::Member { endpoint, reason: failure.to_string() };
                }
            }
        }
        Err(last)
    }

    /// Healthy members first, among them the one that takes the calls.
    fn by_fitness(&self) -> Vec<Arc<Member>> {
        let roster = self.roster();
        let mut members = roster.members().to_vec();
        members.sort_by_key(|member| (member.health(), Reverse(roster.in_use(member))));
        members
    }
}

async fn page_of(config: &Config, member: &Member, path: &str) -> Result<Bytes, Failure> {
    let io = TokioIo::new(connect(config, &member.endpoint, HTTP_1).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    let (_, authority) = &member.origin;
    let request = Request::get(path).header(header::HOST, authority.as_str()).body(Empty::<Bytes>::new())?;
    let answer = async {
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(Failure::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await.map_err(Failure::Body)?;
        Ok(body.to_bytes())
    };
    let mut answer = std::pin::pin!(answer);
    // The connection ends when the answer is there, or the answer when the connection is lost.
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = connection => {
            ended?;
            answer.await
        }
    }
}

#[cfg(test)]
mod tests;
