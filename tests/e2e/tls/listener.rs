//! What a TLS listener speaks, and what it bears.

use std::path::Path;
use std::time::Duration;

use e2e::certificates::Wish;
use e2e::process::allow_descriptors;
use e2e::{Authority, Cluster, Proxy, SOON, Shape, eventually, http1, metrics, ports, tls};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, NamedGroup};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::{assert_good, etcdctl, flag, serving, started};

const SILENT: usize = 1_000;
/// As many handshakes as there may be at once.
const UNDER_WAY: usize = 4_096;
/// Enough for tests that hold more connections than that.
const SILENT_DESCRIPTORS: u64 = 3 * UNDER_WAY as u64;

async fn tls_proxy(cluster: &Cluster, authority: &Authority, more: &[String]) -> Proxy {
    let server = authority.server("server");
    let own = vec![flag("cert-file", &server.cert), flag("key-file", &server.key)];
    started(&cluster.endpoints(), &[own, more.to_vec()].concat()).await
}

#[tokio::test]
async fn http_1_and_http_2_are_spoken_on_one_port() {
    let authority = Authority::new("http");
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = tls_proxy(&cluster, &authority, &[]).await;
    for (offered, agreed) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        let stream =
            tls::connect(proxy.address(), authority.file(), None, offered).await.expect("a connection");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed.as_bytes()));
    }
    let is_well = |page: &String| {
        page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("{\"health\":\"true\",\"reason\":\"\"}")
    };
    eventually("a page", SOON, async || {
        tls::get(proxy.address(), authority.file(), None, "/health").await.ok().filter(is_well)
    })
    .await;
    let written = tls::post(
        proxy.address(),
        authority.file(),
        None,
        "/v3/kv/put",
        "{\"key\":\"YQ==\",\"value\":\"MQ==\"}",
    );
    let written = written.await.expect("an answer");
    assert!(written.starts_with("HTTP/1.1 200 OK\r\n") && written.contains("\"revision\""), "{written}");
    let metrics = tls::get(proxy.address(), authority.file(), None, "/metrics").await.expect("a page");
    assert!(metrics.contains("etcd_server_has_leader"), "a member's metrics pass through");
}

/// curl with no option but the authority, over whatever it prefers.
#[tokio::test]
async fn plain_curl_reads_a_page() {
    let authority = Authority::new("curl");
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = tls_proxy(&cluster, &authority, &[]).await;
    for more in [&[][..], &["--http1.1"]] {
        let curl = async || {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--cacert"]).arg(authority.file()).args(more);
            curl.arg(format!("https://{}/health", proxy.address())).output().await
        };
        if curl().await.is_err() {
            println!("there is no curl on this machine: its two protocols are tested above");
            return;
        }
        // etcd has a second to say that it is well.
        eventually("curl reads a page", SOON, async || {
            let output = curl().await.expect("a curl that runs");
            let said = [output.stdout, output.stderr].concat();
            (said == b"{\"health\":\"true\",\"reason\":\"\"}").then_some(())
        })
        .await;
    }
}

/// Whatever is plain is turned away, and nobody notices.
#[tokio::test]
async fn plain_text_on_a_tls_port_is_closed() {
    let authority = Authority::new("plain-text");
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = tls_proxy(&cluster, &authority, &[]).await;
    assert_eq!(http1::get(proxy.address(), "/health").await, None);
    let ended = e2e::Etcdctl::of(proxy.address()).flag("--command-timeout=1s").run(&["get", "a"]).await;
    assert_ne!(ended.code, 0);
    assert_good(&etcdctl(proxy.address(), &authority, None).run(&["put", "a", "1"]).await, "OK\n");
}

/// Those who connect and say nothing keep nobody waiting, and are let go in etcd's 10 seconds.
#[tokio::test]
async fn a_thousand_silent_connections_do_no_harm() {
    allow_descriptors(SILENT_DESCRIPTORS);
    let authority = Authority::new("silent");
    let cluster = Cluster::start(Shape::single()).await;
    let metrics_addr = format!("127.0.0.1:{}", ports::free_port());
    let proxy = tls_proxy(&cluster, &authority, &[format!("--metrics-addr=http://{metrics_addr}")]).await;
    let mut silent = Vec::new();
    for _ in 0..SILENT {
        silent.push(TcpStream::connect(proxy.address()).await.expect("a connection"));
    }
    let sum = async |name: &str| metrics::sum_at(&metrics_addr, "/proxy/metrics", name, &[]).await;
    let label = "reason=\"timeout\"";
    let name = "etcd_grpc_proxy_tls_handshake_failures_total";
    let timeouts = async || metrics::sum_at(&metrics_addr, "/proxy/metrics", name, &[label]).await;
    // On a slow machine the first are let go before the last are there.
    eventually("all of them are waited for", SOON, async || {
        let pending = sum("etcd_grpc_proxy_tls_handshakes_pending").await;
        (pending + timeouts().await >= SILENT as f64).then_some(())
    })
    .await;
    let begun = std::time::Instant::now();
    assert_good(&etcdctl(proxy.address(), &authority, None).run(&["put", "a", "1"]).await, "OK\n");
    tls::get(proxy.address(), authority.file(), None, "/health").await.expect("a page");
    println!("served in {:?} beside {SILENT} silent connections", begun.elapsed());
    for stream in &mut silent {
        let closed = tokio::time::timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
        assert!(closed.is_ok(), "a silent connection is closed");
    }
    // A connection is closed before it is counted.
    eventually("all of them are counted", SOON, async || (timeouts().await >= SILENT as f64).then_some(()))
        .await;
    eventually("nobody is waited for", SOON, async || {
        (sum("etcd_grpc_proxy_tls_handshakes_pending").await < 1.0).then_some(())
    })
    .await;
}

/// Handshakes under way are bounded in number too: those who say nothing make room, the oldest first.
#[tokio::test]
async fn more_silent_connections_than_may_be_under_way_do_no_harm() {
    allow_descriptors(SILENT_DESCRIPTORS);
    let authority = Authority::new("crowd");
    let cluster = Cluster::start(Shape::single()).await;
    let metrics_addr = format!("127.0.0.1:{}", ports::free_port());
    let proxy = tls_proxy(&cluster, &authority, &[format!("--metrics-addr=http://{metrics_addr}")]).await;
    let sum = async |name: &str, labels: &[&str]| {
        metrics::sum_at(&metrics_addr, "/proxy/metrics", name, labels).await
    };
    let crowded = async || sum("etcd_grpc_proxy_tls_handshake_failures_total", &["reason=\"crowded\""]).await;
    let mut silent = std::collections::VecDeque::new();
    // On a slow machine some are let go for their time before there are enough of them.
    for opened in 0..10 * UNDER_WAY {
        silent.push_back(TcpStream::connect(proxy.address()).await.expect("a connection"));
        // Those whom the proxy has sent away need no place here.
        silent.drain(..silent.len().saturating_sub(UNDER_WAY + SILENT));
        if opened > UNDER_WAY && opened % 100 == 0 && crowded().await > 0.0 {
            break;
        }
    }
    eventually("the oldest have made room", SOON, async || (crowded().await > 0.0).then_some(())).await;
    assert!(sum("etcd_grpc_proxy_tls_handshakes_pending", &[]).await <= UNDER_WAY as f64);
    assert_good(&etcdctl(proxy.address(), &authority, None).run(&["put", "a", "1"]).await, "OK\n");
    tls::get(proxy.address(), authority.file(), None, "/health").await.expect("a page");
    let mut oldest = silent.pop_front().expect("a connection");
    assert!(tokio::time::timeout(SOON, oldest.read_to_end(&mut Vec::new())).await.is_ok(), "it is closed");
}

/// What the flags choose is what a handshake settles on.
#[tokio::test]
async fn versions_suites_and_curves_are_those_of_the_flags() {
    let authority = Authority::new("chosen");
    let cluster = Cluster::start(Shape::single()).await;
    let old = [
        "--tls-max-version=TLS1.2",
        "--listen-cipher-suites=TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "--tls-curve-preferences=P-384",
    ];
    let proxy = tls_proxy(&cluster, &authority, &old.map(str::to_owned)).await;
    let stream = tls::connect(proxy.address(), authority.file(), None, &["h2"]).await.expect("a connection");
    let session = stream.get_ref().1;
    let suite = session.negotiated_cipher_suite().expect("a suite").suite();
    assert_eq!(suite, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    let group = session.negotiated_key_exchange_group().expect("a group").name();
    assert_eq!(group, NamedGroup::secp384r1);
    let speaking = async |version, proxy: &Proxy| {
        tls::connect_speaking(&[version], proxy.address(), authority.file(), None, &["h2"]).await.is_ok()
    };
    assert!(speaking(&TLS12, &proxy).await && !speaking(&TLS13, &proxy).await);
    assert_good(&etcdctl(proxy.address(), &authority, None).run(&["put", "a", "1"]).await, "OK\n");
    drop(proxy);
    let new =
        ["--tls-min-version=TLS1.3".to_owned(), "--tls-curve-preferences=X25519MLKEM768,P-256".to_owned()];
    let proxy = tls_proxy(&cluster, &authority, &new).await;
    assert!(!speaking(&TLS12, &proxy).await && speaking(&TLS13, &proxy).await);
    assert_good(&etcdctl(proxy.address(), &authority, None).run(&["get", "a"]).await, "a\n1\n");
}

/// The second address asks for certificates as the first does, with either kind of list and in either way to read it.
#[tokio::test]
async fn the_second_address_looks_up_every_kind_of_list() {
    let authority = Authority::new("lists");
    let cluster = Cluster::start(Shape::single()).await;
    let good = authority.client("good", &Wish { serial: 7, ..Wish::default() });
    let revoked = authority.client("revoked", &Wish { serial: 9, ..Wish::default() });
    let list = authority.revokes(&[9]);
    let forms =
        [authority.write("list.der", list.der()), authority.write("list.pem", list.pem().expect("PEM"))];
    let address = format!("127.0.0.1:{}", ports::free_port());
    for (form, mode) in forms.iter().flat_map(|form| [(form, "etcd"), (form, "strict")]) {
        let more = vec![
            format!("--metrics-addr=https://{address}"),
            flag("client-crl-file", form),
            format!("--client-crl-mode={mode}"),
        ];
        let flags = [serving(&authority.server("server"), &authority), more].concat();
        let _proxy = started(&cluster.endpoints(), &flags).await;
        let get = async |own| tls::get(&address, authority.file(), Some(own), "/proxy/health").await;
        assert!(get(&good).await.expect("a page").starts_with("HTTP/1.1 "), "{form:?} {mode}");
        assert!(get(&revoked).await.is_err(), "{form:?} {mode}");
    }
}

/// A drain does not wait for handshakes.
#[tokio::test]
async fn a_drain_does_not_wait_for_handshakes() {
    let authority = Authority::new("drain");
    let cluster = Cluster::start(Shape::single()).await;
    let mut proxy = tls_proxy(&cluster, &authority, &["--drain-timeout=1h".to_owned()]).await;
    let _silent = TcpStream::connect(proxy.address()).await.expect("a connection");
    proxy.terminate();
    assert!(proxy.end().await.success());
}

#[tokio::test]
async fn the_second_address_may_have_a_certificate_of_its_own() {
    let (authority, of_metrics) = (Authority::new("of-clients"), Authority::new("of-metrics"));
    let cluster = Cluster::start(Shape::single()).await;
    let own = authority.client("client", &Wish::default());
    let address = format!("127.0.0.1:{}", ports::free_port());
    let metrics = of_metrics.server("metrics");
    let base = [
        serving(&authority.server("server"), &authority),
        vec![
            format!("--metrics-addr=https://{address}"),
            flag("metrics-cert-file", &metrics.cert),
            flag("metrics-key-file", &metrics.key),
        ],
    ]
    .concat();
    let revoked = authority.client("revoked", &Wish { serial: 9, ..Wish::default() });
    let list = authority.write("revoked.crl", authority.revokes(&[9]).der());
    let base = [base, vec![flag("client-crl-file", &list)]].concat();
    let get = async |ca: &Path, own| tls::get(&address, ca, own, "/proxy/health").await;
    let proxy = started(&cluster.endpoints(), &base).await;
    assert!(get(of_metrics.file(), Some(&own)).await.expect("a page").starts_with("HTTP/1.1 "));
    assert!(get(authority.file(), Some(&own)).await.is_err(), "the clients' certificate is not shown there");
    assert!(get(of_metrics.file(), None).await.is_err(), "a certificate is asked for");
    assert!(get(of_metrics.file(), Some(&revoked)).await.is_err(), "and looked up in the list");
    assert_good(&etcdctl(proxy.address(), &authority, Some(&own)).run(&["put", "a", "1"]).await, "OK\n");
    drop(proxy);
    let open = [base, vec!["--metrics-client-cert-auth=off".to_owned()]].concat();
    let proxy = started(&cluster.endpoints(), &open).await;
    assert!(get(of_metrics.file(), None).await.expect("a page").starts_with("HTTP/1.1 "));
    let refused =
        etcdctl(proxy.address(), &authority, None).flag("--command-timeout=1s").run(&["get", "a"]).await;
    assert_ne!(refused.code, 0, "clients still have to show one");
}

/// Whoever holds connections to the pages open without a handshake keeps nobody from them.
#[tokio::test]
async fn the_pages_are_served_beside_silent_connections() {
    let authority = Authority::new("pages");
    let cluster = Cluster::start(Shape::single()).await;
    let address = format!("127.0.0.1:{}", ports::free_port());
    let _proxy = tls_proxy(&cluster, &authority, &[format!("--metrics-addr=https://{address}")]).await;
    let mut silent = Vec::new();
    for _ in 0..600 {
        silent.push(TcpStream::connect(&address).await.expect("a connection"));
    }
    let page =
        tokio::time::timeout(Duration::from_secs(8), tls::get(&address, authority.file(), None, "/livez"));
    assert!(page.await.expect("before the silent ones are let go").expect("a page").starts_with("HTTP/1.1 "));
}
