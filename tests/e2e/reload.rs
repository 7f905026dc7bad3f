//! SIGHUP: what can change does, the rest is named, and what is wrong changes nothing.

use e2e::temp::TempDir;
use e2e::{Cluster, Proxy, SOON, Shape, eventually};
use serde_json::Value;
use tonic::Code;

use crate::requests::{get, put};

/// A proxy whose whole configuration is a file.
struct Configured {
    folder: TempDir,
    proxy: Proxy,
}

impl Configured {
    async fn start(text: &str) -> Self {
        let folder = TempDir::new("reload");
        let path = folder.path().join("p.yaml");
        std::fs::write(&path, text).expect("a file");
        let proxy = Proxy::start_configured(|command| {
            command.arg(format!("--config-file={}", path.display()));
        })
        .await;
        Self { folder, proxy }
    }

    /// Writes the file anew, sends SIGHUP and waits for the line of the log that tells what came of it.
    async fn reload(&self, text: &str, message: &str) -> Value {
        let already = self.lines(message).len();
        std::fs::write(self.folder.path().join("p.yaml"), text).expect("a file");
        self.proxy.reload();
        eventually(message, SOON, async || self.lines(message).get(already).cloned()).await
    }

    fn lines(&self, message: &str) -> Vec<Value> {
        self.proxy.log().into_iter().filter(|line| line["msg"] == message).collect()
    }
}

const READ: &str = "the configuration is read";
const RESTART: &str = "these flags have changed and need a restart";
const UNUSABLE: &str = "the configuration cannot be used, nothing has changed";

#[tokio::test]
async fn a_proxy_becomes_read_only_and_writable_again_without_a_restart() {
    let cluster = Cluster::start(Shape::single()).await;
    let text = format!("endpoints: [{}]\n", cluster.endpoints());
    let configured = Configured::start(&text).await;
    let client = configured.proxy.client();
    client.kv().put(put("a", "1")).await.expect("a write");
    let line = configured.reload(&format!("{text}read-only: true\ndrain-timeout: 1s\n"), READ).await;
    assert_eq!(line["applied"], "--read-only --drain-timeout");
    let refused = client.kv().put(put("a", "2")).await.expect_err("a refusal");
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    client.kv().range(get("a")).await.expect("a read");
    let line = configured.reload(&text, READ).await;
    assert_eq!(line["applied"], "--read-only --drain-timeout");
    client.kv().put(put("a", "3")).await.expect("a write");
    let line = configured.reload(&text, READ).await;
    assert_eq!(line["applied"], "");
}

#[tokio::test]
async fn members_are_replaced_without_losing_a_client() {
    let (first, second) =
        (Cluster::start(Shape::single()).await, Cluster::start_in_callers_slot(Shape::single()).await);
    let configured = Configured::start(&format!("endpoints: [{}]\n", first.endpoints())).await;
    let client = configured.proxy.client();
    client.kv().put(put("who", "first")).await.expect("a write");
    second.member(0).client().kv().put(put("who", "second")).await.expect("a write");
    configured.reload(&format!("endpoints: [{}]\n", second.endpoints()), READ).await;
    eventually("the other cluster answers", SOON, async || {
        let answer = client.kv().range(get("who")).await.expect("a read").into_inner();
        (answer.kvs.first()?.value == "second").then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_what_is_wrong_changes_nothing() {
    let cluster = Cluster::start(Shape::single()).await;
    let text = format!("endpoints: [{}]\n", cluster.endpoints());
    let configured = Configured::start(&text).await;
    for _ in 0..2 {
        let line = configured.reload(&format!("{text}namespace: n/\nworker-threads: 3\n"), RESTART).await;
        assert_eq!(line["flags"], "--namespace --worker-threads", "as long as it is so");
        assert_eq!(line["level"], "warn");
    }
    let line = configured
        .reload("endpoints: ['https://127.0.0.1:1']\ninsecure-skip-tls-verify: true\n", RESTART)
        .await;
    assert_eq!(line["flags"], "--insecure-skip-tls-verify --endpoints");

    let wrong = format!("{text}read-only: true\nbalancer: none\nlisten-add: ':1'\n");
    let line = configured.reload(&wrong, UNUSABLE).await;
    assert!(line["problem"].as_str().expect("a text").contains(":4: unknown key \"listen-add\""), "{line}");
    let both = async || Some(configured.lines(UNUSABLE)).filter(|problems| problems.len() > 1);
    let problems = eventually("a line each", SOON, both).await;
    assert_eq!(problems.len(), 2, "{problems:?}");
    configured.proxy.client().kv().put(put("a", "1")).await.expect("the proxy still takes writes");
    std::fs::remove_file(configured.folder.path().join("p.yaml")).expect("the file");
    configured.proxy.reload();
    eventually("a file that is gone is told of", SOON, async || {
        let problems = configured.lines(UNUSABLE);
        problems
            .iter()
            .any(|line| line["problem"].as_str().is_some_and(|text| text.starts_with("open ")))
            .then_some(())
    })
    .await;
    configured.proxy.client().kv().put(put("a", "1")).await.expect("a write");
}

#[tokio::test]
async fn the_log_tells_more_and_less_again() {
    let cluster = Cluster::start(Shape::single()).await;
    let text = format!("endpoints: [{}]\n", cluster.endpoints());
    let configured = Configured::start(&text).await;
    for (more, level) in [("log-level: warn\n", "warn"), ("debug: true\n", "debug"), ("", "info")] {
        let line = configured.reload(&format!("{text}{more}"), "log level changed").await;
        assert_eq!(line["to"], level);
    }
}

#[tokio::test]
async fn a_proxy_without_a_file_lives_through_sighup() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    proxy.reload();
    eventually("it says so", SOON, async || proxy.log().iter().any(|line| line["msg"] == READ).then_some(()))
        .await;
    proxy.client().kv().put(put("a", "1")).await.expect("a write");
}
