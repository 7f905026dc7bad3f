//! What is logged: as much as is wanted, as it is wanted, and never a secret.

use e2e::http1::page;
use e2e::{Cluster, JsonConnection, Proxy, SOON, Shape, eventually, ports};
use proto_gen::etcdserverpb::{AuthUserAddRequest, AuthenticateRequest};

use crate::requests::{get, put, watch_key};
use crate::watch::create_watch;

const CHANGED: &str = "log level changed";

async fn logged(proxy: &Proxy, text: &str) {
    eventually(&format!("{text:?} is in the log"), SOON, async || {
        proxy.log_text().contains(text).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_level_is_set_on_the_second_address_alone() {
    let cluster = Cluster::start(Shape::single()).await;
    let pages = format!("127.0.0.1:{}", ports::free_port());
    let proxy = Proxy::start(&cluster.endpoints(), &[&format!("--metrics-addr=http://{pages}")]).await;
    let ask = async |address: &str, method: &str, path: &str| {
        let page = page(address, method, path).await.expect("a page");
        (page.status, page.body)
    };
    assert_eq!(ask(&pages, "GET", "/proxy/log-level").await, (200, "{\"level\":\"info\"}".to_owned()));
    assert_eq!(ask(proxy.address(), "PUT", "/proxy/log-level?level=debug").await.0, 404);
    assert_eq!(ask(&pages, "POST", "/proxy/log-level?level=debug").await.0, 405);
    assert_eq!(ask(&pages, "PUT", "/proxy/log-level?level=loud").await.0, 400);
    let debug = (200, "{\"level\":\"debug\"}".to_owned());
    assert_eq!(ask(&pages, "PUT", "/proxy/log-level?level=debug").await, debug);
    logged(&proxy, CHANGED).await;
    // Something that is worth a debug line.
    drop(tokio::net::TcpStream::connect(proxy.address()).await.expect("a connection"));
    eventually("a debug line", SOON, async || {
        // A connection that says nothing may end without a word; one that says nonsense does not.
        let _ = e2e::http1::exchange(proxy.address(), b"\0\0\0nonsense\r\n\r\n").await;
        proxy.log_text().contains("\"level\":\"debug\"").then_some(())
    })
    .await;
    let public = Proxy::start(&cluster.endpoints(), &[]).await;
    assert_eq!(ask(public.address(), "PUT", "/proxy/log-level?level=debug").await.0, 404);
}

#[tokio::test]
async fn a_signal_makes_it_talkative_and_quiet_again() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    proxy.signal("USR1");
    logged(&proxy, "\"from\":\"info\",\"to\":\"debug\"").await;
    proxy.signal("USR1");
    logged(&proxy, "\"from\":\"debug\",\"to\":\"info\"").await;
    proxy.client().kv().put(put("a", "1")).await.expect("it still serves");
}

#[tokio::test]
async fn the_console_format_is_for_people() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--log-format=console"]).await;
    let log = proxy.log_text();
    let line = log.lines().find(|line| line.contains("started gRPC proxy")).expect("a line");
    let columns: Vec<&str> = line.split('\t').collect();
    assert_eq!((columns.len(), columns[1], columns[3]), (5, "info", "started gRPC proxy"), "{line}");
    assert_eq!(columns[4], format!("{{\"address\": \"{}\"}}", proxy.address()));
}

#[tokio::test]
async fn messages_are_logged_as_etcds_proxy_names_them_and_without_secrets() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--experimental-enable-grpc-logging"]).await;
    let client = proxy.client();
    client.kv().put(put("key", &"v".repeat(100))).await.expect("a put");
    client.kv().range(get("key")).await.expect("a get");
    let (watching, _) = create_watch(&client, watch_key("watched", 0)).await;
    let user = AuthUserAddRequest { name: "bob".into(), password: "s3cret".into(), ..Default::default() };
    client.auth().user_add(user).await.expect("a user");
    let login = AuthenticateRequest { name: "bob".into(), password: "s3cret".into() };
    client.auth().authenticate(login).await.expect_err("authentication is off");
    logged(&proxy, "\"grpc.method\":\"Authenticate\"").await;
    let log = proxy.log();
    let content = |field: &str, method: &str| -> Vec<String> {
        let lines = log.iter().filter(|line| line["grpc.method"] == method);
        lines.filter_map(|line| line[field].as_str().map(str::to_owned)).collect()
    };
    let (request, response) = ("grpc.request.content", "grpc.response.content");
    let value = "v".repeat(32);
    assert_eq!(content(request, "Put"), [format!("{{\"key\":\"key\",\"value\":\"{value}…(+68 bytes)\"}}")]);
    assert!(content(response, "Put")[0].contains("\"revision\":\"2\""));
    assert!(content(response, "Range")[0].contains(&format!("\"value\":\"{value}…(+68 bytes)\"")));
    assert_eq!(content(request, "Watch"), ["{\"createRequest\":{\"key\":\"watched\"}}"]);
    assert!(content(response, "Watch")[0].contains("\"created\":true"));
    let line = log.iter().find(|line| line["grpc.method"] == "UserAdd").expect("a line");
    assert_eq!(line["msg"], "received payload logged as grpc.request.content field");
    assert_eq!(line["grpc.service"], "etcdserverpb.Auth");
    assert!(line["peer.address"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{line}");
    assert!(!proxy.log_text().contains("s3cret"));
    drop(watching);
    // What comes as JSON is a call like any other.
    let mut json = JsonConnection::connect(proxy.address()).await;
    let delete = json.post("/v3/kv/deleterange", r#"{"key":"bm90aGluZw=="}"#).await;
    assert_eq!(delete.status, 200, "{}", delete.body);
    logged(&proxy, "\"grpc.method\":\"DeleteRange\"").await;
    let log = proxy.log();
    let line = log.iter().find(|line| line["grpc.method"] == "DeleteRange").expect("a line");
    assert!(line["peer.address"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{line}");
}
