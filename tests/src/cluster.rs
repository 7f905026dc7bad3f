//! Real etcd clusters on loopback ports, each with data of its own.

use std::path::PathBuf;
use std::process::Command;

use proto_gen::etcdserverpb::{
    self, MemberAddRequest, MemberListRequest, MemberPromoteRequest, MemberRemoveRequest, StatusRequest,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::certificates::{Authority, Files};
use crate::client::Client;
use crate::patience::{SOON, eventually};
use crate::process::Process;
use crate::temp::TempDir;
use crate::{environment, http1, ports};

/// How many tests may have clusters at the same time. Elections do not survive a machine that is busy starting more.
static SLOTS: Semaphore = Semaphore::const_new(2);

/// The right to have clusters running.
pub type Slot = SemaphorePermit<'static>;

/// Waits for the right to start clusters.
pub async fn slot() -> Slot {
    SLOTS.acquire().await.expect("the semaphore is never closed")
}

/// How a cluster is to look.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How many members.
    pub members: usize,
    /// Flags that every member gets on top of the usual ones.
    pub flags: Vec<String>,
    /// Whether every member listens with TLS too, at [`Member::tls_address`].
    pub tls: bool,
    /// More URLs at which every member listens for clients: for clusters of one.
    pub more_urls: Vec<String>,
}

impl Shape {
    /// One member: enough where nothing depends on a quorum.
    #[must_use]
    pub fn single() -> Self {
        Self { members: 1, flags: Vec::new(), tls: false, more_urls: Vec::new() }
    }

    /// Three members.
    #[must_use]
    pub fn three() -> Self {
        Self { members: 3, flags: Vec::new(), tls: false, more_urls: Vec::new() }
    }

    /// The same with one more URL for clients.
    #[must_use]
    pub fn listening_at(mut self, url: &str) -> Self {
        self.more_urls.push(url.to_owned());
        self
    }

    /// The same with one more flag.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }
}

impl Shape {
    /// The same whose members speak TLS too, with this certificate, and take clients with one of this authority only.
    #[must_use]
    pub fn tls(mut self, certificate: &Files, clients: &Authority) -> Self {
        self.tls = true;
        self.flag(&format!("--cert-file={}", certificate.cert.display()))
            .flag(&format!("--key-file={}", certificate.key.display()))
            .flag(&format!("--trusted-ca-file={}", clients.file().display()))
            .flag("--client-cert-auth")
    }
}

/// A running cluster; its members die and its data go when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    slot: Option<Slot>,
    dir: TempDir,
    /// Members added since the start, whose names must not be used again.
    added: usize,
}

impl Cluster {
    /// Starts a cluster of this shape, in a slot of its own, and waits until every member serves.
    pub async fn start(shape: Shape) -> Self {
        let slot = slot().await;
        let mut cluster = Self::start_in_callers_slot(shape).await;
        cluster.slot = Some(slot);
        cluster
    }

    /// Starts a cluster for a caller that already holds a [`Slot`].
    pub async fn start_in_callers_slot(shape: Shape) -> Self {
        let mut cluster = Self::prepare(&shape);
        for member in &mut cluster.members {
            member.restart();
        }
        cluster.ready().await;
        cluster
    }

    /// Chooses ports and folders, and starts nothing: for a proxy that must be there before etcd is.
    #[must_use]
    pub fn prepare(shape: &Shape) -> Self {
        let dir = TempDir::new("cluster");
        let seats: Vec<Seat> = (0..shape.members).map(Seat::choose).collect();
        let peers: Vec<String> = seats.iter().map(Seat::as_peer).collect();
        let peers = peers.join(",");
        let members = seats.into_iter().map(|seat| Member::new(seat, &peers, shape, &dir)).collect();
        Self { members, slot: None, dir, added: 0 }
    }

    /// Adds a learner, starts it, and gives its index once it answers.
    pub async fn add_learner(&mut self) -> usize {
        let learner = self.add_unstarted(true).await;
        self.member_mut(learner).restart();
        let client = self.member(learner).client();
        eventually("the learner answers", SOON, async || {
            client.maintenance().status(StatusRequest {}).await.ok()
        })
        .await;
        learner
    }

    /// Adds a member that is yet to be started by [`Member::restart`], and gives its index.
    pub async fn add_unstarted(&mut self, is_learner: bool) -> usize {
        self.added += 1;
        let seat = Seat::choose(self.members.len() + self.added);
        let request = MemberAddRequest { peer_ur_ls: vec![seat.peer_url()], is_learner };
        let first = self.member(0).client();
        eventually("a member is added", SOON, async || {
            match first.cluster().member_add(request.clone()).await {
                Ok(_) => Some(()),
                // An attempt that was not answered has added it.
                Err(status) => (status.message() == "etcdserver: Peer URLs already exists").then_some(()),
            }
        })
        .await;
        let mut peers: Vec<String> = self.members.iter().map(|member| member.seat.as_peer()).collect();
        peers.push(seat.as_peer());
        let mut member = Member::new(seat, &peers.join(","), &Shape::single(), &self.dir);
        member.arguments.push("--initial-cluster-state=existing".to_owned());
        self.members.push(member);
        self.members.len() - 1
    }

    /// Makes a learner a voter, as soon as it has caught up.
    pub async fn promote(&self, learner: usize) {
        // A learner does not tell its id itself.
        let url = self.member(learner).peer_url();
        let first = self.member(0).client();
        eventually("a learner is promoted", SOON, async || {
            let list = first.cluster().member_list(MemberListRequest { linearizable: true }).await.ok()?;
            let members = list.into_inner().members;
            let member = members.into_iter().find(|member| member.peer_ur_ls.contains(&url))?;
            if !member.is_learner {
                // By an attempt that was not answered.
                return Some(());
            }
            let request = MemberPromoteRequest { id: member.id };
            first.cluster().member_promote(request).await.ok().map(drop)
        })
        .await;
    }

    /// Removes a member from the cluster. Its process is the caller's, and ends by itself before long.
    pub async fn remove(&mut self, index: usize) -> Member {
        let id = self.member(index).id().await;
        let removed = self.members.remove(index);
        let last = self.members.last().expect("a member that stays").client();
        eventually("a member is removed", SOON, async || {
            match last.cluster().member_remove(MemberRemoveRequest { id }).await {
                Ok(_) => Some(()),
                // An attempt that was not answered has removed it.
                Err(status) => (status.code() == tonic::Code::NotFound).then_some(()),
            }
        })
        .await;
        removed
    }

    /// Waits until every member serves linearizable reads, knows all the others by name, and the cluster has agreed
    /// on its version.
    pub async fn ready(&self) {
        for member in &self.members {
            member.ready().await;
        }
        for member in &self.members {
            eventually("a member knows all the others", SOON, async || {
                let known = member.try_members().await?;
                let is_known = |other: &Member| known.iter().any(|one| one.name == other.name());
                self.members.iter().all(is_known).then_some(())
            })
            .await;
        }
    }

    /// The member at `index`.
    #[must_use]
    pub fn member(&self, index: usize) -> &Member {
        &self.members[index]
    }

    /// The member at `index`, to be killed or restarted.
    pub fn member_mut(&mut self, index: usize) -> &mut Member {
        &mut self.members[index]
    }

    /// All members.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// All members, to be killed or restarted.
    pub fn members_mut(&mut self) -> &mut [Member] {
        &mut self.members
    }

    /// The client addresses of all members, separated by commas.
    #[must_use]
    pub fn endpoints(&self) -> String {
        let addresses: Vec<&str> = self.members.iter().map(Member::address).collect();
        addresses.join(",")
    }

    /// The TLS addresses of all members as URLs, separated by commas.
    #[must_use]
    pub fn tls_endpoints(&self) -> String {
        let urls: Vec<String> =
            self.members.iter().map(|member| format!("https://{}", member.tls_address())).collect();
        urls.join(",")
    }

    /// The index of the leader, as member 0 or the first that answers sees it.
    pub async fn leader(&self) -> usize {
        eventually("the cluster has a leader", SOON, async || {
            for member in &self.members {
                let Ok(status) = member.client().maintenance().status(StatusRequest {}).await else {
                    continue;
                };
                let leader = status.into_inner().leader;
                if let Some(index) = self.index_of(leader).await {
                    return Some(index);
                }
            }
            None
        })
        .await
    }

    async fn index_of(&self, id: u64) -> Option<usize> {
        for (index, member) in self.members.iter().enumerate() {
            if member.try_id().await == Some(id) {
                return Some(index);
            }
        }
        None
    }
}

/// Name and ports of a member.
#[derive(Debug)]
struct Seat {
    name: String,
    client_port: u16,
    tls_port: u16,
    peer_port: u16,
}

impl Seat {
    fn choose(index: usize) -> Self {
        Self {
            name: format!("m{index}"),
            client_port: ports::free_port(),
            tls_port: ports::free_port(),
            peer_port: ports::free_port(),
        }
    }

    fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer_port)
    }

    fn as_peer(&self) -> String {
        format!("{}={}", self.name, self.peer_url())
    }
}

/// One etcd process, which may be down.
#[derive(Debug)]
pub struct Member {
    seat: Seat,
    address: String,
    arguments: Vec<String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Member {
    fn new(seat: Seat, peers: &str, shape: &Shape, dir: &TempDir) -> Self {
        let address = format!("127.0.0.1:{}", seat.client_port);
        let listen = match shape.tls {
            true => format!("http://{address},https://127.0.0.1:{}", seat.tls_port),
            false => format!("http://{address}"),
        };
        let listen = [&[listen], &shape.more_urls[..]].concat().join(",");
        let log = dir.path().join(format!("{}.log", seat.name));
        let mut arguments = vec![
            format!("--name={}", seat.name),
            format!("--data-dir={}", dir.path().join(&seat.name).display()),
            format!("--listen-client-urls={listen}"),
            format!("--advertise-client-urls=http://{address}"),
            format!("--listen-peer-urls={}", seat.peer_url()),
            format!("--initial-advertise-peer-urls={}", seat.peer_url()),
            format!("--initial-cluster={peers}"),
            "--initial-cluster-state=new".to_owned(),
            "--heartbeat-interval=100".to_owned(),
            "--election-timeout=1000".to_owned(),
            "--logger=zap".to_owned(),
            "--log-outputs=stderr".to_owned(),
            // Members are killed, machines are not: what was written stays, and a slow disk holds up no election.
            "--unsafe-no-fsync".to_owned(),
        ];
        arguments.extend(shape.flags.iter().cloned());
        Self { seat, address, arguments, log, process: None }
    }

    /// Its name in the cluster.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.seat.name
    }

    /// `host:port` of its client listener.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `host:port` of its TLS listener, where it has one.
    #[must_use]
    pub fn tls_address(&self) -> String {
        format!("127.0.0.1:{}", self.seat.tls_port)
    }

    /// Its peer URL.
    #[must_use]
    pub fn peer_url(&self) -> String {
        self.seat.peer_url()
    }

    /// A client of this member alone.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::of(&self.address)
    }

    /// Its id in the cluster.
    pub async fn id(&self) -> u64 {
        eventually("a member tells its id", SOON, async || self.try_id().await).await
    }

    async fn try_id(&self) -> Option<u64> {
        let members = self.try_members().await?;
        members.into_iter().find(|member| member.name == self.name()).map(|member| member.id)
    }

    /// The members it knows, itself included.
    async fn try_members(&self) -> Option<Vec<etcdserverpb::Member>> {
        let request = MemberListRequest { linearizable: false };
        let list = self.client().cluster().member_list(request).await.ok()?;
        Some(list.into_inner().members)
    }

    /// Waits until it serves linearizable reads and knows the cluster's version.
    pub async fn ready(&self) {
        let what = format!("etcd member {} serves; the end of its log:\n{}", self.name(), self.log_tail());
        eventually(&what, SOON, async || {
            let version = http1::get(&self.address, "/version").await?;
            let (major, minor) = environment::etcd_version();
            let agreed = version.contains(&format!("\"etcdcluster\":\"{major}.{minor}."));
            let health = http1::get(&self.address, "/health").await?;
            (agreed && health.contains("\"true\"")).then_some(())
        })
        .await;
    }

    fn log_tail(&self) -> String {
        self.process.as_ref().map(Process::log_tail).unwrap_or_default()
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Asks it to end by SIGTERM, and waits until it has.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("TERM");
            process.end().await;
        }
    }

    /// Stops it in its tracks: connections stay open, nothing is answered.
    pub fn freeze(&self) {
        self.running().signal("STOP");
    }

    /// Lets a frozen member go on.
    pub fn thaw(&self) {
        self.running().signal("CONT");
    }

    /// Starts it with the data it has, if it is not running. Does not wait until it serves.
    pub fn restart(&mut self) {
        let mut command = Command::new(environment::etcd());
        command.env_clear().args(&self.arguments);
        self.process = Some(Process::spawn(&format!("etcd {}", self.seat.name), &mut command, &self.log));
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("the member is running")
    }
}
