//! The certificate that the proxy makes for itself.

use std::path::Path;

use e2e::temp::TempDir;
use e2e::{
    Cluster, Etcdctl, ExistingProxy, Files, Proxy, SOON, Shape, certificates, eventually, metrics, ports,
};

use super::{assert_good, flag};

fn trusting(address: &str, cert: &Path) -> Etcdctl {
    Etcdctl::of(address).flag(&flag("cacert", cert)).flag("--command-timeout=15s")
}

/// Clients verify it by the very file, under each of its names.
#[tokio::test]
async fn clients_can_verify_it() {
    let cluster = Cluster::start(Shape::single()).await;
    let dir = TempDir::new("auto-tls");
    let data = flag("data-dir", dir.path());
    let proxy = Proxy::start(&cluster.endpoints(), &["--auto-tls", &data]).await;
    let cert = dir.path().join("fixtures/proxy/cert.pem");
    assert_good(&trusting(proxy.address(), &cert).run(&["put", "a", "1"]).await, "OK\n");
    let by_name = proxy.address().replace("127.0.0.1", "localhost");
    assert_good(&trusting(&by_name, &cert).run(&["get", "a"]).await, "a\n1\n");
    let made = std::fs::read(&cert).expect("a file");
    drop(proxy);
    let proxy = Proxy::start(&cluster.endpoints(), &["--auto-tls", &data]).await;
    assert_eq!(std::fs::read(&cert).expect("a file"), made, "it is kept");
    assert_good(&trusting(proxy.address(), &cert).run(&["get", "a"]).await, "a\n1\n");
}

/// The one of the two proxies uses what the other has made, so either can take the other's place.
#[tokio::test]
async fn etcds_proxy_and_this_one_share_the_files() {
    let cluster = Cluster::start(Shape::single()).await;
    let cert = |dir: &TempDir| std::fs::read(dir.path().join("fixtures/proxy/cert.pem")).expect("a file");
    let skip = ["--insecure-transport=false", "--insecure-skip-tls-verify"];
    let any = |address: &str| skip.iter().fold(Etcdctl::of(address), |etcdctl, skip| etcdctl.flag(skip));

    let dir = TempDir::new("theirs");
    let data = flag("data-dir", dir.path());
    let theirs = ExistingProxy::start(&cluster.endpoints(), &["--auto-tls", &data]).await;
    assert_good(&any(theirs.address()).run(&["put", "a", "1"]).await, "OK\n");
    let made = cert(&dir);
    drop(theirs);
    let ours = Proxy::start(&cluster.endpoints(), &["--auto-tls", &data]).await;
    assert_good(&any(ours.address()).run(&["get", "a"]).await, "a\n1\n");
    assert_eq!(cert(&dir), made);

    let dir = TempDir::new("ours");
    let data = flag("data-dir", dir.path());
    let ours = Proxy::start(&cluster.endpoints(), &["--auto-tls", &data]).await;
    assert_good(&any(ours.address()).run(&["get", "a"]).await, "a\n1\n");
    let made = cert(&dir);
    drop(ours);
    let theirs = ExistingProxy::start(&cluster.endpoints(), &["--auto-tls", &data]).await;
    assert_good(&any(theirs.address()).run(&["get", "a"]).await, "a\n1\n");
    assert_eq!(cert(&dir), made);
}

/// A proxy that runs for years: under the one that is at its end, a new one is made, served, and told of. Clients that are in
/// stay in.
#[tokio::test]
async fn it_is_renewed_before_its_end_under_a_running_proxy() {
    let cluster = Cluster::start(Shape::single()).await;
    let dir = TempDir::new("renewed");
    let metrics_addr = format!("127.0.0.1:{}", ports::free_port());
    let flags =
        ["--auto-tls", &flag("data-dir", dir.path()), &format!("--metrics-addr=http://{metrics_addr}")];
    let proxy = Proxy::start(&cluster.endpoints(), &flags).await;
    let file = |name: &str| dir.path().join("fixtures/proxy").join(name);
    let files = Files { cert: file("cert.pem"), key: file("key.pem") };
    let days = async || {
        let name = "etcd_grpc_proxy_tls_certificate_expiry_days";
        metrics::sum_at(&metrics_addr, "/proxy/metrics", name, &[]).await
    };
    let said = |text: &str| proxy.log().iter().any(|line| line["msg"] == text);
    assert!(days().await > 300.0);
    certificates::self_signed(&files, 40);
    eventually("what is good for a while is used as it is", SOON, async || {
        (days().await < 50.0).then_some(())
    })
    .await;
    let own = std::fs::read(&files.cert).expect("a file");
    assert_good(&trusting(proxy.address(), &files.cert).run(&["put", "a", "0"]).await, "OK\n");
    let mut watch = trusting(proxy.address(), &files.cert).start(&["watch", "a", "--rev=1"]);
    for line in ["PUT", "a", "0"] {
        assert_eq!(watch.line().await.as_deref(), Some(line));
    }
    assert_eq!(std::fs::read(&files.cert).expect("a file"), own, "nobody has touched it");

    certificates::self_signed(&files, 20);
    eventually("a new one is in use", SOON, async || (days().await > 300.0).then_some(())).await;
    eventually("the log tells of it", SOON, async || {
        said("the self-signed certificate is at its end and is replaced").then_some(())
    })
    .await;
    assert_good(&trusting(proxy.address(), &files.cert).run(&["put", "a", "1"]).await, "OK\n");
    for line in ["PUT", "a", "1"] {
        assert_eq!(watch.line().await.as_deref(), Some(line), "the watch hears");
    }
}
