//! Serializable reads in order, over real connections to members of our own that are not equally far.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "this is test code: a broken expectation must fail the test where it stands"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message as _;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{PutRequest, RangeRequest, RangeResponse, ResponseHeader};
use tokio::net::{TcpListener, TcpStream};
use tonic::{Code, Request, Status};
use upstream_balancer::{Cluster, Config, Endpoint, Policy, Upstream};

/// Answers every call with its revision.
struct Member {
    address: SocketAddr,
    revision: Arc<AtomicI64>,
    calls: Arc<AtomicUsize>,
}

impl Member {
    async fn start(revision: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let member = Self {
            address: listener.local_addr().unwrap(),
            revision: Arc::new(AtomicI64::new(revision)),
            calls: Arc::default(),
        };
        let (revision, calls) = (Arc::clone(&member.revision), Arc::clone(&member.calls));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&revision), Arc::clone(&calls)));
            }
        });
        member
    }

    fn endpoint(&self) -> Endpoint {
        format!("http://{}", self.address).parse().unwrap()
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, revision: Arc<AtomicI64>, calls: Arc<AtomicUsize>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        calls.fetch_add(1, Ordering::SeqCst);
        let header = ResponseHeader { revision: revision.load(Ordering::SeqCst), ..Default::default() };
        // The header is the first field of a put's answer, too.
        let message = RangeResponse { header: Some(header), ..Default::default() }.encode_to_vec();
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(message.len().try_into().unwrap());
        frame.extend_from_slice(&message);
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        stream.send_data(frame.freeze(), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        stream.send_trailers(trailers).unwrap();
    }
}

fn upstream(members: &[&Member], ordered: bool) -> Upstream {
    let (cluster, _monitor) = Cluster::new(Config {
        endpoints: members.iter().map(|member| member.endpoint()).collect(),
        tls: None,
        resolver: dns_discovery::Resolver::System,
        policy: Policy::RoundRobin,
        connections: 1,
        dial_timeout: Duration::from_secs(5),
        keepalive: None,
        max_send_bytes: 1 << 20,
        max_recv_bytes: 1 << 20,
    });
    if ordered {
        cluster.keep_order();
    }
    Upstream::new(cluster)
}

async fn read(upstream: &Upstream) -> Result<i64, Status> {
    let request = RangeRequest { key: "k".into(), serializable: true, ..Default::default() };
    Ok(upstream.range(Request::new(request)).await?.into_inner().header.unwrap().revision)
}

async fn put(upstream: &Upstream) -> i64 {
    let request = PutRequest { key: "k".into(), ..Default::default() };
    upstream.put(Request::new(request)).await.unwrap().into_inner().header.unwrap().revision
}

#[tokio::test]
async fn a_read_that_would_go_back_is_asked_of_another_member() {
    let (behind, ahead) = (Member::start(5).await, Member::start(9).await);
    let ordered = upstream(&[&behind, &ahead], true);
    let mut newest = 0;
    for _ in 0..20 {
        let revision = read(&ordered).await.unwrap();
        assert!(revision >= newest);
        newest = revision;
    }
    assert_eq!(newest, 9);
    assert!(behind.calls() > 2, "it is asked, and catches up in time");
    behind.revision.store(12, Ordering::SeqCst);
    while newest < 12 {
        newest = read(&ordered).await.unwrap();
    }
}

#[tokio::test]
async fn without_the_wish_answers_come_as_members_give_them() {
    let (behind, ahead) = (Member::start(5).await, Member::start(9).await);
    let unordered = upstream(&[&behind, &ahead], false);
    let mut revisions = Vec::new();
    for _ in 0..4 {
        revisions.push(read(&unordered).await.unwrap());
    }
    assert!(revisions.windows(2).any(|pair| pair.first() > pair.last()), "{revisions:?}");
}

#[tokio::test]
async fn where_no_member_is_far_enough_etcds_client_has_words_for_it() {
    let member = Member::start(9).await;
    let ordered = upstream(&[&member], true);
    assert_eq!(put(&ordered).await, 9);
    member.revision.store(8, Ordering::SeqCst);
    let refused = read(&ordered).await.unwrap_err();
    let words = "etcdclient: no cluster members have a revision higher than the previously received revision";
    assert_eq!((refused.code(), refused.message()), (Code::Unavailable, words));
    assert_eq!(member.calls(), 6, "a put, and five rounds");
    assert_eq!(put(&ordered).await, 8, "nothing else is held back");
    member.revision.store(9, Ordering::SeqCst);
    assert_eq!(read(&ordered).await.unwrap(), 9);
}

#[tokio::test]
async fn a_member_that_catches_up_meanwhile_is_waited_for() {
    let member = Member::start(9).await;
    let ordered = upstream(&[&member], true);
    put(&ordered).await;
    member.revision.store(8, Ordering::SeqCst);
    let (revision, calls) = (Arc::clone(&member.revision), Arc::clone(&member.calls));
    tokio::spawn(async move {
        while calls.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        revision.store(9, Ordering::SeqCst);
    });
    assert_eq!(read(&ordered).await.unwrap(), 9);
}
