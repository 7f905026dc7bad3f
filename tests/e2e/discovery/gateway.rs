//! The gateway finds its endpoints by DNS, with priorities and weights as RFC 2782 means them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::{Cluster, Dns, Gateway, Shape, eventually, patience::SOON, ports, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Forward, flags, service};
use crate::requests::{get, put};

/// A server that says a byte to each who comes, and counts them.
struct Greeter {
    address: String,
    greeted: Arc<AtomicUsize>,
    work: JoinHandle<()>,
}

impl Greeter {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let greeted = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&greeted);
        let work = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = stream.write_all(b"!").await;
            }
        });
        Self { address, greeted, work }
    }

    fn greeted(&self) -> usize {
        self.greeted.load(Ordering::Relaxed)
    }

    fn record(&self, priority: u16, weight: u16, host: &str) -> String {
        service("etcd-client", priority, weight, host, &self.address)
    }
}

impl Drop for Greeter {
    fn drop(&mut self) {
        self.work.abort();
    }
}

async fn greeted(gateway: &Gateway) -> bool {
    let mut stream = TcpStream::connect(gateway.address()).await.expect("a connection");
    matches!(soon("a greeting", stream.read(&mut [0; 1])).await, Ok(1))
}

async fn started(dns: &Dns, more: &[&str]) -> Gateway {
    let flags = flags(dns);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Gateway::start("127.0.0.1:1", &flags).await
}

#[tokio::test]
async fn priorities_and_weights_are_those_of_the_rfc() {
    let (heavy, light, spare) = (Greeter::start().await, Greeter::start().await, Greeter::start().await);
    let records = [heavy.record(1, 30, "heavy"), light.record(1, 10, "light"), spare.record(2, 100, "spare")];
    let dns = Dns::start(&records.concat()).await;
    let gateway = started(&dns, &["--insecure-discovery", "--retry-delay=1h"]).await;
    for _ in 0..400 {
        assert!(greeted(&gateway).await);
    }
    // Five standard deviations about 300.
    assert!((255..=345).contains(&heavy.greeted()), "{} of 400", heavy.greeted());
    assert_eq!((heavy.greeted() + light.greeted(), spare.greeted()), (400, 0));
    let gone = [heavy.address.clone(), light.address.clone()];
    drop((heavy, light));
    eventually("those of the next priority take over", SOON, async || greeted(&gateway).await.then_some(()))
        .await;
    for _ in 0..20 {
        assert!(greeted(&gateway).await);
    }
    assert!(spare.greeted() >= 20);
    let named = |address: &String| {
        let port = address.rsplit_once(':').expect("host:port").1;
        gateway.log().iter().any(|line| {
            let address = line["address"].as_str().unwrap_or_default();
            line["msg"] == "deactivated endpoint" && address.ends_with(port)
        })
    };
    eventually("one of those that have gone is named in the log", SOON, async || {
        gone.iter().any(&named).then_some(())
    })
    .await;
}

#[tokio::test]
async fn endpoints_come_and_go_with_their_records() {
    let (old, new) = (Greeter::start().await, Greeter::start().await);
    let mut dns = Dns::start(&old.record(0, 0, "old")).await;
    let gateway = started(&dns, &["--insecure-discovery"]).await;
    assert!(greeted(&gateway).await && old.greeted() == 1);
    dns.now(&(new.record(0, 0, "new") + "old A 127.0.0.1")).await;
    eventually("the new endpoint is used", SOON, async || {
        assert!(greeted(&gateway).await);
        (new.greeted() > 0).then_some(())
    })
    .await;
    // While the DNS server changes zones, one of its processes may still answer from the old one. By chance alone
    // the old endpoint would not be left out so often.
    eventually("the old endpoint has no record any more", SOON, async || {
        let before = old.greeted();
        for _ in 0..40 {
            assert!(greeted(&gateway).await);
        }
        (old.greeted() == before).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_changes_its_address_is_found_again() {
    let cluster = Cluster::start(Shape::single()).await;
    let port = ports::free_port();
    let first = Forward::start(&format!("127.0.0.2:{port}"), cluster.member(0).address()).await;
    let mut dns = Dns::start("etcd A 127.0.0.2").await;
    let server = format!("--dns-server={}", dns.address());
    let gateway = Gateway::start(&format!("etcd.cluster.test:{port}"), &[&server]).await;
    gateway.client().kv().put(put("a", "1")).await.expect("a write");
    let _second = Forward::start(&format!("127.0.0.3:{port}"), cluster.member(0).address()).await;
    dns.now("etcd A 127.0.0.3").await;
    drop(first);
    eventually("the endpoint is found at its other address", SOON, async || {
        gateway.client().kv().range(get("a")).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_name_that_leads_to_the_gateway_later_is_not_dialled() {
    let other = Greeter::start().await;
    let port = ports::free_port();
    let elsewhere = Forward::start(&format!("127.0.0.2:{port}"), &other.address).await;
    let mut dns = Dns::start("etcd A 127.0.0.2").await;
    let server = format!("--dns-server={}", dns.address());
    let listen = format!("--listen-addr=127.0.0.1:{port}");
    let gateway = Gateway::start(&format!("etcd.cluster.test:{port}"), &[&server, &listen]).await;
    let itself = format!("127.0.0.1:{port}");
    let greeted = async || {
        let mut stream = TcpStream::connect(&itself).await.expect("a connection");
        matches!(soon("a greeting or an end", stream.read(&mut [0; 1])).await, Ok(1))
    };
    assert!(greeted().await);
    dns.now("etcd A 127.0.0.1").await;
    drop(elsewhere);
    eventually("it refuses to dial itself", SOON, async || {
        let refused = !greeted().await;
        let words = "that is where this gateway listens";
        (refused && gateway.log().iter().any(|line| line.to_string().contains(words))).then_some(())
    })
    .await;
}
