//! The end of the gateway: who is connected may finish.

use e2e::{Gateway, eventually, patience::SOON, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn carried(flags: &[&str]) -> (Gateway, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    let gateway = Gateway::start(&address, flags).await;
    let client = TcpStream::connect(gateway.address()).await.expect("a connection");
    let (server, _) = soon("the gateway dials", listener.accept()).await.expect("a connection");
    (gateway, client, server)
}

async fn closed_to_others(gateway: &Gateway) {
    eventually("the port is closed", SOON, async || TcpStream::connect(gateway.address()).await.err()).await;
}

#[tokio::test]
async fn connections_may_finish_and_then_it_ends_well() {
    let (mut gateway, mut client, mut server) = carried(&[]).await;
    gateway.signal("TERM");
    closed_to_others(&gateway).await;
    for _ in 0..10 {
        client.write_all(b"still").await.expect("a write");
        soon("it is carried", server.read_exact(&mut [0; 5])).await.expect("a read");
    }
    assert!(!gateway.has_ended());
    drop((client, server));
    assert!(gateway.end().await.success());
    let log = gateway.log();
    assert!(log.iter().any(|line| line["msg"] == "all connections ended"), "{log:?}");
}

#[tokio::test]
async fn it_waits_no_longer_than_it_was_told() {
    let (mut gateway, mut client, _server) = carried(&["--drain-timeout=100ms"]).await;
    gateway.signal("TERM");
    assert!(gateway.end().await.success());
    let said = soon("the connection ends", client.read(&mut [0; 1])).await;
    assert!(matches!(said, Ok(0) | Err(_)), "{said:?}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (mut gateway, _client, _server) = carried(&["--drain-timeout=1h"]).await;
    gateway.signal("INT");
    closed_to_others(&gateway).await;
    gateway.signal("TERM");
    assert!(gateway.end().await.success());
}
