//! `Crew`: the members as one runtime knows them, each with this runtime's connections to it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::connection::Connection;
use crate::member::Member;
use crate::pool::Pool;
use crate::roster::Roster;

/// Follows the cluster's roster. To look whether there is a new one is one load of an atomic.
#[derive(Debug)]
pub(crate) struct Crew {
    rosters: watch::Receiver<Arc<Roster>>,
    aboard: Arc<Aboard>,
    connections: usize,
}

/// One roster with its pools; what a call looks at while it finds its place.
#[derive(Debug)]
pub(crate) struct Aboard {
    roster: Arc<Roster>,
    /// In the roster's order.
    pools: Vec<Arc<Pool>>,
}

impl Crew {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let mut rosters = cluster.rosters();
        let connections = cluster.config.connections;
        let roster = Arc::clone(&rosters.borrow_and_update());
        Self { aboard: Arc::new(Aboard::new(roster, &[], connections)), rosters, connections }
    }

    /// Who is aboard now. Members who stay keep their connections.
    pub(crate) fn aboard(&mut self) -> Arc<Aboard> {
        if self.rosters.has_changed().unwrap_or(false) {
            let roster = Arc::clone(&self.rosters.borrow_and_update());
            self.aboard = Arc::new(Aboard::new(roster, &self.aboard.pools, self.connections));
        }
        Arc::clone(&self.aboard)
    }
}

impl Aboard {
    fn new(roster: Arc<Roster>, former: &[Arc<Pool>], connections: usize) -> Self {
        let pool = |member: &Arc<Member>| {
            let kept = former.iter().find(|pool| pool.is_of(member)).map(Arc::clone);
            kept.unwrap_or_else(|| Arc::new(Pool::new(Arc::clone(member), connections)))
        };
        Self { pools: roster.members().iter().map(pool).collect(), roster }
    }

    /// The connections to the member that takes a call which has tried these.
    pub(crate) fn choose(&self, tried: &[Arc<Member>]) -> Option<&Pool> {
        let chosen = self.roster.choose(tried)?;
        self.pools.get(chosen).map(Arc::as_ref)
    }

    /// How many members there are.
    pub(crate) fn members(&self) -> usize {
        self.pools.len()
    }

    /// Forgets a connection that takes no more calls.
    pub(crate) fn discard(&self, connection: &Connection) {
        self.pools.iter().for_each(|pool| pool.discard(connection));
    }
}
