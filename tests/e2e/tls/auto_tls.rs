//! The certificate that the proxy makes for itself.

use std::path::Path;

use e2e::temp::TempDir;
use e2e::{Cluster, Etcdctl, ExistingProxy, Proxy, Shape};

use super::{assert_good, flag};

fn trusting(address: &str, cert: &Path) -> Etcdctl {
    Etcdctl::of(address).flag(&flag("cacert", cert)).flag("--command-timeout=5s")
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
