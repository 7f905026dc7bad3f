//! The proxy finds its members by DNS, and finds them again.

use e2e::{Cluster, Dns, Proxy, Shape, eventually, patience::SOON, ports};
use serde_json::Value;

use super::{Forward, flags, service};
use crate::requests::{get, put};

/// Nobody is there: whoever serves was found by DNS.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

/// The plain members under `name`.
fn services(name: &str, cluster: &Cluster, members: &[usize]) -> String {
    let one = |index: &usize| service(name, 0, 0, &format!("m{index}"), cluster.member(*index).address());
    members.iter().map(one).collect()
}

pub(crate) async fn started(dns: &Dns, endpoints: &str, more: &[&str]) -> Proxy {
    let flags = flags(dns);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    Proxy::start(endpoints, &flags).await
}

pub(crate) fn says(proxy: &Proxy, message: &str) -> Option<Value> {
    proxy.log().into_iter().find(|line| line["msg"] == message)
}

pub(crate) async fn eventually_says(proxy: &Proxy, message: &str) -> Value {
    eventually(message, SOON, async || says(proxy, message)).await
}

pub(crate) async fn serves(proxy: &Proxy, key: &str) {
    let client = proxy.client();
    client.kv().put(put(key, "value")).await.expect("a write");
    assert_eq!(client.kv().range(get(key)).await.expect("a read").into_inner().kvs.len(), 1);
}

#[tokio::test]
async fn members_are_found_by_their_domain_and_their_suffix() {
    let cluster = Cluster::start(Shape::three()).await;
    for (name, suffix) in [("etcd-client", ""), ("etcd-client-blue", "--discovery-srv-name=blue")] {
        let dns = Dns::start(&services(name, &cluster, &[0, 1, 2])).await;
        let suffix: &[&str] = if suffix.is_empty() { &[] } else { &[suffix] };
        let proxy = started(&dns, NOBODY, &[&["--insecure-discovery"], suffix].concat()).await;
        serves(&proxy, name).await;
        let line = says(&proxy, "discovered cluster from SRV").expect("etcd's line");
        let endpoints = line["endpoints"].as_array().expect("a list").len();
        assert_eq!((line["srv-server"].as_str(), endpoints), (Some("cluster.test"), 3));
    }
}

#[tokio::test]
async fn members_come_and_go_with_their_records() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let mut dns = Dns::start(&services("etcd-client", &cluster, &[0])).await;
    let proxy = started(&dns, NOBODY, &["--insecure-discovery"]).await;
    serves(&proxy, "first").await;
    dns.now(&services("etcd-client", &cluster, &[1, 2])).await;
    eventually_says(&proxy, "member added").await;
    eventually_says(&proxy, "member removed").await;
    cluster.member_mut(0).kill();
    // It may have been the leader.
    eventually("the others serve", SOON, async || proxy.client().kv().put(put("second", "value")).await.ok())
        .await;
    // What DNS does not say changes nothing.
    dns.kill();
    eventually_says(&proxy, "keeping the endpoints that were discovered before").await;
    serves(&proxy, "third").await;
}

#[tokio::test]
async fn a_member_that_changes_its_address_is_found_again() {
    let cluster = Cluster::start(Shape::single()).await;
    let port = ports::free_port();
    let first = Forward::start(&format!("127.0.0.2:{port}"), cluster.member(0).address()).await;
    let mut dns = Dns::start("etcd A 127.0.0.2").await;
    let server = format!("--dns-server={}", dns.address());
    let proxy = Proxy::start(&format!("http://etcd.cluster.test:{port}"), &[&server]).await;
    serves(&proxy, "first").await;
    let _second = Forward::start(&format!("127.0.0.3:{port}"), cluster.member(0).address()).await;
    dns.now("etcd A 127.0.0.3").await;
    drop(first);
    eventually("the member is found at its other address", SOON, async || {
        proxy.client().kv().put(put("second", "value")).await.ok()
    })
    .await;
    serves(&proxy, "third").await;
}

#[tokio::test]
async fn a_domain_without_members_is_refused_in_etcds_words() {
    let dns = Dns::start("").await;
    let mut command = std::process::Command::new(e2e::environment::proxy());
    command.env_clear().args(["start", "--listen-addr=127.0.0.1:0"]).args(flags(&dns));
    let output = command.output().expect("run the proxy");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lookup = |name: &str| format!("lookup {name}._tcp.cluster.test on {}: no such host", dns.address());
    let words = format!("dns lookup errors: {} and {}", lookup("_etcd-client-ssl"), lookup("_etcd-client"));
    assert_eq!((output.status.code(), said.lines().last()), (Some(1), Some(words.as_str())));
}

/// As etcd's proxy does, with a line in the log that says so.
#[tokio::test]
async fn endpoints_are_used_when_nobody_is_believed() {
    let cluster = Cluster::start(Shape::single()).await;
    let dns = Dns::start(&services("etcd-client", &cluster, &[0])).await;
    let proxy = started(&dns, cluster.member(0).address(), &[]).await;
    serves(&proxy, "key").await;
    let doubt = says(&proxy, "failed to validate discovered endpoints").expect("etcd's line");
    let insecure = format!("\"http://m0.cluster.test:{}\" is insecure", port(cluster.member(0).address()));
    assert_eq!(doubt["error"], insecure);
    says(&proxy, "no endpoint of SRV is used: those of --endpoints are").expect("a line");
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').expect("host:port").1
}
