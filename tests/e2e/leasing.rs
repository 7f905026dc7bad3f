//! `--experimental-leasing-prefix`: linearizable reads from memory, and writes that ask owners first.

mod equality;
mod faults;
mod others;
mod transactions;
mod users;

use e2e::{Client, Cluster, Proxy, SOON, eventually, metrics};
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};
use tonic::Status;

use crate::requests::get;

/// Where leasing keys are in these tests.
const PREFIX: &str = "_l/";
const FLAG: &str = "--experimental-leasing-prefix=_l/";
const PAGE: &str = "/proxy/metrics";

fn full_name(name: &str) -> String {
    format!("etcd_grpc_proxy_leasing_{name}")
}

/// One of the proxy's numbers.
async fn number(address: &str, name: &str) -> f64 {
    metrics::sum_at(address, PAGE, &full_name(name), &[]).await
}

/// Waits until one of the proxy's numbers is as it should be: its page may be a moment old.
async fn number_is(address: &str, name: &str, is_right: impl Fn(f64) -> bool) {
    eventually(name, SOON, async || is_right(number(address, name).await).then_some(())).await;
}

async fn read(client: &Client, request: RangeRequest) -> Result<RangeResponse, Status> {
    client.kv().range(request).await.map(tonic::Response::into_inner)
}

/// The value of a key as a linearizable read shows it; empty where there is none.
async fn value(client: &Client, key: &str) -> String {
    let response = read(client, get(key)).await.expect("a linearizable read");
    response.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned()).unwrap_or_default()
}

/// Reads a key through a proxy until memory answers.
async fn own(proxy: &Proxy, client: &Client, key: &str) {
    own_at(proxy.address(), client, key).await;
}

async fn own_at(address: &str, client: &Client, key: &str) {
    eventually(&format!("{key} is owned"), SOON, async || {
        let before = hits(address, client, key).await;
        // The first may be one that etcd is asked for because nobody has asked it for a while.
        for _ in 0..3 {
            read(client, get(key)).await.ok()?;
        }
        (hits(address, client, key).await > before).then_some(())
    })
    .await;
}

/// The proxy's hits until now. A page may be older than the call that asks for it; the one that follows it is not, and a
/// read between the two lets them differ.
async fn hits(address: &str, client: &Client, key: &str) -> f64 {
    let old = metrics::page(address, PAGE).await;
    let _refused_or_not = read(client, get(key)).await;
    let new = eventually("a newer page", SOON, async || {
        let page = metrics::page(address, PAGE).await;
        (page != old).then_some(page)
    })
    .await;
    metrics::sum_in(&new, &full_name("hits_total"), &[])
}

/// The leasing keys that stand in etcd.
async fn leased(cluster: &Cluster) -> Vec<String> {
    let mut kv = cluster.member(0).client().kv();
    let found = kv.range(crate::requests::range(PREFIX, "_l0")).await.expect("a read").into_inner();
    found.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key[PREFIX.len()..]).into_owned()).collect()
}

/// Transactions that the cluster's first member was sent.
async fn calls(cluster: &Cluster, method: &str) -> f64 {
    let label = format!("grpc_method=\"{method}\"");
    metrics::sum(cluster.member(0).address(), "grpc_server_started_total", &[&label]).await
}

/// Any message as text, without what two clusters never share and without revisions: leasing keys have some, too.
fn shown(message: &impl std::fmt::Debug) -> String {
    let hidden = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        let is_own =
            name.ends_with("revision") || ["cluster_id", "member_id", "raft_term"].contains(&name.trim());
        match is_own && value != "0," {
            true => format!("{name}: <set>"),
            false => line.to_owned(),
        }
    };
    format!("{message:#?}").lines().map(hidden).collect::<Vec<_>>().join("\n")
}
