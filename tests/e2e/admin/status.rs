//! `/proxy/status` in its forms, and the command that shows it.

use std::process::{Command, Output, Stdio};

use e2e::http1::page;
use e2e::{Cluster, Proxy, SOON, Shape, environment, eventually};
use serde_json::Value;

use super::{get, with_metrics_addr};
use crate::lease::{keep_alive, ping};
use crate::requests::{get as range, grant, put, watch_key};
use crate::watch::create_watch;

/// A key that would be markup if it were not escaped.
const KEY: &str = "secret/<b>&'\"";

async fn status(address: &str) -> Value {
    let page = get(address, "/proxy/status.json").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")));
    serde_json::from_str(&page.body).expect("JSON")
}

#[tokio::test]
async fn the_page_tells_what_the_proxy_does() {
    let cluster = Cluster::start(Shape::three()).await;
    let flags = ["--user=proxy:s3cret", "--cache-max-age=1h"];
    let (proxy, pages) = with_metrics_addr(&cluster.endpoints(), &flags).await;
    let client = proxy.client();
    client.kv().put(put(KEY, "1")).await.expect("a put");
    for _ in 0..3 {
        let read = proto_gen::etcdserverpb::RangeRequest { serializable: true, ..range(KEY) };
        client.kv().range(read).await.expect("a get");
    }
    let mut watchers = Vec::new();
    for _ in 0..3 {
        watchers.push(create_watch(&client, watch_key(KEY, 0)).await.0);
    }
    client.lease().lease_grant(grant(7, 3000)).await.expect("a lease");
    let mut alive = keep_alive(&client);
    alive.send(ping(7)).await;
    alive.next().await;
    let shown = eventually("three watchers are shown", SOON, async || {
        let shown = status(&pages).await;
        // What was answered a moment ago may still count as under way.
        let is_quiet = shown["clients"]["list"][0]["streams"] == 4 && shown["is_well"] == true;
        let watches = &shown["watches"];
        let is_shared = watches["client_watchers"] == 3 && watches["upstream_watchers"] == 1;
        (is_shared && shown["cache"]["hits"] == 2 && is_quiet).then_some(shown)
    })
    .await;
    assert_eq!(shown["state"], "serving");
    let members = shown["members"]["list"].as_array().expect("a list");
    assert_eq!(members.len(), 3);
    let pinned: Vec<_> = members.iter().filter(|member| member["pinned"] == true).collect();
    assert_eq!(pinned.len(), 1, "{members:?}");
    let of_all = |field: &str| members.iter().filter_map(|member| member[field].as_u64()).sum::<u64>();
    // The shared watch and the shared keep-alive.
    assert!(of_all("connections") >= 1 && of_all("in_flight") >= 2, "{members:?}");
    let leases = &shown["leases"];
    assert_eq!((&leases["client_streams"], &leases["upstream_streams"]), (&1.into(), &1.into()), "{leases}");
    // A ping that etcd leaves unanswered for long is sent again.
    assert!(leases["pings_received"] == 1 && leases["pings_sent"].as_u64() >= Some(1), "{leases}");
    assert!(
        shown["cache"]["entries"] == 1 && shown["cache"]["bytes"].as_u64() > Some(0),
        "{}",
        shown["cache"]
    );
    assert!(members.iter().all(|member| member["health"] == "healthy" && member["failures"].is_u64()));
    assert_eq!(shown["watches"]["ratio"], 3);
    assert_eq!(shown["watches"]["widest"][0]["range"], KEY);
    assert_eq!(shown["watches"]["widest"][0]["watchers"], 3);
    let clients = shown["clients"]["list"].as_array().expect("a list");
    assert_eq!((clients.len(), &clients[0]["address"]), (1, &Value::from("127.0.0.1")));
    assert_eq!(clients[0]["calls"], 9);
    assert_eq!((&clients[0]["connections"], &clients[0]["streams"]), (&Value::from(1), &Value::from(4)));
    for bytes in ["received_bytes", "sent_bytes"] {
        assert!(clients[0][bytes].as_u64().expect("a number") > 100, "{bytes} of {}", clients[0]);
    }
    let given = shown["configuration"]["given"].to_string();
    assert!(given.contains("proxy:(not shown)") && !shown.to_string().contains("s3cret"), "{given}");

    let html = get(&pages, "/proxy/status").await;
    assert_eq!((html.status, html.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(html.body.contains("secret/&lt;b&gt;&amp;&#39;&quot;") && !html.body.contains("secret/<b>"));
    assert!(html.header("content-security-policy").expect("a policy").contains("default-src 'none'"));
    let text = get(&pages, "/proxy/status.txt").await;
    assert_eq!((text.status, text.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert!(text.body.contains(KEY) && !text.body.contains("s3cret"));
    drop(watchers);
}

/// What operators look for, by the names that programs read.
#[tokio::test]
async fn every_subject_has_its_numbers_from_the_start() {
    const FIELDS: [(&str, &[&str]); 7] = [
        ("members", &["balancer", "retries", "list"]),
        ("watches", &["client_watchers", "upstream_watchers", "ratio", "lagging_watchers", "widest"]),
        ("leases", &["client_streams", "upstream_streams", "pings_received", "pings_sent"]),
        ("cache", &["entries", "bytes", "hits", "misses", "hit_ratio"]),
        ("reads", &["batch_sizes", "mean_batch", "saved_calls"]),
        ("clients", &["refused_calls", "refused_watchers", "refused_connections", "list"]),
        ("configuration", &["given", "defaults"]),
    ];
    const TRENDS: [&str; 5] = ["calls", "events_sent", "client_watchers", "connections", "memory_bytes"];
    let cluster = Cluster::start(Shape::single()).await;
    let folder = e2e::temp::TempDir::new("status");
    let data = format!("--data-dir={}", folder.path().display());
    let (_proxy, pages) = with_metrics_addr(&cluster.endpoints(), &["--auto-tls", &data]).await;
    let shown = eventually("there is a past to be seen", SOON, async || {
        let shown = status(&pages).await;
        let points =
            |name: &&str| shown["trends"][*name]["points"].as_array().is_some_and(|all| all.len() > 1);
        TRENDS.iter().all(points).then_some(shown)
    })
    .await;
    for (section, fields) in FIELDS {
        for field in fields {
            assert!(shown[section].get(field).is_some(), "{field} of {section}: {shown}");
        }
    }
    let certificate = &shown["certificates"]["list"][0];
    let days = certificate["expires_in_seconds"].as_f64().expect("seconds") / 86_400.0;
    assert!((300.0..370.0).contains(&days) && certificate["file"].is_string(), "{certificate}");
    let html = get(&pages, "/proxy/status").await.body;
    assert!(html.contains("<svg"), "sparklines");
}

#[tokio::test]
async fn keys_are_for_the_second_address_and_the_page_is_where_it_is() {
    let cluster = Cluster::start(Shape::single()).await;
    let paths = ["/proxy/status", "/proxy/status.json", "/proxy/status.txt"];
    let (private, pages) = with_metrics_addr(&cluster.endpoints(), &[]).await;
    let public = Proxy::start(&cluster.endpoints(), &[]).await;
    let _watchers = [
        create_watch(&private.client(), watch_key(KEY, 0)).await,
        create_watch(&public.client(), watch_key(KEY, 0)).await,
    ];
    for path in paths {
        assert_eq!(get(private.address(), path).await.status, 404, "{path}");
        assert_eq!(get(&pages, path).await.status, 200, "{path}");
        let shown = get(public.address(), path).await;
        assert_eq!(shown.status, 200, "{path}");
        assert!(!shown.body.contains("secret"), "{path}: {}", shown.body);
        assert_eq!(page(public.address(), "HEAD", path).await.expect("a page").status, 200);
        assert_eq!(page(&pages, "PUT", path).await.expect("a page").status, 405);
    }
    let range = format!("a key of {} bytes", KEY.len());
    eventually("the watcher is shown without its key", SOON, async || {
        let widest = status(public.address()).await["watches"]["widest"][0].clone();
        (widest["range"] == range && widest["watchers"] == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_failed_member_is_seen() {
    let mut cluster = Cluster::start(Shape::three()).await;
    // Who is pinned to one asks no other how it is.
    let proxy = Proxy::start(&cluster.endpoints(), &["--balancer=round-robin"]).await;
    cluster.member_mut(0).kill();
    let failed = cluster.member(0).address().to_owned();
    let client = proxy.client();
    let (shown, member) = eventually("the member is shown as failed", SOON, async || {
        // It may have been the leader: then the others may seem to fail too, until they have another.
        let _ = client.kv().range(range("a")).await;
        let shown = status(proxy.address()).await;
        let members = shown["members"]["list"].as_array().expect("a list");
        let member = members.iter().find(|m| m["endpoint"] == *failed).expect("the member").clone();
        let is_it = member["health"] == "unreachable" && shown["state"] == "serving, 1 of 3 members failed";
        is_it.then_some((shown, member))
    })
    .await;
    assert_eq!(shown["is_well"], false);
    assert!(member["last_failure"].as_str().is_some_and(|reason| !reason.is_empty()), "{member}");
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(environment::proxy());
    command.arg("status").args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the command runs")
}

#[tokio::test]
async fn the_command_shows_the_page() {
    let cluster = Cluster::start(Shape::single()).await;
    let (proxy, pages) = with_metrics_addr(&cluster.endpoints(), &[]).await;
    let shown = run(&["--endpoint", &pages]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success() && text.starts_with("etcd-grpc-proxy "), "{shown:?}");
    assert!(text.contains(&cluster.member(0).address().to_owned()) && text.contains("\nMEMBERS\n"), "{text}");
    let json = run(&["--endpoint", &format!("http://{pages}"), "--json"]);
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["name"], "etcd-grpc-proxy");

    let hidden = run(&["--endpoint", proxy.address()]);
    let said = String::from_utf8_lossy(&hidden.stderr).into_owned();
    assert!(!hidden.status.success() && said.contains("--metrics-addr"), "{said}");
    let nobody = run(&["--endpoint", &format!("127.0.0.1:{}", e2e::ports::free_port())]);
    let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert!(!nobody.status.success() && said.starts_with("cannot reach 127.0.0.1:"), "{said}");
}

#[tokio::test]
async fn the_command_goes_on_showing_while_somebody_watches() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let arguments = ["--endpoint", proxy.address(), "--watch", "--interval=20ms"];
    let mut watching = command(&arguments).stdout(Stdio::piped()).spawn().expect("the command runs");
    let output = watching.stdout.take().expect("its output");
    let times = tokio::task::spawn_blocking(move || {
        use std::io::BufRead as _;
        let lines = std::io::BufReader::new(output).lines().map_while(Result::ok);
        // The reader goes away with the third: so does the command.
        lines.filter(|line| line.starts_with("etcd-grpc-proxy ")).take(3).count()
    });
    assert_eq!(e2e::soon("three pages", times).await.expect("no panic"), 3);
    let ended = eventually("the command ends", SOON, async || watching.try_wait().expect("a child")).await;
    assert!(ended.success(), "{ended}");
}
