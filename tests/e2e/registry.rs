//! `--resolver-prefix`: proxies of both kinds find each other, and clients find them all.

use std::collections::BTreeSet;

use e2e::{Client, Cluster, Etcdctl, ExistingProxy, Proxy, SOON, Shape, environment, eventually, metrics};
use proto_gen::etcdserverpb::{Member, MemberListRequest};
use proto_gen::mvccpb::KeyValue;

use crate::identity::{as_root, count, enable_auth};
use crate::requests::{delete, put, range};

const PREFIX: &str = "--resolver-prefix=proxies";
/// Long enough for a slow machine to keep it, short enough to wait for its end.
const TTL: &str = "--resolver-ttl=15";
const REGISTERED: &str = "registered session with lease";
const EXPIRED: &str = "session expired; possible network partition or server restart";

async fn ours(cluster: &Cluster, flags: &[&str]) -> Proxy {
    Proxy::start_advertised(&cluster.endpoints(), &[&[PREFIX, TTL], flags].concat()).await
}

async fn existing(cluster: &Cluster, flags: &[&str]) -> ExistingProxy {
    ExistingProxy::start(&cluster.endpoints(), &[&[PREFIX, TTL], flags].concat()).await
}

async fn members(address: &str) -> Option<Vec<Member>> {
    let request = MemberListRequest { linearizable: true };
    Some(Client::of(address).cluster().member_list(request).await.ok()?.into_inner().members)
}

/// Waits until a client of the proxy at `address` finds exactly these, which etcdctl must then print.
async fn finds(address: &str, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(|&address| address.to_owned()).collect();
    let what = format!("a client of {address} finds {expected:?}");
    eventually(&what, SOON, async || {
        let members = members(address).await?;
        let found: BTreeSet<String> = members.iter().flat_map(|member| member.client_ur_ls.clone()).collect();
        (found == expected && members.len() == expected.len()).then_some(())
    })
    .await;
    let printed = Etcdctl::of(address).run(&["member", "list"]).await;
    assert!(expected.iter().all(|address| printed.stdout.contains(address)), "{printed:?}");
}

async fn registrations(cluster: &Cluster, prefix: &str) -> Vec<KeyValue> {
    let end = format!("{}0", prefix.trim_end_matches('/'));
    let all = cluster.member(0).client().kv().range(range(prefix, &end)).await;
    all.expect("the registrations").into_inner().kvs
}

/// Waits until the log has so many lines of this message: they are written a moment after what they tell of.
async fn is_counted(proxy: &Proxy, message: &str, lines: usize) {
    eventually(message, SOON, async || (count(proxy, message) == lines).then_some(())).await;
}

/// What the lines of this message gave as their reasons.
fn reasons(proxy: &Proxy, message: &str) -> Vec<String> {
    let log = proxy.log();
    log.iter().filter(|line| line["msg"] == message).map(|line| line["reason"].to_string()).collect()
}

/// etcdctl as root, which it gives two seconds for the login if it is not told otherwise.
fn as_user(proxy: &Proxy) -> Etcdctl {
    let etcdctl = Etcdctl::of(proxy.address()).flag("--user=root:root");
    etcdctl.flag("--dial-timeout=15s").flag("--command-timeout=15s")
}

#[tokio::test]
async fn two_of_ours_and_an_existing_one_see_one_list_from_the_first_to_the_last() {
    let cluster = Cluster::start(Shape::single()).await;
    let mut first = ours(&cluster, &[]).await;
    let mut second = ours(&cluster, &[]).await;
    let theirs = existing(&cluster, &[]).await;
    let (a, b, c) = (first.address().to_owned(), second.address().to_owned(), theirs.address().to_owned());
    for address in [&a, &b, &c] {
        finds(address, &[&a, &b, &c]).await;
    }
    same_layout(&cluster, &a, &c).await;

    second.end_by("KILL");
    find_after_a_loss(&[&a], &c, &[&a, &c]).await;
    second.end().await;
    let third = ours(&cluster, &[]).await;
    find_after_a_loss(&[&a, third.address()], &c, &[&a, &c, third.address()]).await;

    first.terminate();
    assert!(first.end().await.success());
    let left = registrations(&cluster, "proxies/").await;
    assert!(left.iter().all(|kv| kv.key != format!("proxies/{a}")), "it takes its entry with it: {left:?}");
    let said = first.log();
    let position = |message: &str| said.iter().position(|line| line["msg"] == message);
    let revoked = position("revoked the lease of the registration");
    let stopped = position("stop listening gRPC proxy client requests");
    assert!(revoked.is_some() && revoked < stopped, "{revoked:?} before {stopped:?}");
    find_after_a_loss(&[third.address()], &c, &[&c, third.address()]).await;
}

/// etcd's own proxy goes on to list who has gone, until 3.4.33.
async fn find_after_a_loss(ours: &[&str], theirs: &str, expected: &[&str]) {
    for address in ours {
        finds(address, expected).await;
    }
    if environment::etcd_version() > (3, 4) {
        finds(theirs, expected).await;
    }
}

/// Same host, so all but the address is the same text.
async fn same_layout(cluster: &Cluster, ours: &str, theirs: &str) {
    let all = registrations(cluster, "proxies/").await;
    let value = |address: &str| {
        let kv = all.iter().find(|kv| kv.key == format!("proxies/{address}")).expect("a registration");
        assert_ne!(kv.lease, 0);
        String::from_utf8(kv.value.to_vec()).expect("text")
    };
    assert_eq!(value(ours).replace(ours, "ADDRESS"), value(theirs).replace(theirs, "ADDRESS"));
    let names: BTreeSet<String> = members(ours).await.expect("a list").into_iter().map(|m| m.name).collect();
    assert_eq!(names.len(), 1, "all are of one host");
}

#[tokio::test]
async fn a_list_has_the_header_of_etcd() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = ours(&cluster, &[]).await;
    finds(proxy.address(), &[proxy.address()]).await;
    let list = async |client: Client| {
        let list = client.cluster().member_list(MemberListRequest { linearizable: true }).await;
        list.expect("a list").into_inner().header.expect("a header").cluster_id
    };
    assert_eq!(list(proxy.client()).await, list(cluster.member(0).client()).await);
}

#[tokio::test]
async fn in_a_namespace_the_entries_are_the_tenants() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = ours(&cluster, &["--namespace=tenant/", "--namespace-policy=strict"]).await;
    let theirs = existing(&cluster, &["--namespace=tenant/"]).await;
    let outside = ours(&cluster, &[]).await;
    for address in [proxy.address(), theirs.address()] {
        finds(address, &[proxy.address(), theirs.address()]).await;
    }
    finds(outside.address(), &[outside.address()]).await;
    assert_eq!(registrations(&cluster, "tenant/proxies/").await.len(), 2);
    assert_eq!(registrations(&cluster, "proxies/").await.len(), 1);
}

#[tokio::test]
async fn what_nobody_can_read_is_logged_once_and_left_out() {
    let cluster = Cluster::start(Shape::single()).await;
    let client = cluster.member(0).client();
    client.kv().put(put("proxies/nonsense", "nonsense")).await.expect("a write");
    let proxy = ours(&cluster, &[]).await;
    finds(proxy.address(), &[proxy.address()]).await;
    client.kv().put(put("proxies/nonsense", "more nonsense")).await.expect("a write");
    let foreign = r#"{"Op":0,"Addr":"elsewhere:1","Metadata":"{\"name\":\"other\"}"}"#;
    client.kv().put(put("proxies/elsewhere:1", foreign)).await.expect("a write");
    finds(proxy.address(), &[proxy.address(), "elsewhere:1"]).await;
    is_counted(&proxy, "left out a registration", 1).await;
    client.kv().delete_range(delete("proxies/", "proxies0")).await.expect("a deletion");
    finds(proxy.address(), &[proxy.address()]).await;
    eventually("the proxy's own entry is back", SOON, async || {
        (registrations(&cluster, "proxies/").await.len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn after_etcd_was_away_for_longer_than_the_ttl_everybody_is_there_again() {
    let mut cluster = Cluster::start(Shape::single()).await;
    let flags = ["--resolver-ttl=6"];
    let (first, second) = (ours(&cluster, &flags).await, ours(&cluster, &flags).await);
    let both = [first.address(), second.address()];
    for address in both {
        finds(address, &both).await;
    }
    cluster.member_mut(0).stop().await;
    for proxy in [&first, &second] {
        eventually("the session has expired", SOON, async || (count(proxy, EXPIRED) > 0).then_some(())).await;
    }
    cluster.member_mut(0).restart();
    cluster.ready().await;
    for proxy in [&first, &second] {
        eventually("registered again", SOON, async || (count(proxy, REGISTERED) >= 2).then_some(())).await;
        assert_eq!(count(proxy, "creating a new session to rejoin"), count(proxy, EXPIRED));
        assert!(proxy.log().len() < 60, "{} lines", proxy.log().len());
        finds(proxy.address(), &both).await;
    }
}

#[tokio::test]
async fn a_lease_that_an_operator_revokes_is_replaced() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = ours(&cluster, &[]).await;
    finds(proxy.address(), &[proxy.address()]).await;
    eventually("registered", SOON, async || (count(&proxy, REGISTERED) == 1).then_some(())).await;
    let lease = registrations(&cluster, "proxies/").await[0].lease;
    let revoked =
        Etcdctl::of(cluster.member(0).address()).run(&["lease", "revoke", &format!("{lease:x}")]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    eventually("registered with another lease", SOON, async || {
        registrations(&cluster, "proxies/").await.first().filter(|kv| kv.lease != lease).map(drop)
    })
    .await;
    is_counted(&proxy, EXPIRED, 1).await;
}

#[tokio::test]
async fn with_a_user_of_its_own_a_proxy_stays_registered_although_its_tokens_expire() {
    let shape = Shape::single();
    let has_ttl = environment::etcd_version() > (3, 4);
    let cluster = Cluster::start(if has_ttl { shape.flag("--auth-token-ttl=1") } else { shape }).await;
    enable_auth(&cluster).await;
    as_root(&cluster, &["role", "add", "registrar"]).await;
    let grant = ["role", "grant-permission", "registrar", "readwrite", "proxies/", "proxies0"];
    as_root(&cluster, &grant).await;
    as_root(&cluster, &["user", "grant-role", "proxy", "registrar"]).await;
    let proxy = ours(&cluster, &["--user=proxy:pr0xy-s3cret", "--resolver-ttl=9"]).await;
    eventually("registered", SOON, async || (count(&proxy, REGISTERED) == 1).then_some(())).await;
    let pings = async || {
        let label = ["grpc_method=\"LeaseKeepAlive\""];
        metrics::sum(cluster.member(0).address(), "grpc_server_msg_received_total", &label).await
    };
    eventually("the lease was kept alive for longer than its TTL", SOON, async || {
        (pings().await >= 4.0).then_some(())
    })
    .await;
    assert_eq!((count(&proxy, REGISTERED), count(&proxy, EXPIRED)), (1, 0));
    let printed = as_user(&proxy).run(&["member", "list"]).await;
    assert!(printed.stdout.contains(proxy.address()), "{printed:?}");
}

#[tokio::test]
async fn without_a_user_a_proxy_serves_unregistered_and_says_so_once() {
    let cluster = Cluster::start(Shape::single()).await;
    enable_auth(&cluster).await;
    let proxy = ours(&cluster, &[]).await;
    let trouble = "cannot register this proxy or keep its registration";
    eventually("trouble", SOON, async || (count(&proxy, trouble) > 0).then_some(())).await;
    let as_user = as_user(&proxy);
    for _ in 0..10 {
        let printed = as_user.run(&["member", "list"]).await;
        assert!(printed.stdout.contains(proxy.address()), "it lists itself: {printed:?}");
    }
    for message in [trouble, "cannot follow the registered proxies"] {
        let said = async || Some(reasons(&proxy, message)).filter(|reasons| !reasons.is_empty());
        let said = eventually(message, SOON, said).await;
        assert_eq!(BTreeSet::from_iter(&said).len(), said.len(), "each reason once: {said:?}");
    }
    as_root(&cluster, &["auth", "disable"]).await;
    eventually("registered", 3 * SOON, async || (count(&proxy, REGISTERED) == 1).then_some(())).await;
}
