//! The gateway's pages.

use e2e::{Gateway, eventually, http1, patience::SOON, ports, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn value(pages: &str, name: &str) -> Option<f64> {
    let page = http1::get(pages, "/metrics").await?;
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

async fn becomes(pages: &str, name: &str, expected: f64) {
    eventually(&format!("{name} is {expected}"), SOON, async || {
        (value(pages, name).await == Some(expected)).then_some(())
    })
    .await;
}

async fn status(pages: &str, path: &str) -> u16 {
    http1::page(pages, "GET", path).await.expect("a page").status
}

#[tokio::test]
async fn what_goes_on_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = listener.local_addr().expect("its address").to_string();
    let nobody = format!("127.0.0.1:{}", ports::free_port());
    let pages = format!("127.0.0.1:{}", ports::free_port());
    let metrics = format!("--metrics-addr=http://{pages}");
    let gateway = Gateway::start(&format!("{nobody},{endpoint}"), &[&metrics]).await;
    assert_eq!((status(&pages, "/livez").await, status(&pages, "/readyz").await), (200, 200));

    let mut client = TcpStream::connect(gateway.address()).await.expect("a connection");
    let (mut server, _) = soon("the gateway dials", listener.accept()).await.expect("a connection");
    client.write_all(b"four").await.expect("a write");
    server.read_exact(&mut [0; 4]).await.expect("a read");
    let bulk = vec![1; 8 << 20];
    let sending = tokio::spawn(async move {
        server.write_all(&bulk).await.expect("a write");
        server
    });
    let mut received = vec![0; 8 << 20];
    client.read_exact(&mut received).await.expect("a read");
    becomes(&pages, "etcd_gateway_client_sent_bytes_total", 4.0).await;
    becomes(&pages, "etcd_gateway_client_received_bytes_total", f64::from(8 << 20)).await;
    let spliced = value(&pages, "etcd_gateway_spliced_bytes_total").await.expect("a number");
    // What comes in small pieces is copied, and how it comes is the scheduler's choice.
    assert!(spliced > f64::from(1 << 20), "{spliced} bytes of bulk did not leave the kernel");
    becomes(&pages, "etcd_gateway_client_connections", 1.0).await;
    becomes(&pages, &format!("etcd_gateway_endpoint_connections{{endpoint=\"{endpoint}\"}}"), 1.0).await;
    becomes(&pages, &format!("etcd_gateway_endpoint_active{{endpoint=\"{nobody}\"}}"), 0.0).await;
    becomes(&pages, &format!("etcd_gateway_endpoint_dial_failures_total{{endpoint=\"{nobody}\"}}"), 1.0)
        .await;
    drop((client, sending.await.expect("the server")));
    becomes(&pages, "etcd_gateway_client_connections", 0.0).await;
    becomes(&pages, &format!("etcd_gateway_endpoint_connections{{endpoint=\"{endpoint}\"}}"), 0.0).await;

    drop(listener);
    let mut refused = TcpStream::connect(gateway.address()).await.expect("the gateway is there");
    let said = soon("it is refused", refused.read(&mut [0; 1])).await;
    assert!(matches!(said, Ok(0) | Err(_)), "{said:?}");
    becomes(&pages, "etcd_gateway_refused_connections_total", 1.0).await;
    assert_eq!((status(&pages, "/livez").await, status(&pages, "/readyz").await), (200, 503));
}

#[tokio::test]
async fn who_is_about_to_go_is_not_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = listener.local_addr().expect("its address").to_string();
    let pages = format!("127.0.0.1:{}", ports::free_port());
    let gateway = Gateway::start(&endpoint, &[&format!("--metrics-addr=http://{pages}")]).await;
    let _client = TcpStream::connect(gateway.address()).await.expect("a connection");
    let _server = soon("the gateway dials", listener.accept()).await.expect("a connection");
    gateway.signal("TERM");
    eventually("it is not ready", SOON, async || (status(&pages, "/readyz").await == 503).then_some(()))
        .await;
    assert_eq!(status(&pages, "/livez").await, 200);
    gateway.signal("TERM");
}
