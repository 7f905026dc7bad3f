//! What the gateway says, held against what etcd's own says.

use e2e::{Cluster, Gateway, Maker, Shape, environment, ports};
use serde_json::Value;

use crate::requests::{get, put, watch_key};
use crate::watch::{create_watch, events};

#[tokio::test]
async fn what_does_not_start_is_refused_in_etcds_words() {
    let port = ports::free_port();
    let listen = format!("--listen-addr=127.0.0.1:{port}");
    let itself = format!("--endpoints=127.0.0.1:{port}");
    let itself_by_name = format!("--endpoints=http://localhost:{port}");
    let by_name = format!("--listen-addr=localhost:{port}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken_listen = format!("--listen-addr={}", taken.local_addr().expect("its address"));
    let cases: [&[&str]; 20] = [
        &["start", "--listen-addr=foo"],
        &["start", "--listen-addr="],
        &["start", "--listen-addr=:23955"],
        &["start", "--listen-addr=nosuch.invalid:1"],
        &["start", "--listen-addr=foo", "--endpoints=a:b:c"],
        &["start", "--listen-addr=192.0.2.1:23955"],
        &["start", "--listen-addr=127.0.0.1:99999"],
        &["start", &taken_listen],
        &["start", &listen, "--endpoints=a:b:c"],
        &["start", &listen, "--endpoints="],
        &["start", &listen, "--endpoints=,"],
        &["start", &listen, "--endpoints=127.0.0.1:1,"],
        &["start", &listen, "--endpoints=foo"],
        &["start", &listen, "--endpoints=https://127.0.0.1"],
        &["start", &listen, "--endpoints=::1"],
        &["start", &listen, "--endpoints=:2379"],
        &["start", &listen, "--endpoints=127.0.0.1:1,nosuch.invalid:1"],
        &["start", &listen, &itself],
        &["start", &by_name, "--endpoints=127.0.0.1:1", &itself_by_name],
        &["--endpoints=nosuch.invalid:1", "start"],
    ];
    for arguments in cases {
        let (code, said) = Maker::Ours.refusal(arguments);
        assert_eq!(
            (code, said.as_str()),
            (Some(1), Maker::Etcd.refusal(arguments).1.as_str()),
            "{arguments:?}"
        );
        assert!(!said.is_empty(), "{arguments:?}");
    }
}

/// After the reason etcd prints its whole help, which here is one line that names it.
#[tokio::test]
async fn lines_that_cannot_be_read_are_refused_in_etcds_words() {
    for arguments in [&["start", "--bogus"][..], &["start", "--retry-delay=x"], &["start", "--endpoints"]] {
        let (ours, etcds) = (Maker::Ours.refusal(arguments), Maker::Etcd.refusal(arguments));
        assert_eq!(ours.0, Some(1));
        assert_eq!(ours.1.lines().next(), etcds.1.lines().next(), "{arguments:?}");
    }
}

/// etcd's gateway starts in front of itself when it listens on every address, and fills the machine with connections.
#[tokio::test]
async fn a_gateway_that_listens_everywhere_is_not_put_in_front_of_itself() {
    let port = ports::free_port();
    let listen = format!("--listen-addr=0.0.0.0:{port}");
    let (code, said) = Maker::Ours.refusal(&["start", &listen, &format!("--endpoints=localhost:{port}")]);
    assert_eq!(code, Some(1));
    let words = format!("should not resolve to the gateway listen addr (0.0.0.0:{port})");
    assert!(said.starts_with("SRV or endpoint (localhost:") && said.ends_with(&words), "{said}");
}

#[tokio::test]
async fn the_log_of_the_start_is_etcds() {
    let endpoints = "http://127.0.0.1:1,127.0.0.1:3";
    let ours = Gateway::start_of(Maker::Ours, endpoints, &[]).await;
    let etcds = Gateway::start_of(Maker::Etcd, endpoints, &[]).await;
    // etcd is notified of nothing without systemd, and says so.
    let lines = |gateway: &Gateway| -> Vec<(String, String, Value)> {
        let lines = gateway.log().into_iter().filter(|line| !line["msg"].to_string().contains("init daemon"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        lines.map(|line| (text(&line["level"]), text(&line["msg"]), line["endpoints"].clone())).collect()
    };
    if environment::etcd_version() < (3, 5) {
        // It had one line less.
        assert_eq!(lines(&ours)[1..], lines(&etcds)[..]);
        return;
    }
    assert_eq!(lines(&ours), lines(&etcds));
    let arguments = |gateway: &Gateway| -> Vec<String> {
        serde_json::from_value(gateway.log()[0]["args"].clone()).expect("the arguments")
    };
    assert_eq!(arguments(&ours)[1..3], arguments(&etcds)[1..3]);
}

#[tokio::test]
async fn etcd_is_reached_through_it_by_every_kind_of_call() {
    let cluster = Cluster::start(Shape::three()).await;
    for maker in [Maker::Ours, Maker::Etcd] {
        let gateway = Gateway::start_of(maker, &cluster.endpoints(), &[]).await;
        let client = gateway.client();
        let (mut watching, _) = create_watch(&client, watch_key("key", 0)).await;
        client.kv().put(put("key", "value")).await.expect("a write");
        let read = client.kv().range(get("key")).await.expect("a read").into_inner();
        assert_eq!(&read.kvs[0].value[..], b"value");
        assert_eq!(events(&mut watching, 1).await.len(), 1);
    }
}
