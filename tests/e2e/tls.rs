//! TLS on both sides, with real certificates and a real etcd that wants them.

mod auto_tls;
mod clients;
mod listener;
mod refusals;
mod reload;
mod upstream;

use std::path::Path;

use e2e::certificates::Wish;
use e2e::etcdctl::Ended;
use e2e::{Authority, Cluster, Etcdctl, Files, Proxy, Shape};

/// `--name=file`.
pub(crate) fn flag(name: &str, file: &Path) -> String {
    format!("--{name}={}", file.display())
}

/// What a proxy needs to serve TLS and to ask clients for a certificate of the authority.
pub(crate) fn serving(server: &Files, clients: &Authority) -> Vec<String> {
    vec![
        flag("cert-file", &server.cert),
        flag("key-file", &server.key),
        flag("trusted-ca-file", clients.file()),
    ]
}

/// What a proxy needs to speak to a cluster that wants TLS.
pub(crate) fn asking(client: &Files, etcd: &Authority) -> Vec<String> {
    vec![flag("cert", &client.cert), flag("key", &client.key), flag("cacert", etcd.file())]
}

pub(crate) async fn started(endpoints: &str, flags: &[String]) -> Proxy {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Proxy::start(endpoints, &flags).await
}

/// etcdctl that speaks TLS to `address`.
pub(crate) fn etcdctl(address: &str, server: &Authority, own: Option<&Files>) -> Etcdctl {
    let etcdctl = Etcdctl::of(address).flag(&flag("cacert", server.file())).flag("--command-timeout=15s");
    match own {
        Some(own) => etcdctl.flag(&flag("cert", &own.cert)).flag(&flag("key", &own.key)),
        None => etcdctl,
    }
}

#[track_caller]
fn assert_good(ended: &Ended, stdout: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (0, stdout), "{}", ended.stderr);
}

/// Plain or TLS to the cluster, plain or TLS to the clients: writes, reads, a watch and a lease by etcdctl.
#[tokio::test]
async fn every_side_may_be_plain_or_tls() {
    let authority = Authority::new("every-side");
    let server = authority.server("server");
    let own = authority.client("own", &Wish::default());
    // So long that no leader is replaced only because the machine is busy.
    let shape = Shape::three().flag("--election-timeout=5000");
    let cluster = Cluster::start(shape.tls(&server, &authority)).await;
    let client = authority.client("client", &Wish { common_name: Some("alice"), ..Wish::default() });
    for upstream_is_tls in [false, true] {
        for clients_are_tls in [false, true] {
            let (endpoints, upstream) = match upstream_is_tls {
                true => (cluster.tls_endpoints(), asking(&own, &authority)),
                false => (cluster.endpoints(), Vec::new()),
            };
            let listener = if clients_are_tls { serving(&server, &authority) } else { Vec::new() };
            let proxy = started(&endpoints, &[upstream, listener].concat()).await;
            let etcdctl = match clients_are_tls {
                true => etcdctl(proxy.address(), &authority, Some(&client)),
                false => Etcdctl::of(proxy.address()).flag("--command-timeout=15s"),
            };
            let key = format!("{upstream_is_tls}-{clients_are_tls}");
            uses(&etcdctl, &key).await;
        }
    }
}

async fn uses(etcdctl: &Etcdctl, key: &str) {
    let mut watch = etcdctl.start(&["watch", key, "--rev=1"]);
    assert_good(&etcdctl.run(&["put", key, "1"]).await, "OK\n");
    assert_good(&etcdctl.run(&["get", key]).await, &format!("{key}\n1\n"));
    for line in ["PUT", key, "1"] {
        assert_eq!(watch.line().await.as_deref(), Some(line));
    }
    // Larger than every buffer and record on the way, both ways.
    let large = "x".repeat(700_000);
    assert_good(&etcdctl.run_with_input(&["put", key], &large).await, "OK\n");
    assert_eq!(etcdctl.run(&["get", key, "--print-value-only"]).await.stdout.trim_end().len(), large.len());
    let granted = etcdctl.run(&["lease", "grant", "60"]).await;
    let lease = granted.stdout.split_whitespace().nth(1).expect("an id").to_owned();
    let kept = etcdctl.run(&["lease", "keep-alive", "--once", &lease]).await;
    assert!(kept.stdout.contains("keepalived with TTL(60)"), "{kept:?}");
}
