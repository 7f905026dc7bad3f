//! Members are replaced while calls are in flight, over real connections to members of our own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "this is test code: a broken expectation must fail the test where it stands"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use upstream_balancer::{Cluster, Config, Endpoint, Lane, MessageLimit, Policy, ReceivedBody, Upstream};

/// Answers every call with its headers, and with a message and the end once it is told to.
struct Member {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    finish: Arc<Notify>,
}

impl Member {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let member = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            calls: Arc::default(),
            finish: Arc::default(),
        };
        let (connections, calls) = (Arc::clone(&member.connections), Arc::clone(&member.calls));
        let finish = Arc::clone(&member.finish);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = serve(stream, Arc::clone(&calls), Arc::clone(&finish));
                let connections = Arc::clone(&connections);
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    served.await;
                    connections.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        member
    }

    fn endpoint(&self) -> Endpoint {
        format!("http://{}", self.address).parse().unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, calls: Arc<AtomicUsize>, finish: Arc<Notify>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        calls.fetch_add(1, Ordering::SeqCst);
        let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
        let finish = Arc::clone(&finish);
        tokio::spawn(async move {
            finish.notified().await;
            // An empty gRPC message.
            stream.send_data(Bytes::from_static(&[0; 5]), true).unwrap();
        });
    }
}

fn config(members: &[&Member]) -> Config {
    Config {
        endpoints: members.iter().map(|member| member.endpoint()).collect(),
        tls: None,
        resolver: dns_discovery::Resolver::System,
        policy: Policy::Pin,
        connections: 1,
        dial_timeout: Duration::from_secs(5),
        keepalive: None,
        max_send_bytes: 1 << 20,
        max_recv_bytes: 1 << 20,
    }
}

type Answer = http::Response<MessageLimit<ReceivedBody>>;

async fn call(upstream: &Upstream) -> Answer {
    let request = http::Request::builder().uri("/service/method").body(tonic::body::Body::empty()).unwrap();
    upstream.pass_through(Lane::Bulk, request).await.expect("headers")
}

/// Waits for the message and the end.
async fn finished(answer: Answer) {
    let mut body = answer.into_body();
    let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx));
    let frame = timeout(Duration::from_secs(20), next).await.expect("no hang").expect("a frame");
    assert_eq!(frame.expect("no failure").into_data().expect("data").len(), 5);
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let poll = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(20), poll).await.is_ok(), "not within 20s: {what}");
}

#[tokio::test]
async fn a_removed_member_finishes_its_calls_and_gets_no_more_and_its_connection_ends() {
    let (old, new) = (Member::start().await, Member::start().await);
    let (cluster, _monitor) = Cluster::new(config(&[&old]));
    let upstream = Upstream::new(Arc::clone(&cluster));
    let in_flight = call(&upstream).await;
    assert!(cluster.replace(&[new.endpoint()]));
    let elsewhere = call(&upstream).await;
    assert_eq!((old.calls(), new.calls()), (1, 1));
    assert_eq!(old.connections(), 1, "a call is in flight");
    old.finish.notify_one();
    finished(in_flight).await;
    until("the connection to the removed member ends", || old.connections() == 0).await;
    new.finish.notify_one();
    finished(elsewhere).await;
    assert_eq!(new.connections(), 1, "a member that stays keeps its connection");
}

#[tokio::test]
async fn an_idle_connection_to_a_removed_member_ends_without_another_call() {
    let (old, new) = (Member::start().await, Member::start().await);
    let (cluster, _monitor) = Cluster::new(config(&[&old]));
    let upstream = Upstream::new(Arc::clone(&cluster));
    old.finish.notify_one();
    finished(call(&upstream).await).await;
    assert_eq!(old.connections(), 1);
    cluster.replace(&[new.endpoint()]);
    until("the idle connection ends", || old.connections() == 0).await;
}

#[tokio::test]
async fn a_member_that_stays_keeps_its_connection() {
    let (first, second) = (Member::start().await, Member::start().await);
    let (cluster, _monitor) = Cluster::new(config(&[&first]));
    let upstream = Upstream::new(Arc::clone(&cluster));
    let in_flight = call(&upstream).await;
    assert!(cluster.replace(&[second.endpoint(), first.endpoint()]));
    let another = call(&upstream).await;
    assert_eq!((first.calls(), first.connections(), second.connections()), (2, 1, 0));
    assert!(cluster.members().iter().any(|member| member.pinned && member.endpoint == first.endpoint()));
    first.finish.notify_one();
    first.finish.notify_one();
    drop((in_flight, another));
}

#[tokio::test]
async fn an_empty_list_never_replaces() {
    let member = Member::start().await;
    let (cluster, _monitor) = Cluster::new(config(&[&member]));
    assert!(!cluster.replace(&[]));
    assert_eq!(cluster.members().len(), 1);
}
