//! Whatever one client sends, it gets a clear answer and nobody else notices.

use std::time::Duration;

use bytes::Bytes;
use e2e::raw::frame;
use e2e::{Cluster, Pair, Proxy, RawConnection, Shape, eventually, http1};
use prost::Message;
use proto_gen::etcdserverpb::{RequestOp, TxnRequest};
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::requests::{get, op_txn, put, watch_key};
use crate::watch::{Watching, create_watch};

const RANGE: &str = "/etcdserverpb.KV/Range";
const WATCH: &str = "/etcdserverpb.Watch/Watch";
const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";
const CANCELLED: usize = 10_000;
const CONCURRENT: usize = 2_000;

async fn cluster_and_proxy() -> (Cluster, Proxy) {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    (cluster, proxy)
}

/// A neighbour with a call and a watch under way, who must not notice anything.
struct Neighbour {
    client: e2e::Client,
    watching: Watching,
}

impl Neighbour {
    async fn of(proxy: &Proxy) -> Self {
        let client = proxy.client();
        let (watching, _) = create_watch(&client, watch_key("neighbour", 0)).await;
        Self { client, watching }
    }

    /// Writes over and over while something else happens; none of the writes may fail.
    async fn is_unaffected_during(&mut self, burst: impl Future<Output = ()>) {
        let mut burst = std::pin::pin!(burst);
        let (mut kv, mut writes) = (self.client.kv(), 0);
        loop {
            tokio::select! {
                () = &mut burst => break,
                written = kv.put(put("another", "1")) => { written.expect("a neighbour's write"); }
            }
            writes += 1;
        }
        println!("{writes} writes of a neighbour meanwhile");
        self.is_unaffected().await;
    }

    async fn is_unaffected(&mut self) {
        self.client.kv().put(put("neighbour", "1")).await.expect("the neighbour writes");
        assert_eq!(self.watching.next().await.events.len(), 1, "the neighbour's watch goes on");
    }
}

#[tokio::test]
async fn garbage_bytes() {
    let (_cluster, proxy) = cluster_and_proxy().await;
    let mut neighbour = Neighbour::of(&proxy).await;
    let garbage: Vec<u8> =
        (0..100_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in
        [&b"\0\0\0\0\0\0"[..], b"\x16\x03\x01\x02\0\x01\0", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", &garbage]
    {
        // Closed with or without a word: both are clear.
        let _ = send_and_close(proxy.address(), bytes).await;
        neighbour.is_unaffected().await;
    }
}

/// Sends, says that there is no more, and reads until the peer closes too.
async fn send_and_close(address: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    let mut answer = Vec::new();
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    e2e::soon("the peer closes", stream.read_to_end(&mut answer)).await?;
    Ok(answer)
}

#[tokio::test]
async fn http1_on_grpc_paths() {
    let (_cluster, proxy) = cluster_and_proxy().await;
    let mut neighbour = Neighbour::of(&proxy).await;
    let address = proxy.address();
    for (method, path) in [("GET", RANGE), ("POST", RANGE), ("PUT", "/nothing"), ("BREW", "/")] {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\nConnection: close\r\n\r\n\0\0\0\0\0"
        );
        let answer = http1::exchange(address, request.as_bytes()).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status: u16 =
            answer.split_whitespace().nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        assert!((400..600).contains(&status) || answer.contains("grpc-status"), "{method} {path}: {answer}");
        neighbour.is_unaffected().await;
    }
}

#[tokio::test]
async fn oversized_frames() {
    let (_cluster, proxy) = cluster_and_proxy().await;
    let mut neighbour = Neighbour::of(&proxy).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let headers_of_16_mib = b"\xff\xff\xff\x01\x04\0\0\0\x01";
    let settings_of_5_bytes = b"\0\0\x05\x04\0\0\0\0\0\0\0\0\0\0";
    for frame in [&headers_of_16_mib[..], settings_of_5_bytes] {
        let answer = send_and_close(proxy.address(), &[preface, frame].concat()).await;
        assert!(
            answer.is_err() || has_goaway(&answer.unwrap()),
            "the connection is ended by GOAWAY or a reset"
        );
        neighbour.is_unaffected().await;
    }
}

/// Walks over the frames of an HTTP/2 connection.
fn has_goaway(mut bytes: &[u8]) -> bool {
    while bytes.len() >= 9 {
        let length = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
        if bytes[3] == 7 {
            return true;
        }
        bytes = bytes.get(9 + length..).unwrap_or_default();
    }
    false
}

/// A gRPC frame that lies about its length, one that is cut off, one that claims to be compressed, none at all.
#[tokio::test]
async fn broken_messages() {
    let pair = Pair::start(Shape::single()).await;
    let mut neighbour = Neighbour::of(&pair.proxy).await;
    pair.compare(async |seen, side| {
        let raw = RawConnection::connect(&side.address).await;
        for path in [RANGE, WATCH, KEEP_ALIVE, "/etcdserverpb.Auth/UserList", "/v3lockpb.Lock/Lock"] {
            for (what, body) in broken_bodies() {
                let what = format!("{path}, {what}");
                seen.note(&what, is_refused(&raw, path, body).await);
                let answer = raw.call(RANGE, &[], frame(&get("a").encode_to_vec())).await.expect("an answer");
                assert_eq!(answer.grpc().0.as_deref(), Some("0"), "the connection lives after {what}");
            }
        }
    })
    .await;
    neighbour.is_unaffected().await;
}

fn broken_bodies() -> [(&'static str, Bytes); 4] {
    [
        ("4 GiB announced", Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])),
        ("cut off", Bytes::from_static(&[0, 0, 0, 0, 100, 1, 2])),
        ("compressed by nothing", Bytes::from_static(&[1, 0, 0, 0, 2, 1, 2])),
        ("nothing", Bytes::new()),
    ]
}

/// `None` if the call goes on, as a half-closed watch may.
async fn is_refused(raw: &RawConnection, path: &str, body: Bytes) -> Option<bool> {
    let patience = Duration::from_secs(10);
    let answer = tokio::time::timeout(patience, raw.call(path, &[], body)).await.ok()?;
    Some(
        answer
            .map_or_else(|error| error.is_reset(), |answer| answer.grpc().0.is_some_and(|code| code != "0")),
    )
}

#[tokio::test]
async fn another_content_type() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(async |seen, side| {
        let raw = RawConnection::connect(&side.address).await;
        let answer = raw.call_as("application/octet-stream", RANGE, frame(b"")).await;
        let refused = |answer: e2e::raw::RawAnswer| {
            answer.status >= 400 || answer.grpc().0.is_some_and(|code| code != "0")
        };
        seen.note("refused", answer.map_or_else(|error| error.is_reset(), refused));
    })
    .await;
}

#[tokio::test]
async fn a_transaction_with_an_operation_of_no_kind() {
    let (_cluster, proxy) = cluster_and_proxy().await;
    let mut neighbour = Neighbour::of(&proxy).await;
    let empty = || TxnRequest { success: vec![RequestOp::default()], ..Default::default() };
    let nested = TxnRequest { failure: vec![op_txn(empty())], ..Default::default() };
    for txn in [empty(), nested] {
        let status = proxy.client().kv().txn(txn).await.expect_err("a refusal");
        assert_eq!(
            (status.code(), status.message()),
            (tonic::Code::InvalidArgument, "etcdserver: key not found")
        );
        neighbour.is_unaffected().await;
    }
}

#[tokio::test]
async fn a_burst_of_cancelled_streams() {
    let (_cluster, proxy) = cluster_and_proxy().await;
    let mut neighbour = Neighbour::of(&proxy).await;
    let raw = RawConnection::connect(proxy.address()).await;
    let request = frame(&get("cancelled").encode_to_vec());
    let burst = async {
        for _ in 0..CANCELLED {
            let (answer, mut stream) = raw.open(RANGE, &[]).await;
            stream.send_data(request.clone(), true).expect("a request");
            tokio::task::yield_now().await;
            stream.send_reset(h2::Reason::CANCEL);
            drop(answer);
        }
    };
    neighbour.is_unaffected_during(burst).await;
    let answer = raw.call(RANGE, &[], request).await.expect("the same connection still works");
    assert_eq!(answer.grpc().0.as_deref(), Some("0"));
}

/// The same by a client library, which cancels calls whose caller has lost patience.
#[tokio::test]
async fn a_burst_of_calls_whose_callers_went_away() {
    let (_cluster, proxy) = cluster_and_proxy().await;
    let mut neighbour = Neighbour::of(&proxy).await;
    let client = proxy.client();
    client.kv().range(get("a")).await.expect("a connection");
    let burst = async {
        for round in 0..CANCELLED / 100 {
            let calls: JoinSet<_> = (0..100).map(|_| impatient(client.clone(), round)).collect();
            calls.join_all().await;
        }
    };
    neighbour.is_unaffected_during(burst).await;
    client.kv().range(get("a")).await.expect("the same connection still works");
}

async fn impatient(client: e2e::Client, round: usize) {
    let patience = Duration::from_micros(u64::try_from(round % 20).expect("small") * 100);
    let _ = tokio::time::timeout(patience, client.kv().range(get("cancelled"))).await;
}

#[tokio::test]
async fn two_thousand_concurrent_streams() {
    let (cluster, proxy) = cluster_and_proxy().await;
    let mut neighbour = Neighbour::of(&proxy).await;
    let client = proxy.client();
    let opening: JoinSet<_> = (0..CONCURRENT).map(|_| opened(client.clone())).collect();
    let mut streams = opening.join_all().await;
    cluster.member(0).client().kv().put(put("crowd", "1")).await.expect("a write");
    for watching in &mut streams {
        assert_eq!(watching.next().await.events.len(), 1, "everyone is told");
    }
    client.kv().range(get("crowd")).await.expect("a call among them");
    neighbour.is_unaffected().await;
}

async fn opened(client: e2e::Client) -> Watching {
    create_watch(&client, watch_key("crowd", 0)).await.0
}

#[tokio::test]
async fn silent_connections() {
    let (_cluster, proxy) = cluster_and_proxy().await;
    let mut neighbour = Neighbour::of(&proxy).await;
    let mut silent = Vec::new();
    for _ in 0..500 {
        silent.push(TcpStream::connect(proxy.address()).await.expect("a connection"));
    }
    proxy.client().kv().range(get("a")).await.expect("a newcomer is served");
    neighbour.is_unaffected().await;
}

#[tokio::test]
async fn the_limit_of_concurrent_streams_is_in_the_settings() {
    let cluster = Cluster::start(Shape::single()).await;
    let limited = Proxy::start(&cluster.endpoints(), &["--max-concurrent-streams=7"]).await;
    let raw = RawConnection::connect(limited.address()).await;
    eventually("SETTINGS say 7", e2e::SOON, async || (raw.max_concurrent_streams() == 7).then_some(())).await;
    let unlimited = Proxy::start(&cluster.endpoints(), &[]).await;
    let raw = RawConnection::connect(unlimited.address()).await;
    raw.call(RANGE, &[], frame(&get("a").encode_to_vec())).await.expect("an answer");
    assert!(raw.max_concurrent_streams() > CONCURRENT, "{}", raw.max_concurrent_streams());
}

#[tokio::test]
async fn limits_of_message_sizes_apply() {
    let cluster = Cluster::start(Shape::single().flag("--max-request-bytes=12582912")).await;
    let flags = ["--max-send-bytes=4000000", "--max-recv-bytes=5000000"];
    let limited = Proxy::start(&cluster.endpoints(), &flags).await;
    let client = limited.client();
    let large = |size: usize| {
        let mut request = put("large", "");
        request.value = vec![b'x'; size].into();
        request
    };
    client.kv().put(large(3_900_000)).await.expect("within the limit");
    let refused = client.kv().put(large(4_100_000)).await.expect_err("a little beyond the limit");
    let said = (refused.code(), refused.message());
    assert_eq!(said, (tonic::Code::InvalidArgument, "etcdserver: request is too large"));
    let refused = client.kv().put(large(9_000_000)).await.expect_err("far beyond the limit");
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused:?}");
    cluster.member(0).client().kv().put(large(6_000_000)).await.expect("etcd takes it");
    let refused = client.kv().range(get("large")).await.expect_err("an answer beyond the limit");
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused:?}");
}
