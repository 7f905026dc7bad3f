//! JSON watchers share with each other and with those of gRPC.

use e2e::{Cluster, JsonConnection, JsonStream, Proxy, Shape, metrics};

use super::routes::b64;
use super::{put, watch};
use crate::requests::watch_key;
use crate::watch::{create_watch, events};

const WATCHERS: usize = 5000;
/// Over HTTP/1.1, where each has a connection.
const CONNECTIONS: usize = 500;
const STREAMS_OF_A_CONNECTION: usize = 100;

async fn watchers_on_etcd(cluster: &Cluster) -> f64 {
    metrics::sum(cluster.member(0).address(), "etcd_debugging_mvcc_watcher_total", &[]).await
}

async fn open(mut connection: JsonConnection, count: usize) -> (JsonConnection, Vec<JsonStream>) {
    let mut streams = Vec::new();
    for _ in 0..count {
        streams.push(watch(&mut connection, "shared").await);
    }
    (connection, streams)
}

#[tokio::test]
async fn five_thousand_json_watchers_are_two_on_etcd_at_most() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let before = watchers_on_etcd(&cluster).await;
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let address = proxy.address().to_owned();
        opening.spawn(async move { open(JsonConnection::connect(&address).await, 1).await });
    }
    for _ in 0..(WATCHERS - CONNECTIONS) / STREAMS_OF_A_CONNECTION {
        let address = proxy.address().to_owned();
        opening.spawn(async move {
            open(JsonConnection::connect_http2(&address).await, STREAMS_OF_A_CONNECTION).await
        });
    }
    let mut connections = opening.join_all().await;
    let mut streams: Vec<&mut JsonStream> = connections.iter_mut().flat_map(|(_, streams)| streams).collect();
    assert_eq!(streams.len(), WATCHERS);
    let added = watchers_on_etcd(&cluster).await - before;
    println!("{WATCHERS} watchers are {added} on etcd");
    assert!(added <= 2.0, "{added} watchers on etcd");
    let mut json = JsonConnection::connect(proxy.address()).await;
    put(&mut json, "shared", "1").await;
    for stream in &mut streams {
        assert_eq!(stream.result().await["events"][0]["kv"]["value"], b64("1"));
    }
    let added = watchers_on_etcd(&cluster).await - before;
    assert!(added <= 2.0, "{added} watchers on etcd");
}

#[tokio::test]
async fn json_and_grpc_watchers_share() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let before = watchers_on_etcd(&cluster).await;
    let (mut grpc, mut json) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        grpc.push(create_watch(&proxy.client(), watch_key("shared", 0)).await.0);
        let mut connection = JsonConnection::connect(proxy.address()).await;
        json.push((watch(&mut connection, "shared").await, connection));
    }
    let added = watchers_on_etcd(&cluster).await - before;
    assert!((1.0..=2.0).contains(&added), "{added} watchers on etcd");
    proxy.client().kv().put(crate::requests::put("shared", "1")).await.expect("a write");
    for watching in &mut grpc {
        assert_eq!(events(watching, 1).await[0].kv.as_ref().unwrap().value, "1");
    }
    for (stream, _) in &mut json {
        assert_eq!(stream.result().await["events"][0]["kv"]["value"], b64("1"));
    }
}
