//! Files that are renewed under a running proxy.

use std::path::Path;

use e2e::certificates::Wish;
use e2e::{Authority, Cluster, Files, Proxy, SOON, Shape, eventually, metrics, ports, tls};

use super::{asking, assert_good, etcdctl, flag, started};

const FAILURES: &str = "etcd_grpc_proxy_tls_reload_failures_total";

/// A proxy whose metrics are in plain text elsewhere.
struct Watched {
    proxy: Proxy,
    metrics_addr: String,
}

impl Watched {
    async fn start(endpoints: &str, flags: &[String]) -> Self {
        let metrics_addr = format!("127.0.0.1:{}", ports::free_port());
        let flags = [flags.to_vec(), vec![format!("--metrics-addr=http://{metrics_addr}")]].concat();
        Self { proxy: started(endpoints, &flags).await, metrics_addr }
    }

    async fn count(&self, name: &str) -> f64 {
        metrics::sum_at(&self.metrics_addr, "/proxy/metrics", name, &[]).await
    }

    async fn counted(&self, name: &str, at_least: f64) {
        eventually(name, SOON, async || (self.count(name).await >= at_least).then_some(())).await;
    }

    async fn good(&self, at_least: f64) {
        self.counted("etcd_grpc_proxy_tls_reloads_total", at_least).await;
    }

    async fn bad(&self, at_least: f64) {
        self.counted(FAILURES, at_least).await;
    }

    /// Whether the listener shows a certificate of this authority.
    async fn shows(&self, authority: &Authority) -> bool {
        tls::connect(self.proxy.address(), authority.file(), None, &["h2"]).await.is_ok()
    }

    /// The same where clients have to show a certificate.
    async fn shows_to(&self, authority: &Authority, own: &Files) -> Option<()> {
        let shown = tls::connect(self.proxy.address(), authority.file(), Some(own), &["h2"]).await;
        shown.is_ok().then_some(())
    }

    async fn lets_in(&self, server: &Authority, own: &Files) -> bool {
        etcdctl(self.proxy.address(), server, Some(own)).run(&["get", "a"]).await.code == 0
    }

    /// etcdctl tries until its time is over, so it has little.
    async fn keeps_out(&self, server: &Authority, own: &Files) -> bool {
        let etcdctl = etcdctl(self.proxy.address(), server, Some(own)).flag("--command-timeout=2s");
        etcdctl.run(&["get", "a"]).await.code != 0
    }

    /// Waits until the log warns of files with an error that has this in it: what is counted is logged a moment later.
    async fn warned(&self, error: &str) {
        let told = |line: &serde_json::Value| {
            line["level"] == "warn" && line["error"].as_str().is_some_and(|text| text.contains(error))
        };
        eventually(error, SOON, async || self.proxy.log().iter().any(told).then_some(())).await;
    }
}

/// Days until the certificate in this file expires, as the metrics tell.
async fn days(watched: &Watched, file: &Path) -> f64 {
    let label = format!("file=\"{}\"", file.display());
    let name = "etcd_grpc_proxy_tls_certificate_expiry_days";
    metrics::sum_at(&watched.metrics_addr, "/proxy/metrics", name, &[&label]).await
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let cluster = Cluster::start(Shape::single()).await;
    let files = first.server("server");
    let flags = [flag("cert-file", &files.cert), flag("key-file", &files.key)];
    let watched = Watched::start(&cluster.endpoints(), &flags).await;
    assert!(watched.shows(&first).await && !watched.shows(&second).await);
    assert!((1.9..2.1).contains(&days(&watched, &files.cert).await));

    // A client that is in stays in.
    let before = etcdctl(watched.proxy.address(), &first, None);
    assert_good(&before.run(&["put", "a", "0"]).await, "OK\n");
    let mut watch = before.start(&["watch", "a", "--rev=1"]);
    for line in ["PUT", "a", "0"] {
        assert_eq!(watch.line().await.as_deref(), Some(line));
    }
    second.server("renewed").replace(&files);
    watched.good(1.0).await;
    assert!(watched.shows(&second).await && !watched.shows(&first).await);
    assert_good(&etcdctl(watched.proxy.address(), &second, None).run(&["put", "a", "1"]).await, "OK\n");
    for line in ["PUT", "a", "1"] {
        assert_eq!(watch.line().await.as_deref(), Some(line), "the watch hears");
    }

    // On a slow machine the renewal itself may have been looked at when it was half done.
    let failures = watched.count(FAILURES).await;
    std::fs::write(&files.cert, "half a certificate").expect("write a file");
    watched.bad(failures + 1.0).await;
    assert!(watched.shows(&second).await, "the last good one stays");
    watched.warned("no PEM certificate in this file").await;
    assert_eq!(watched.count(FAILURES).await, failures + 1.0, "and does so once");

    std::fs::remove_file(&files.cert).expect("remove a file");
    watched.bad(failures + 2.0).await;
    first.server("again").replace(&files);
    watched.good(2.0).await;
    assert!(watched.shows(&first).await);
}

/// SIGHUP reads everything at once, and does not end the process.
#[tokio::test]
async fn a_signal_reads_authorities_and_lists_again() {
    let (first, second) = (Authority::new("signal-first"), Authority::new("signal-second"));
    let cluster = Cluster::start(Shape::single()).await;
    let server = first.server("server");
    let list = first.write("revoked.pem", first.revokes(&[]).pem().expect("PEM"));
    let [ca_of_first, ca_of_second] =
        [&first, &second].map(|authority| std::fs::read(authority.file()).expect("a file"));
    let trusted = first.write("trusted.pem", &ca_of_first);
    let flags = [
        flag("cert-file", &server.cert),
        flag("key-file", &server.key),
        flag("trusted-ca-file", &trusted),
        flag("client-crl-file", &list),
    ];
    let watched = Watched::start(&cluster.endpoints(), &flags).await;
    let of_first = first.client("of-first", &Wish { serial: 5, ..Wish::default() });
    let of_second = second.client("of-second", &Wish::default());
    assert!(watched.lets_in(&first, &of_first).await && watched.keeps_out(&first, &of_second).await);

    first.write("trusted.pem", [ca_of_first, ca_of_second].concat());
    first.write("revoked.pem", first.revokes(&[5]).der());
    watched.proxy.signal("HUP");
    watched.good(3.0).await;
    assert!(watched.lets_in(&first, &of_second).await, "the new authority counts");
    assert!(watched.keeps_out(&first, &of_first).await, "the new list counts");

    // What is no good changes nothing, by itself or upon a signal, and each file is named.
    first.write("trusted.pem", "");
    first.write("revoked.pem", "garbage");
    std::fs::write(&server.key, "no key").expect("write a file");
    watched.proxy.signal("HUP");
    watched.bad(3.0).await;
    assert!(watched.lets_in(&first, &of_second).await && watched.keeps_out(&first, &of_first).await);
    for file in [&trusted, &list, &server.key] {
        watched.warned(&file.display().to_string()).await;
    }

    // The pair of another authority is shown as soon as the signal says so.
    second.server("other").replace(&server);
    watched.proxy.signal("HUP");
    eventually("the new certificate is shown", SOON, async || watched.shows_to(&second, &of_second).await)
        .await;
}

/// The list and the authorities are followed without a signal too.
#[tokio::test]
async fn a_renewed_list_is_noticed() {
    let authority = Authority::new("noticed");
    let cluster = Cluster::start(Shape::single()).await;
    let server = authority.server("server");
    let list = authority.write("revoked.der", authority.revokes(&[]).der());
    let trusted = authority.write("trusted.pem", std::fs::read(authority.file()).expect("a file"));
    let flags = [
        flag("cert-file", &server.cert),
        flag("key-file", &server.key),
        flag("trusted-ca-file", &trusted),
        flag("client-crl-file", &list),
    ];
    let watched = Watched::start(&cluster.endpoints(), &flags).await;
    let own = authority.client("own", &Wish { serial: 5, ..Wish::default() });
    assert!(watched.lets_in(&authority, &own).await);
    authority.write("revoked.der", authority.revokes(&[5]).der());
    watched.good(1.0).await;
    assert!(watched.keeps_out(&authority, &own).await);

    let other = Authority::new("noticed-other");
    let of_other = other.client("of-other", &Wish::default());
    assert!(watched.keeps_out(&authority, &of_other).await);
    authority.write("trusted.pem", std::fs::read(other.file()).expect("a file"));
    watched.good(2.0).await;
    assert!(watched.lets_in(&authority, &of_other).await);
    // A list that is broken is told of, and the one before stays.
    authority.write("revoked.der", "broken");
    watched.bad(1.0).await;
    assert!(watched.lets_in(&authority, &of_other).await);
}

/// The side towards etcd: a new authority and a new certificate, when the members have changed theirs.
#[tokio::test]
async fn the_side_towards_etcd_follows_its_files() {
    let (first, second) = (Authority::new("etcd-first"), Authority::new("etcd-second"));
    let server = first.server("server");
    let mut cluster = Cluster::start(Shape::single().tls(&server, &first)).await;
    let own = first.client("own", &Wish::default());
    let watched = Watched::start(&cluster.tls_endpoints(), &asking(&own, &first)).await;
    let etcdctl = e2e::Etcdctl::of(watched.proxy.address()).flag("--command-timeout=5s");
    assert_good(&etcdctl.flag("--command-timeout=15s").run(&["put", "a", "1"]).await, "OK\n");

    cluster.member_mut(0).stop().await;
    second.server("renewed").replace(&server);
    let clients_of = std::fs::read(second.file()).expect("a file");
    first.write("ca.pem", clients_of);
    second.client("renewed-own", &Wish::default()).replace(&own);
    watched.good(2.0).await;
    cluster.member_mut(0).restart();
    eventually("etcd is reached with the new files", SOON, async || {
        (etcdctl.run(&["get", "a"]).await.stdout == "a\n1\n").then_some(())
    })
    .await;

    // A certificate that names somebody is as bad as one that cannot be read.
    second.client("named", &Wish { common_name: Some("root"), ..Wish::default() }).replace(&own);
    watched.bad(1.0).await;
    watched.warned("Common Name (root)").await;
}
