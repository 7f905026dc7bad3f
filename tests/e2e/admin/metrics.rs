//! `/proxy/metrics` held against that of `etcd grpc-proxy`.

use std::collections::BTreeMap;

use e2e::metrics::{Family, becomes, families, sum_at};
use e2e::{Client, Cluster, EtcdProxy, Proxy, SOON, Shape, environment, eventually};
use proto_gen::etcdserverpb::AuthenticateRequest;

use super::{get, knows_proxy_pages};
use crate::requests::{get as range, put, watch_key};
use crate::watch::{Watching, create_watch};

const PATH: &str = "/proxy/metrics";
/// What etcd's proxy shows of itself; the rest is about Go, or about the server that it is not.
const OWN: [&str; 4] = ["etcd_grpc_proxy_", "etcd_server_health_", "grpc_server_", "process_"];

fn own(page: &str) -> BTreeMap<String, Family> {
    let is_own = |name: &str| OWN.iter().any(|prefix| name.starts_with(prefix));
    families(page).into_iter().filter(|(name, _)| is_own(name)).collect()
}

/// The same calls on either proxy: good ones, bad ones, three watchers of one key and two events.
async fn use_it(client: &Client) {
    client.kv().put(put("metrics", "1")).await.expect("a put");
    for _ in 0..3 {
        client.kv().range(range("metrics")).await.expect("a get");
    }
    let nobody = AuthenticateRequest { name: "nobody".into(), password: "x".into() };
    client.auth().authenticate(nobody).await.expect_err("authentication is off");
    let mut watchers = Vec::new();
    for _ in 0..3 {
        watchers.push(create_watch(client, watch_key("metrics", 0)).await.0);
    }
    for value in ["2", "3"] {
        client.kv().put(put("metrics", value)).await.expect("a put");
        for watcher in &mut watchers {
            watcher.next().await;
        }
    }
}

#[tokio::test]
async fn names_types_labels_and_help_are_those_of_etcds_proxy() {
    if !knows_proxy_pages() {
        return;
    }
    let cluster = Cluster::start(Shape::single()).await;
    let theirs = EtcdProxy::start(&cluster.endpoints()).await;
    let ours = Proxy::start(&cluster.endpoints(), &[]).await;
    use_it(&theirs.client()).await;
    use_it(&ours.client()).await;
    let expected = own(&get(theirs.address(), PATH).await.body);
    assert!(expected.len() > 15, "{expected:?}");
    for (name, family) in &expected {
        // Labels come with the first call, which may not have been counted when it has been answered.
        eventually(&format!("{name} is as {family:?}"), SOON, async || {
            let found = own(&get(ours.address(), PATH).await.body);
            (found.get(name) == Some(family)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn calls_are_counted_as_etcds_proxy_counts_them() {
    if !knows_proxy_pages() {
        return;
    }
    let cluster = Cluster::start(Shape::single()).await;
    let theirs = EtcdProxy::start(&cluster.endpoints()).await;
    let ours = Proxy::start(&cluster.endpoints(), &[]).await;
    use_it(&theirs.client()).await;
    use_it(&ours.client()).await;
    let labels = |method: &'static str| [format!("grpc_method=\"{method}\"")];
    for method in ["Range", "Put", "Authenticate", "Watch"] {
        let labels = labels(method);
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        for name in ["started", "handled", "msg_received", "msg_sent"] {
            if (method, name) == ("Watch", "msg_received") {
                // Go's library takes the end of a client's half for a message.
                continue;
            }
            let name = format!("grpc_server_{name}_total");
            // What a client has dropped is seen to end a moment later.
            eventually(&format!("{name} of {method} is equal"), SOON, async || {
                let expected = sum_at(theirs.address(), PATH, &name, &labels).await;
                let found = sum_at(ours.address(), PATH, &name, &labels).await;
                (found == expected).then_some(())
            })
            .await;
        }
    }
    let failed = ["grpc_method=\"Authenticate\"", "grpc_code=\"FailedPrecondition\""];
    becomes(ours.address(), PATH, "grpc_server_handled_total", &failed, 1.0).await;
}

/// Three watchers of one key, one event.
async fn share(client: &Client) -> Vec<Watching> {
    client.kv().put(put("shared", "1")).await.expect("a put");
    let mut watchers = Vec::new();
    for _ in 0..3 {
        watchers.push(create_watch(client, watch_key("shared", 0)).await.0);
    }
    client.kv().put(put("shared", "2")).await.expect("a put");
    for watching in &mut watchers {
        watching.next().await;
    }
    watchers
}

#[tokio::test]
async fn sharing_is_counted() {
    let cluster = Cluster::start(Shape::single()).await;
    let ours = Proxy::start(&cluster.endpoints(), &[]).await;
    let watchers = share(&ours.client()).await;
    let shown =
        async |name: &str| sum_at(ours.address(), PATH, &format!("etcd_grpc_proxy_{name}"), &[]).await;
    // etcd's proxy has the same in mind, counts it otherwise, and ends below zero.
    let sharing = async |count: f64| (shown("watchers_coalescing_total").await == count).then_some(());
    eventually("two of three watchers are shared", SOON, async || sharing(2.0).await).await;
    for (name, expected) in [
        ("watch_client_watchers", 3.0),
        ("watch_upstream_watchers", 1.0),
        ("watch_coalescing_ratio", 3.0),
        ("events_coalescing_total", 2.0),
    ] {
        becomes(ours.address(), PATH, &format!("etcd_grpc_proxy_{name}"), &[], expected).await;
    }
    if knows_proxy_pages() {
        let theirs = EtcdProxy::start(&cluster.endpoints()).await;
        let _watchers = share(&theirs.client()).await;
        becomes(theirs.address(), PATH, "etcd_grpc_proxy_events_coalescing_total", &[], 2.0).await;
    }
    drop(watchers);
    eventually("nobody shares", SOON, async || sharing(0.0).await).await;
}

#[tokio::test]
async fn extensive_metrics_have_the_servers_histogram() {
    let cluster = Cluster::start(Shape::single().flag("--metrics=extensive")).await;
    let basic = Proxy::start(&cluster.endpoints(), &[]).await;
    let extensive = Proxy::start(&cluster.endpoints(), &["--metrics=extensive"]).await;
    for proxy in [&basic, &extensive] {
        proxy.client().kv().put(put("timed", "1")).await.expect("a put");
    }
    const NAME: &str = "grpc_server_handling_seconds";
    assert!(!families(&get(basic.address(), PATH).await.body).contains_key(NAME));
    let shown = async |address: &str, path: &str| {
        let what = format!("{NAME} of {address}");
        eventually(&what, SOON, async || families(&get(address, path).await.body).remove(NAME)).await
    };
    let found = shown(extensive.address(), PATH).await;
    let etcds = shown(cluster.member(0).address(), "/metrics").await;
    assert_eq!((&found.kind, &found.labels), (&etcds.kind, &etcds.labels));
    if environment::etcd_version() >= (3, 6) {
        assert_eq!(found.help, etcds.help);
    }
    let labels = ["grpc_method=\"Put\"", "le=\"10\""];
    becomes(extensive.address(), PATH, "grpc_server_handling_seconds_bucket", &labels, 1.0).await;
}

#[tokio::test]
async fn connections_and_members_are_shown() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let client = proxy.client();
    client.kv().put(put("connected", "1")).await.expect("a put");
    let member = format!("endpoint=\"{}\"", cluster.endpoints());
    let member = [member.as_str()];
    let labels = |name: &str| if name.contains("upstream") { &member[..] } else { &[] };
    for (name, expected) in [
        // The client's, and the one that asks.
        ("client_connections", 2.0),
        ("upstream_healthy", 1.0),
        ("upstream_pinned", 1.0),
    ] {
        becomes(proxy.address(), PATH, &format!("etcd_grpc_proxy_{name}"), labels(name), expected).await;
    }
    // How many there were is a busy machine's affair.
    let shown = families(&get(proxy.address(), PATH).await.body);
    assert!(shown.contains_key("etcd_grpc_proxy_upstream_failures_total"), "{shown:?}");
    for (name, least) in [("client_connections_total", 2.0), ("upstream_connections", 1.0)] {
        let shown = sum_at(proxy.address(), PATH, &format!("etcd_grpc_proxy_{name}"), labels(name)).await;
        assert!(shown >= least, "{name} is {shown}");
    }
}
