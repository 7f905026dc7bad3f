//! `--user`: what the proxy asks on its own behalf where etcd has authentication.

use e2e::{Cluster, Etcdctl, Proxy, SOON, Shape, eventually, metrics};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::requests::{get, put};

const EVERY_SECOND: &str = "--endpoints-auto-sync-interval=1s";
const PASSWORD: &str = "pr0xy-s3cret";

/// Turns authentication on: `root` with the password `root`, and `proxy`, who may do nothing.
pub(crate) async fn enable_auth(cluster: &Cluster) {
    let etcdctl = Etcdctl::of(cluster.member(0).address());
    let proxy = format!("proxy:{PASSWORD}");
    let commands: [&[&str]; 5] = [
        &["user", "add", "root:root"],
        &["role", "add", "root"],
        &["user", "grant-role", "root", "root"],
        &["user", "add", &proxy],
        &["auth", "enable"],
    ];
    for command in commands {
        let ended = etcdctl.run(command).await;
        // etcd has made the role by itself since 3.5.
        assert!(ended.code == 0 || ended.stderr.contains("role name already exists"), "{ended:?}");
    }
}

pub(crate) async fn as_root(cluster: &Cluster, command: &[&str]) {
    let ended = Etcdctl::of(cluster.member(0).address()).flag("--user=root:root").run(command).await;
    assert_eq!(ended.code, 0, "{ended:?}");
}

/// How often etcd has answered a method, by the code that it answered with.
async fn answered(cluster: &Cluster, method: &str, code: &str) -> f64 {
    let (method, code) = (format!("grpc_method=\"{method}\""), format!("grpc_code=\"{code}\""));
    let mut sum = 0.0;
    for member in cluster.members() {
        sum += metrics::sum(member.address(), "grpc_server_handled_total", &[&method, &code]).await;
    }
    sum
}

async fn member_lists(cluster: &Cluster, more: f64) {
    let before = answered(cluster, "MemberList", "OK").await;
    eventually("etcd tells the proxy its members", SOON, async || {
        (answered(cluster, "MemberList", "OK").await >= before + more).then_some(())
    })
    .await;
}

pub(crate) fn count(proxy: &Proxy, message: &str) -> usize {
    proxy.log().iter().filter(|line| line["msg"] == message).count()
}

fn assert_no_secret(proxy: &Proxy) {
    assert!(
        proxy.log().iter().all(|line| !line.to_string().contains(PASSWORD)),
        "the password is in the log"
    );
}

/// etcd 3.4 has no flag for it, and forgets tokens after five minutes.
fn forgetful(shape: Shape) -> Shape {
    if e2e::environment::etcd_version() > (3, 4) { shape.flag("--auth-token-ttl=1") } else { shape }
}

/// The oldest etcd tells everybody about its members.
fn asks_who_wants_to_know() -> bool {
    e2e::environment::etcd_version() > (3, 4)
}

#[tokio::test]
async fn with_a_user_the_proxy_is_told_the_members_also_when_tokens_expire_between_its_questions() {
    let cluster = Cluster::start(forgetful(Shape::three())).await;
    enable_auth(&cluster).await;
    let user = format!("--user=proxy:{PASSWORD}");
    let interval = "--endpoints-auto-sync-interval=3s";
    let proxy = Proxy::start(cluster.member(0).address(), &[&user, interval, "--debug"]).await;
    member_lists(&cluster, 4.0).await;
    for member in &cluster.members()[1..] {
        let added = |line: &serde_json::Value| {
            line["msg"] == "member added" && line.to_string().contains(member.address())
        };
        assert!(proxy.log().iter().any(added), "{} is not in the log", member.address());
    }
    // On a busy machine a new token may expire too before it is used, but not each time.
    assert!(count(&proxy, "cannot synchronize the endpoints with etcd's members") <= 1);
    assert_no_secret(&proxy);
}

#[tokio::test]
async fn the_proxys_user_is_not_the_clients() {
    let cluster = Cluster::start(Shape::single()).await;
    enable_auth(&cluster).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--user=root:root", EVERY_SECOND]).await;
    member_lists(&cluster, 1.0).await;
    let refused = proxy.client().kv().put(put("a", "1")).await.expect_err("nobody may write");
    assert_eq!(refused.message(), "etcdserver: user name is empty");
}

#[tokio::test]
async fn a_password_that_is_changed_on_etcd_and_in_the_file_needs_no_restart() {
    if !asks_who_wants_to_know() {
        return;
    }
    let cluster = Cluster::start(Shape::single()).await;
    enable_auth(&cluster).await;
    let dir = e2e::temp::TempDir::new("password");
    let file = dir.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).expect("a password file");
    let flag = format!("--password-file={}", file.display());
    let proxy = Proxy::start(&cluster.endpoints(), &["--user=proxy", &flag, EVERY_SECOND]).await;
    member_lists(&cluster, 1.0).await;
    // With the user go the tokens.
    as_root(&cluster, &["user", "delete", "proxy"]).await;
    eventually("the proxy is refused", SOON, async || {
        (count(&proxy, "cannot authenticate at etcd") > 0).then_some(())
    })
    .await;
    std::fs::write(&file, "another-s3cret\n").expect("a password file");
    as_root(&cluster, &["user", "add", "proxy:another-s3cret"]).await;
    member_lists(&cluster, 2.0).await;
    assert_eq!(count(&proxy, "authenticated at etcd again"), 1);
    assert_no_secret(&proxy);
}

#[tokio::test]
async fn authentication_that_comes_and_goes_is_followed() {
    let cluster = Cluster::start(Shape::single()).await;
    let user = format!("--user=proxy:{PASSWORD}");
    let proxy = Proxy::start(&cluster.endpoints(), &[&user, EVERY_SECOND]).await;
    member_lists(&cluster, 1.0).await;
    enable_auth(&cluster).await;
    member_lists(&cluster, 2.0).await;
    as_root(&cluster, &["auth", "disable"]).await;
    member_lists(&cluster, 2.0).await;
    enable_again(&cluster).await;
    member_lists(&cluster, 2.0).await;
    assert_eq!(count(&proxy, "etcd wants to know who asks, and this proxy has no user of its own"), 0);
}

async fn enable_again(cluster: &Cluster) {
    let ended = Etcdctl::of(cluster.member(0).address()).run(&["auth", "enable"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test]
async fn without_a_user_the_proxy_stays_healthy_says_once_what_does_not_work_and_asks_ever_less() {
    if !asks_who_wants_to_know() {
        return;
    }
    let cluster = Cluster::start(Shape::single()).await;
    enable_auth(&cluster).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[EVERY_SECOND]).await;
    let refused = async || answered(&cluster, "MemberList", "InvalidArgument").await;
    let asked = async || answered(&cluster, "Status", "InvalidArgument").await;
    eventually("the proxy has been refused for a while", SOON, async || (asked().await >= 5.0).then_some(()))
        .await;
    // Five questions after a member's health are ten seconds: after 0, 2, 6 and 14 seconds the members are asked for.
    assert!(refused().await <= 5.0, "{} refused questions", refused().await);
    assert_eq!(count(&proxy, "etcd wants to know who asks, and this proxy has no user of its own"), 1);
    assert_eq!(count(&proxy, "cannot synchronize the endpoints with etcd's members"), 1);
    eventually("the proxy is healthy", SOON, async || {
        let health = proxy.client().health().check(HealthCheckRequest::default()).await.expect("health");
        (health.into_inner().status() == ServingStatus::Serving).then_some(())
    })
    .await;
    let anonymous = proxy.client().with_deadline(e2e::CALL).kv().range(get("a")).await;
    assert_eq!(anonymous.expect_err("etcd's own refusal").code(), Code::InvalidArgument);
    let as_root = Etcdctl::of(proxy.address()).flag("--user=root:root").run(&["put", "a", "1"]).await;
    assert_eq!(as_root.code, 0, "{as_root:?}");
}
