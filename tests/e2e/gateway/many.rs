//! Ten thousand connections to a real etcd, idle and busy.

use std::time::Duration;

use e2e::{Cluster, Gateway, Shape, process::allow_descriptors};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const CONNECTIONS: usize = 10_000;
/// Descriptors that are wanted for 10,000 connections, two each, and for what else the gateway has open.
const WANTED: u64 = 20_200;
/// Descriptors that are left free beside those that the gateway has open before anybody connects.
const SPARE: usize = 20;
/// Connections that are opened or asked at the same time.
const AT_ONCE: usize = 250;

const QUESTION: &[u8] = b"GET /version HTTP/1.1\r\nHost: etcd\r\n\r\n";

/// One question and its answer, on a connection that stays.
async fn ask(mut stream: TcpStream) -> TcpStream {
    stream.write_all(QUESTION).await.expect("a question");
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await.expect("an answer");
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
    stream
}

/// Asks once on each, so many at the same time.
async fn ask_all(streams: Vec<TcpStream>) -> Vec<TcpStream> {
    let mut asked = Vec::with_capacity(streams.len());
    let (mut waiting, mut under_way) = (streams.into_iter(), JoinSet::new());
    waiting.by_ref().take(AT_ONCE).for_each(|stream| drop(under_way.spawn(ask(stream))));
    while let Some(stream) = under_way.join_next().await {
        asked.push(stream.expect("a caller"));
        waiting.next().map(|stream| under_way.spawn(ask(stream)));
    }
    asked
}

/// Every connection takes two of the gateway's descriptors, and one each of the member's and of this process's. A limit
/// below that is raised where this process may, and its children inherit it; elsewhere as many are opened as the
/// limit leaves, and no less than nine tenths.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections_are_carried() {
    allow_descriptors(WANTED);
    let cluster = Cluster::start(Shape::single()).await;
    let gateway = Gateway::start(&cluster.endpoints(), &[]).await;
    let room = gateway.descriptors_left().saturating_sub(SPARE) / 2;
    let count = CONNECTIONS.min(room);
    assert!(count >= CONNECTIONS * 9 / 10, "{room} connections are all that the limit of open files leaves");
    let empty = gateway.memory();
    let all = async {
        let mut streams = Vec::with_capacity(count);
        while streams.len() < count {
            let opening = (0..AT_ONCE.min(count - streams.len()))
                .map(|_| TcpStream::connect(gateway.address().to_owned()));
            let opened: JoinSet<_> = opening.collect();
            streams.extend(opened.join_all().await.into_iter().map(|stream| stream.expect("a connection")));
        }
        let streams = ask_all(streams).await;
        let idle = gateway.memory();
        let each = idle.saturating_sub(empty) / count as u64;
        println!("{count} connections, {each} bytes of resident memory each");
        assert!(each < 16 << 10, "{each} bytes for an idle connection");
        // All of them are still there, and all of them are busy.
        let streams = ask_all(ask_all(streams).await).await;
        assert_eq!(streams.len(), count);
        let busy = gateway.memory().saturating_sub(empty) / count as u64;
        println!("after three questions on each, {busy} bytes each");
        assert!(busy < 16 << 10, "{busy} bytes for a connection that was busy");
    };
    tokio::time::timeout(Duration::from_secs(240), all).await.expect("in time");
}
