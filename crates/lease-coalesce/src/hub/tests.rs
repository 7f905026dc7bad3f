//! The hub over an etcd double, with the clock standing still.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::time::Duration;

use futures_util::{FutureExt, Stream, StreamExt};
use proto_gen::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};

use super::*;
use crate::caller::Caller;
use crate::keep_alives::KeepAlives;
use crate::upstream::Pings;

/// An etcd that answers at once, unless it is told otherwise.
#[derive(Clone, Default)]
struct Double(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// TTL of each lease.
    leases: HashMap<i64, i64>,
    refused: HashMap<i64, Status>,
    /// Pings by token.
    pings: BTreeMap<String, Vec<i64>>,
    opened: usize,
    down: Option<Status>,
    hung: bool,
    breaker: Option<tokio::sync::watch::Sender<()>>,
}

impl Double {
    fn with_leases(leases: &[i64]) -> Self {
        let double = Self::default();
        double.with(|state| state.leases = leases.iter().map(|lease| (*lease, 10)).collect());
        double
    }

    fn with<T>(&self, call: impl FnOnce(&mut State) -> T) -> T {
        call(&mut self.0.lock().unwrap())
    }

    /// All streams that are open are lost.
    fn lose_all(&self) {
        self.with(|state| state.breaker = None);
    }

    fn answer(&self, token: &str, lease: i64) -> Result<LeaseKeepAliveResponse, Status> {
        self.with(|state| {
            state.pings.entry(token.to_owned()).or_default().push(lease);
            if let Some(status) = state.refused.get(&lease) {
                return Err(status.clone());
            }
            let ttl = state.leases.get(&lease).copied().unwrap_or_default();
            Ok(LeaseKeepAliveResponse { header: None, id: lease, ttl })
        })
    }

    fn pings(&self) -> usize {
        self.with(|state| state.pings.values().map(Vec::len).sum())
    }
}

impl OpenKeepAlive for Double {
    type Responses = std::pin::Pin<Box<dyn Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send>>;

    fn open(
        &self,
        caller: &Caller,
        pings: Pings,
    ) -> impl Future<Output = Result<Self::Responses, Status>> + Send + 'static {
        let token = caller.token.as_ref().map(|token| String::from_utf8_lossy(token).into_owned());
        let (double, token) = (self.clone(), token.unwrap_or_default());
        async move {
            if double.with(|state| state.hung) {
                return std::future::pending().await;
            }
            let mut broken = double.with(|state| {
                state.opened += 1;
                if let Some(status) = &state.down {
                    return Err(status.clone());
                }
                Ok(state.breaker.get_or_insert_with(|| tokio::sync::watch::channel(()).0).subscribe())
            })?;
            let answers = pings.map(move |ping| double.answer(&token, ping.id));
            let lost = async move { _ = broken.changed().await };
            let end = futures_util::stream::once(async { Err(Status::unavailable("lost")) });
            Ok(answers.take_until(lost).chain(end).boxed())
        }
    }
}

struct Client {
    pings: Option<mpsc::UnboundedSender<Result<LeaseKeepAliveRequest, Status>>>,
    answers: KeepAlives<channel::Receiving>,
}

/// A channel as a stream.
mod channel {
    use super::*;

    pub(super) type Item = Result<LeaseKeepAliveRequest, Status>;
    pub(super) type Receiving = futures_util::stream::BoxStream<'static, Item>;

    pub(super) fn receiving(mut receiver: mpsc::UnboundedReceiver<Item>) -> Receiving {
        futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx)).boxed()
    }
}

impl Client {
    fn open(hub: &LeaseHub, token: &'static str) -> Self {
        Self::with_timeout(hub, token, None)
    }

    fn with_timeout(hub: &LeaseHub, token: &'static str, timeout: Option<Duration>) -> Self {
        let shard = hub.shared.shards()[0].clone();
        let caller = Caller { token: Some(token.as_bytes().into()), ..Caller::default() };
        let (pings, receiver) = mpsc::unbounded_channel();
        let receiving = channel::receiving(receiver);
        let answers = KeepAlives::open(&hub.shared, &shard, 0, caller, receiving, timeout).unwrap();
        Self { pings: Some(pings), answers }
    }

    fn ping(&self, lease: i64) {
        self.pings.as_ref().unwrap().send(Ok(LeaseKeepAliveRequest { id: lease })).unwrap();
    }

    async fn next(&mut self) -> Result<(i64, i64), Status> {
        let next = timeout(Duration::from_secs(60), self.answers.next()).await.expect("an answer");
        next.expect("one more").map(|answer| (answer.id, answer.ttl))
    }

    async fn ended(&mut self) -> bool {
        timeout(Duration::from_secs(60), self.answers.next()).await.expect("an end").is_none()
    }
}

fn start(double: &Double, config: Config) -> LeaseHub {
    let (hub, worker) = LeaseHub::new(config, double.clone());
    tokio::spawn(worker.run());
    hub
}

#[tokio::test(start_paused = true)]
async fn a_thousand_streams_are_one_and_each_is_answered() {
    let leases: Vec<i64> = (0..1000).collect();
    let double = Double::with_leases(&leases);
    let hub = start(&double, Config::default());
    let mut clients: Vec<_> = leases.iter().map(|_| Client::open(&hub, "a")).collect();
    for round in 0..3 {
        for (client, lease) in clients.iter().zip(&leases) {
            client.ping(*lease);
        }
        for (client, lease) in clients.iter_mut().zip(&leases) {
            assert_eq!(client.next().await.unwrap(), (*lease, 10), "round {round}");
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((double.with(|state| state.opened), double.pings()), (1, 3000));
    let counters = hub.counters();
    assert_eq!((counters.upstream_streams.get(), counters.sessions.get()), (1, 1000));
    drop(clients);
    assert_eq!(counters.sessions.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_stream_is_answered_and_then_ends_well() {
    let double = Double::with_leases(&[1]);
    let hub = start(&double, Config::default());
    let mut client = Client::open(&hub, "a");
    for lease in [1, 2, 1] {
        client.ping(lease);
    }
    client.pings = None;
    assert_eq!(client.next().await.unwrap(), (1, 10));
    assert_eq!(client.next().await.unwrap(), (2, 0));
    assert_eq!(client.next().await.unwrap(), (1, 10));
    assert!(client.ended().await);
    let mut silent = Client::open(&hub, "a");
    silent.pings = None;
    assert!(silent.ended().await);
    assert_eq!(hub.counters().sessions.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_that_break_end_the_stream_after_its_answers() {
    let double = Double::with_leases(&[1]);
    let hub = start(&double, Config::default());
    let mut client = Client::open(&hub, "a");
    client.ping(1);
    client.pings.as_ref().unwrap().send(Err(Status::internal("not a message"))).unwrap();
    assert_eq!(client.next().await.unwrap(), (1, 10));
    assert_eq!(client.next().await.unwrap_err().message(), "not a message");
    assert!(client.ended().await);
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_not_pinged_for() {
    let double = Double::with_leases(&[1]);
    let hub = start(&double, Config::default());
    let mut client = Client::open(&hub, "a");
    client.ping(1);
    client.next().await.unwrap();
    sleep(Duration::from_secs(3600)).await;
    double.lose_all();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(double.pings(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_stream_is_reopened_unnoticed() {
    let double = Double::with_leases(&[1]);
    let hub = start(&double, Config::default());
    let mut client = Client::open(&hub, "a");
    client.ping(1);
    client.next().await.unwrap();
    double.with(|state| state.down = Some(Status::unavailable("down")));
    double.lose_all();
    sleep(Duration::from_secs(1)).await;
    client.ping(1);
    assert!(timeout(Duration::from_secs(3), client.answers.next()).await.is_err());
    double.with(|state| state.down = None);
    assert_eq!(client.next().await.unwrap(), (1, 10));
    assert!(hub.counters().reopens.get() > 1);
}

#[tokio::test(start_paused = true)]
async fn without_an_upstream_a_ping_ends_with_unavailable_when_its_client_can_wait_no_more() {
    let double = Double::default();
    double.with(|state| state.down = Some(Status::unavailable("no etcd member can be reached")));
    let hub = start(&double, Config::default());
    let mut client = Client::open(&hub, "a");
    client.ping(1);
    let started = tokio::time::Instant::now();
    let end = client.next().await.unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::Unavailable, "no etcd member can be reached"));
    assert_eq!(started.elapsed().as_secs(), 5);
    assert!(client.ended().await);
}

#[tokio::test(start_paused = true)]
async fn etcds_refusal_reaches_whom_it_concerns() {
    let double = Double::with_leases(&[1, 2]);
    double.with(|state| state.refused.insert(1, Status::permission_denied("etcdserver: permission denied")));
    let hub = start(&double, Config::default());
    let (mut refused, mut other) = (Client::open(&hub, "a"), Client::open(&hub, "a"));
    refused.ping(1);
    other.ping(2);
    assert_eq!(refused.next().await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(other.next().await.unwrap(), (2, 10));
}

#[tokio::test(start_paused = true)]
async fn callers_have_streams_of_their_own() {
    let double = Double::with_leases(&[1]);
    let hub = start(&double, Config::default());
    for token in ["a", "b"] {
        let mut client = Client::open(&hub, token);
        client.ping(1);
        client.next().await.unwrap();
    }
    let expected = BTreeMap::from(["a", "b"].map(|token| (token.to_owned(), vec![1])));
    assert_eq!(double.with(|state| state.pings.clone()), expected);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_answers_is_not_read() {
    let double = Double::with_leases(&[]);
    let hub = start(&double, Config { max_pending: 10, ..Config::default() });
    double.with(|state| state.hung = true);
    let mut client = Client::open(&hub, "a");
    for lease in 0..100 {
        client.ping(lease);
    }
    assert!(client.answers.next().now_or_never().is_none());
    sleep(Duration::from_millis(1)).await;
    assert!(client.answers.next().now_or_never().is_none());
    assert_eq!(hub.counters().pings_received.get(), 10);
    double.with(|state| state.hung = false);
    client.ping(100);
    for lease in 0..=100 {
        assert_eq!(client.next().await.unwrap(), (lease, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_stream() {
    let double = Double::with_leases(&[1]);
    let hub = start(&double, Config::default());
    let mut client = Client::with_timeout(&hub, "a", Some(Duration::from_secs(2)));
    client.ping(1);
    client.next().await.unwrap();
    assert_eq!(client.next().await.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(client.ended().await);
}

#[tokio::test(start_paused = true)]
async fn a_closed_hub_ends_its_streams_and_its_worker() {
    let double = Double::with_leases(&[1]);
    let (hub, worker) = LeaseHub::new(Config::default(), double);
    let worker = tokio::spawn(worker.run());
    let mut client = Client::open(&hub, "a");
    client.ping(1);
    client.next().await.unwrap();
    hub.close();
    assert_eq!(client.next().await.unwrap_err().message(), "etcdserver: server stopped");
    worker.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_hub_forgets_and_sleeps() {
    let double = Double::with_leases(&[1]);
    let hub = start(&double, Config::default());
    let mut client = Client::open(&hub, "a");
    client.ping(1);
    client.next().await.unwrap();
    assert_eq!(hub.counters().remembered_leases.get(), 1);
    drop(client);
    sleep(Duration::from_secs(120)).await;
    let counters = hub.counters();
    assert_eq!((counters.remembered_leases.get(), counters.upstream_streams.get()), (0, 0));
    assert_eq!(hub.shared.take_actions().1, None, "nothing is due any more");
}
