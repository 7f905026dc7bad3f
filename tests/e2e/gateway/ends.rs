//! How bytes get across and how connections end: whole, in order, one direction at a time.

use std::net::SocketAddr;

use e2e::{Gateway, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Enough to fill every buffer on the way several times.
const BULK: usize = 48 << 20;

/// A gateway in front of a server that the test itself is.
async fn gateway() -> (Gateway, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    (Gateway::start(&address.to_string(), &[]).await, listener)
}

async fn both_ends(gateway: &Gateway, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(gateway.address()).await.expect("a connection");
    let (server, _) = soon("the gateway dials", listener.accept()).await.expect("a connection");
    (client, server)
}

/// Bytes that repeat after no power of two, different for every seed.
fn bulk(seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let pattern: Vec<u8> = (0..65_521).map(|_| random.u8(..)).collect();
    let mut bulk = pattern.repeat(BULK / pattern.len() + 1);
    bulk.truncate(BULK);
    bulk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_crosses_whole_both_ways_at_once() {
    let (gateway, listener) = gateway().await;
    let (client, server) = both_ends(&gateway, &listener).await;
    let exchange = |stream: TcpStream, seed: u64, other: u64| async move {
        let (mut read, mut write) = stream.into_split();
        let sending = tokio::spawn(async move {
            write.write_all(&bulk(seed)).await.expect("a write");
            write.shutdown().await.expect("an end");
        });
        let mut received = Vec::with_capacity(BULK);
        read.read_to_end(&mut received).await.expect("a read");
        sending.await.expect("the sender");
        assert!(received == bulk(other), "{} bytes of {BULK}, or others", received.len());
    };
    let all = async { tokio::join!(exchange(client, 1, 2), exchange(server, 2, 1)) };
    tokio::time::timeout(std::time::Duration::from_secs(60), all).await.expect("in time");
}

/// Messages of every size about the point where copying gives way to splicing, each answered before the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_every_size_are_answered() {
    let (gateway, listener) = gateway().await;
    let (mut client, mut server) = both_ends(&gateway, &listener).await;
    let sizes =
        [1, 2, 100, 8_191, 8_192, 32_767, 32_768, 32_769, 65_536, 200_000, 1_048_576, 3_000_000, 1, 7];
    let echo = tokio::spawn(async move {
        for size in sizes.iter().cycle().take(70) {
            let mut message = vec![0; *size];
            server.read_exact(&mut message).await.expect("a message");
            server.write_all(&message).await.expect("a write");
        }
        server
    });
    let data = bulk(3);
    for (turn, size) in sizes.iter().cycle().take(70).enumerate() {
        let message = &data[turn..turn + size];
        let mut answer = vec![0; *size];
        let (mut read, mut write) = client.split();
        let both = async { tokio::join!(write.write_all(message), read.read_exact(&mut answer)) };
        let (sent, heard) = soon("an answer", both).await;
        sent.expect("a write");
        heard.expect("an answer");
        assert!(answer == message, "{size} bytes in turn {turn}");
    }
    drop(echo.await.expect("the echo"));
}

#[tokio::test]
async fn a_side_that_has_said_all_still_hears() {
    let (gateway, listener) = gateway().await;
    let (mut client, mut server) = both_ends(&gateway, &listener).await;
    client.write_all(b"question").await.expect("a write");
    client.shutdown().await.expect("an end");
    let mut question = Vec::new();
    soon("the end arrives", server.read_to_end(&mut question)).await.expect("an end, not a reset");
    assert_eq!(question, b"question");
    // etcd's gateway has closed both sides by now.
    let answer = vec![7; 4 << 20];
    server.write_all(&answer).await.expect("a write");
    drop(server);
    let mut heard = Vec::new();
    soon("the answer arrives", client.read_to_end(&mut heard)).await.expect("an end, not a reset");
    assert!(heard == answer);
}

#[tokio::test]
async fn the_server_may_have_said_all_first() {
    let (gateway, listener) = gateway().await;
    let (mut client, mut server) = both_ends(&gateway, &listener).await;
    server.shutdown().await.expect("an end");
    assert_eq!(soon("the end arrives", client.read(&mut [0; 1])).await.expect("an end"), 0);
    client.write_all(b"still here").await.expect("a write");
    drop(client);
    let mut heard = Vec::new();
    soon("the rest arrives", server.read_to_end(&mut heard)).await.expect("an end");
    assert_eq!(heard, b"still here");
}

/// What is cut short must not look complete.
#[tokio::test]
async fn a_connection_that_breaks_off_breaks_off_on_the_other_side() {
    let (gateway, listener) = gateway().await;
    for client_breaks in [true, false] {
        let (mut client, mut server) = both_ends(&gateway, &listener).await;
        // Both have heard something, so the gateway is carrying.
        client.write_all(b"x").await.expect("a write");
        server.read_exact(&mut [0; 1]).await.expect("a byte");
        server.write_all(b"y").await.expect("a write");
        client.read_exact(&mut [0; 1]).await.expect("a byte");
        let (breaking, mut other) = if client_breaks { (client, server) } else { (server, client) };
        breaking.set_zero_linger().expect("a reset instead of an end");
        drop(breaking);
        let error = soon("the reset arrives", other.read(&mut [0; 1])).await.expect_err("a reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
}

/// A reader that stops slows its writer and takes no memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_holds_up_its_writer_only() {
    let (gateway, listener) = gateway().await;
    let (mut stopped, server) = both_ends(&gateway, &listener).await;
    let before = gateway.memory();
    let writer = tokio::spawn(async move {
        let (_read, mut write) = server.into_split();
        write.write_all(&bulk(5)).await
    });
    // Everybody else goes on meanwhile.
    for _ in 0..20 {
        let (mut client, mut server) = both_ends(&gateway, &listener).await;
        client.write_all(b"ping").await.expect("a write");
        soon("a ping", server.read_exact(&mut [0; 4])).await.expect("a ping");
    }
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes for one reader that stopped");
    let mut received = Vec::with_capacity(BULK);
    stopped.read_to_end(&mut received).await.expect("all of it");
    assert!(received == bulk(5), "{} bytes", received.len());
    writer.await.expect("the writer").expect("a write");
}

/// Nobody listens there, and the answer to a connection never comes.
fn black_hole() -> (std::net::TcpListener, SocketAddr, Vec<std::net::TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    socket.listen(0).expect("listen");
    let listener = std::net::TcpListener::from(socket);
    let address = listener.local_addr().expect("its address");
    // The queue is full when a connection is not made at once.
    let patience = std::time::Duration::from_millis(300);
    let mut queued = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, patience) {
        queued.push(stream);
        assert!(queued.len() < 64, "a queue without end");
    }
    (listener, address, queued)
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_given_up() {
    let (_hole, silent, _queued) = tokio::task::spawn_blocking(black_hole).await.expect("a black hole");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let answering = listener.local_addr().expect("its address");
    let gateway = Gateway::start(&format!("{silent},{answering}"), &["--dial-timeout=200ms"]).await;
    for _ in 0..4 {
        both_ends(&gateway, &listener).await;
    }
    gateway.says("deactivated endpoint", &silent.to_string()).await;
}
