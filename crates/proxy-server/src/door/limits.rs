//! What one client may take, so that the others have something left: calls in a second, watchers, and how many connect
//! at all. Off unless asked for; then the way of a call is one look at nothing.

mod bucket;
mod identity;
mod table;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::{HeaderMap, Request};
use rustls::pki_types::CertificateDer;
use tonic::Status;
use watch_coalesce::Quota;

use self::bucket::{Bucket, Rate};
pub(crate) use self::identity::Certified;
use self::identity::Identities;
use self::table::Table;
use crate::door::clients::ClientSeat;

/// What an operator allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LimitsConfig {
    /// Connections of all clients together.
    pub(crate) connections: Option<usize>,
    /// Watchers of one client over all its streams.
    pub(crate) watches: Option<usize>,
    /// Calls of one client.
    pub(crate) calls: Option<CallRate>,
    /// Who is one client.
    pub(crate) key: ClientKey,
}

/// Calls in a second, and how many may come at once after some quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallRate {
    pub(crate) qps: NonZeroU32,
    pub(crate) burst: NonZeroU32,
}

/// By what clients are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClientKey {
    /// Where they come from.
    #[default]
    Address,
    /// The token of etcd's that they show; without one, where they come from.
    Credential,
    /// Whom their certificate names; without one, where they come from.
    Certificate,
}

/// The limits of the process; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    clients: Option<Arc<ClientLimits>>,
    refusals: Arc<Refusals>,
}

/// How often somebody was refused.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    calls: AtomicU64,
    connections: AtomicU64,
}

#[derive(Debug)]
struct ClientLimits {
    identities: Identities,
    calls: Option<(Rate, Table<Bucket>)>,
    watches: Option<(usize, Table<Quota>)>,
}

/// How many may be connected.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLimit {
    most: usize,
    refusals: Arc<Refusals>,
}

impl Limits {
    pub(crate) fn new(config: &LimitsConfig) -> Self {
        let is_on = config.calls.is_some() || config.watches.is_some();
        let clients = is_on.then(|| {
            Arc::new(ClientLimits {
                identities: Identities::by(config.key),
                calls: config.calls.map(|rate| (Rate::of(rate), Table::default())),
                watches: config.watches.map(|most| (most, Table::default())),
            })
        });
        Self { clients, refusals: Arc::default() }
    }

    /// Whether this client may make this call now; what holds for its watchers goes with the call.
    ///
    /// # Errors
    /// etcd's own words, where it may not.
    pub(crate) fn apply<B>(&self, client: &ClientSeat, call: &mut Request<B>) -> Result<(), Status> {
        if self.clients.is_none() {
            return Ok(());
        }
        self.admit(client, call.headers())?;
        if let Some(quota) = self.watch_quota(client, call.headers()) {
            call.extensions_mut().insert(quota);
        }
        Ok(())
    }

    /// Who a client with this certificate is; `None` where that makes no difference.
    pub(crate) fn certified(&self, leaf: Option<&CertificateDer<'_>>) -> Option<Certified> {
        self.clients.as_ref()?.identities.certified(leaf?)
    }

    fn admit(&self, client: &ClientSeat, headers: &HeaderMap) -> Result<(), Status> {
        let Some(clients) = &self.clients else { return Ok(()) };
        let Some((rate, buckets)) = &clients.calls else { return Ok(()) };
        let (who, now) = (clients.identities.of(client, headers), Instant::now());
        if buckets.with(who, now, Bucket::default, |bucket| bucket.take(rate, now)) {
            return Ok(());
        }
        self.refusals.calls.fetch_add(1, Ordering::Relaxed);
        Err(Status::resource_exhausted("etcdserver: too many requests"))
    }

    /// What holds for this client's watchers, where something does.
    fn watch_quota(&self, client: &ClientSeat, headers: &HeaderMap) -> Option<Quota> {
        let clients = self.clients.as_ref()?;
        let (most, quotas) = clients.watches.as_ref()?;
        let who = clients.identities.of(client, headers);
        Some(quotas.with(who, Instant::now(), || Quota::new(*most), |quota| quota.clone()))
    }

    /// How many may be connected at once.
    pub(crate) fn connections(&self, most: Option<usize>) -> ConnectionLimit {
        ConnectionLimit { most: most.unwrap_or(usize::MAX), refusals: Arc::clone(&self.refusals) }
    }

    pub(crate) fn refused_calls(&self) -> u64 {
        self.refusals.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn refused_connections(&self) -> u64 {
        self.refusals.connections.load(Ordering::Relaxed)
    }
}

impl ConnectionLimit {
    /// Whether one more may come where there are so many.
    pub(crate) fn admits(&self, present: usize) -> bool {
        let is_admitted = present < self.most;
        if !is_admitted {
            self.refusals.connections.fetch_add(1, Ordering::Relaxed);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests;
