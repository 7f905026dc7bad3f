//! The connections of one runtime to one member, by the kind of traffic that they carry.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tonic::Status;

use crate::cluster::Cluster;
use crate::connection::{Connection, ConnectionId};
use crate::dial::dial;
use crate::member::Member;

/// Kinds of traffic that must not stand in each other's way, each on connections of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Short calls.
    Unary,
    /// Watch streams.
    Watch,
    /// Keep-alive streams.
    Lease,
    /// Streams of any length and size: snapshots, streamed ranges, what is passed through.
    Bulk,
}

/// HTTP/2 flow-control windows in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    pub(crate) stream: u32,
    pub(crate) connection: u32,
}

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

impl Lane {
    const ALL: [Self; 4] = [Self::Unary, Self::Watch, Self::Lease, Self::Bulk];

    /// A connection's window is many times that of a stream, so that readers who stop do not stop the others.
    pub(crate) fn windows(self) -> Windows {
        match self {
            Self::Unary => Windows { stream: 4 * MIB, connection: 64 * MIB },
            Self::Bulk => Windows { stream: MIB, connection: 64 * MIB },
            // A thousand readers who have stopped, each with a stream of his own, still leave room for the others.
            Self::Watch => Windows { stream: 128 * KIB, connection: 256 * MIB },
            Self::Lease => Windows { stream: 64 * KIB, connection: 16 * MIB },
        }
    }
}

/// Connections to one member.
#[derive(Debug)]
pub(crate) struct Pool {
    member: Arc<Member>,
    lanes: [Vec<Slot>; Lane::ALL.len()],
}

/// Room for one connection.
#[derive(Debug, Default)]
struct Slot(Arc<Mutex<Occupant>>);

#[derive(Debug, Default)]
enum Occupant {
    #[default]
    Nobody,
    /// Somebody is dialling; all who come meanwhile wait for the same result.
    Dialling(watch::Receiver<Option<Result<Connection, Status>>>),
    Open(Connection),
}

impl Pool {
    pub(crate) fn new(member: Arc<Member>, connections: usize) -> Self {
        let slots = |_| (0..connections.max(1)).map(|_| Slot::default()).collect();
        Self { member, lanes: Lane::ALL.map(slots) }
    }

    pub(crate) fn is_of(&self, member: &Arc<Member>) -> bool {
        Arc::ptr_eq(&self.member, member)
    }

    /// An open connection, dialled where there is none. A dial that fails makes the member unreachable.
    pub(crate) async fn connection(&self, cluster: &Arc<Cluster>, lane: Lane) -> Result<Connection, Status> {
        let slots = self.lanes.get(lane as usize).map_or(&[][..], Vec::as_slice);
        let Some(slot) = slots.iter().min_by_key(|slot| slot.in_flight()) else {
            return Err(Status::internal("no room for a connection"));
        };
        match slot.enter(cluster, &self.member, lane) {
            Ok(connection) => Ok(connection),
            Err(mut dialling) => match dialling.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(result)) => result.clone(),
                Ok(None) | Err(_) => Err(Status::unavailable("dial was given up")),
            },
        }
    }

    /// Forgets a connection that takes no more calls.
    pub(crate) fn discard(&self, connection: &Connection) {
        for slot in self.lanes.iter().flatten() {
            slot.leave(&connection.id());
        }
    }
}

type Dialling = watch::Receiver<Option<Result<Connection, Status>>>;

impl Slot {
    fn lock(&self) -> std::sync::MutexGuard<'_, Occupant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty slot counts as idle, so that all slots get their connection.
    fn in_flight(&self) -> usize {
        match &*self.lock() {
            Occupant::Open(connection) => connection.in_flight(),
            Occupant::Nobody => 0,
            Occupant::Dialling(_) => usize::MAX,
        }
    }

    fn enter(
        &self,
        cluster: &Arc<Cluster>,
        member: &Arc<Member>,
        lane: Lane,
    ) -> Result<Connection, Dialling> {
        let mut occupant = self.lock();
        match &*occupant {
            Occupant::Open(connection) if !connection.is_closed() => return Ok(connection.clone()),
            // A dial whose task is gone will never tell.
            Occupant::Dialling(dialling) if dialling.has_changed().is_ok() => return Err(dialling.clone()),
            Occupant::Dialling(_) | Occupant::Open(_) | Occupant::Nobody => {}
        }
        let (tell, dialling) = watch::channel(None);
        *occupant = Occupant::Dialling(dialling.clone());
        // A task, so that a caller who gives up does not take the connection from those who wait with him.
        tokio::spawn(occupy(Self(Arc::clone(&self.0)), Arc::clone(cluster), Arc::clone(member), lane, tell));
        Err(dialling)
    }

    fn leave(&self, connection: &ConnectionId) {
        let mut occupant = self.lock();
        if matches!(&*occupant, Occupant::Open(open) if open.is(connection)) {
            *occupant = Occupant::Nobody;
        }
    }
}

/// The life of a connection: dialled, told to those who wait, driven until it ends.
async fn occupy(
    slot: Slot,
    cluster: Arc<Cluster>,
    member: Arc<Member>,
    lane: Lane,
    tell: watch::Sender<Option<Result<Connection, Status>>>,
) {
    match dial(&cluster.config, &member.endpoint, lane).await {
        Err(error) => {
            if !error.is_our_own() {
                cluster.unreachable(&member, &error.to_string());
            }
            *slot.lock() = Occupant::Nobody;
            tell.send_replace(Some(Err(Status::unavailable(format!(
                "etcd at {}: {error}",
                member.endpoint
            )))));
        }
        Ok(dialed) => {
            let (connection, life) = Connection::new(cluster.config.keepalive, Arc::clone(&member), dialed);
            *slot.lock() = Occupant::Open(connection.clone());
            let id = connection.id();
            tell.send_replace(Some(Ok(connection)));
            // A retired member's connection ends with its last call, once nobody can place another on it.
            drop(tell);
            let mut life = pin!(life);
            tokio::select! {
                () = &mut life => slot.leave(&id),
                () = member.retired() => {
                    slot.leave(&id);
                    life.await;
                }
            }
        }
    }
}
