//! The registry over a small etcd in this process, in time that passes when nobody has anything to do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "this is test code: a broken expectation must fail the test where it stands"
)]

mod double;

use std::time::Duration;

use resolver_registry::{Config, Proxy, Registry};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tonic::Status;

use crate::double::Etcd;

const TTL: i64 = 12;

fn proxy(name: &str) -> Proxy {
    Proxy { name: format!("host-{name}"), address: format!("{name}:23790") }
}

fn key(name: &str) -> String {
    format!("p/{name}:23790")
}

/// A registry on the prefix `p`, and its worker as a task.
fn start(etcd: &Etcd, name: &str) -> (Registry, JoinHandle<()>) {
    let config = Config::new("p", proxy(name), TTL);
    let (registry, worker) = Registry::new(config, etcd.kv(), etcd.lease(), etcd.watch());
    (registry, tokio::spawn(worker.run()))
}

async fn until(what: &str, within: u64, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(within), "not within {within}s: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn lists(registry: &Registry, names: &[&str], within: u64) {
    let expected: Vec<Proxy> = names.iter().map(|name| proxy(name)).collect();
    until(&format!("{names:?} are listed"), within, || registry.proxies()[..] == expected).await;
}

fn gone() -> Option<Status> {
    Some(Status::unavailable("no etcd member can be reached"))
}

#[tokio::test(start_paused = true)]
async fn proxies_find_each_other_and_forget_who_leaves_or_dies() {
    let etcd = Etcd::start();
    let (a, _a) = start(&etcd, "a");
    assert_eq!(a.proxies()[..], [proxy("a")], "before anybody was heard of");
    let (b, _b) = start(&etcd, "b");
    let (c, killed) = start(&etcd, "c");
    for registry in [&a, &b, &c] {
        lists(registry, &["a", "b", "c"], 1).await;
        assert!(registry.is_registered());
    }
    killed.abort();
    for registry in [&a, &b] {
        lists(registry, &["a", "b"], 14).await;
    }
    let leaving = Instant::now();
    b.deregister().await;
    assert_eq!(leaving.elapsed(), Duration::ZERO);
    assert!(!b.is_registered() && etcd.get(&key("b")).is_none());
    for registry in [&a, &b] {
        lists(registry, &["a"], 1).await;
    }
    assert_eq!(etcd.leases(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_registration_lasts_as_long_as_its_proxy() {
    let etcd = Etcd::start();
    let (a, _worker) = start(&etcd, "a");
    until("registered", 1, || a.is_registered()).await;
    let first = etcd.get(&key("a")).unwrap();
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(etcd.get(&key("a")).unwrap(), first);
    assert_eq!(a.counters().registrations.get(), 1);
    // Three pings for each TTL, and the few calls that it took to register and to follow.
    assert!(etcd.calls() < 3600 / 4 + 10, "{} calls", etcd.calls());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_etcd_has_forgotten_is_replaced() {
    let etcd = Etcd::start();
    let (a, _worker) = start(&etcd, "a");
    until("registered", 1, || a.is_registered()).await;
    etcd.forget_leases();
    // The watch tells before the next ping would.
    until("registered again", 2, || etcd.get(&key("a")).is_some() && a.is_registered()).await;
    assert_eq!((a.counters().expirations.get(), etcd.leases()), (1, 1));
    lists(&a, &["a"], 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_losses_leave_one_lease_and_one_stream_of_each_kind() {
    let etcd = Etcd::start();
    let (a, _worker) = start(&etcd, "a");
    for lost in 0..1000 {
        until("registered", 10, || a.is_registered() && etcd.get(&key("a")).is_some()).await;
        assert_eq!(a.counters().expirations.get(), lost);
        etcd.forget_leases();
        until("the loss is noticed", 10, || a.counters().expirations.get() == lost + 1).await;
    }
    until("registered", 10, || a.is_registered()).await;
    // Long enough for a ping.
    sleep(Duration::from_secs(10)).await;
    assert_eq!((etcd.leases(), etcd.streams()), (1, (1, 1)));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_somebody_deletes_comes_back_with_its_lease() {
    let etcd = Etcd::start();
    let (a, _worker) = start(&etcd, "a");
    until("registered", 1, || a.is_registered()).await;
    sleep(Duration::from_secs(1)).await;
    let lease = etcd.get(&key("a")).unwrap().lease;
    etcd.delete(&key("a"));
    until("the entry is back", 2, || etcd.get(&key("a")).is_some()).await;
    assert_eq!(etcd.get(&key("a")).unwrap().lease, lease);
    assert_eq!(a.counters().expirations.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_away_finds_the_proxy_registered_within_the_ttl_and_was_not_stormed() {
    let etcd = Etcd::start();
    etcd.put("p/x:1", r#"{"Op":0,"Addr":"x:1","Metadata":"{\"name\":\"x\"}"}"#);
    let (a, _worker) = start(&etcd, "a");
    until("registered", 1, || a.is_registered() && a.proxies().len() == 2).await;
    etcd.fail(gone());
    let before = etcd.calls();
    sleep(Duration::from_secs(600)).await;
    assert!(!a.is_registered());
    assert_eq!(a.proxies().len(), 2, "what was known is still known");
    let calls = etcd.calls() - before;
    assert!(calls < 600, "{calls} calls in 10 minutes");
    etcd.fail(None);
    etcd.forget_leases();
    etcd.delete("p/x:1");
    until("registered again", TTL.unsigned_abs(), || a.is_registered() && etcd.get(&key("a")).is_some())
        .await;
    // Deleted while nobody watched.
    lists(&a, &["a"], TTL.unsigned_abs()).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_absence_costs_no_registration() {
    let etcd = Etcd::start();
    let (a, _worker) = start(&etcd, "a");
    until("registered", 1, || a.is_registered()).await;
    for _ in 0..5 {
        sleep(Duration::from_secs(7)).await;
        etcd.fail(gone());
        sleep(Duration::from_secs(3)).await;
        etcd.fail(None);
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!((a.counters().registrations.get(), a.counters().expirations.get()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_leaves_pings_unanswered_is_replaced_before_the_lease_is_over() {
    let etcd = Etcd::start();
    let (a, _worker) = start(&etcd, "a");
    until("registered", 1, || a.is_registered()).await;
    etcd.silence(true);
    sleep(Duration::from_secs(6)).await;
    etcd.silence(false);
    sleep(Duration::from_secs(60)).await;
    assert_eq!((a.counters().registrations.get(), a.counters().expirations.get()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn who_is_refused_asks_rarely_and_registers_once_it_may() {
    let etcd = Etcd::start();
    etcd.fail(Some(Status::invalid_argument("etcdserver: user name is empty")));
    let (a, _worker) = start(&etcd, "a");
    sleep(Duration::from_secs(3600)).await;
    assert!(etcd.calls() < 300, "{} calls in an hour", etcd.calls());
    assert_eq!(a.proxies()[..], [proxy("a")]);
    etcd.fail(None);
    until("registered", 61, || a.is_registered()).await;
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_and_nobody_can_read_is_left_out() {
    let etcd = Etcd::start();
    etcd.put("p/nonsense", "nonsense");
    etcd.put("p2/elsewhere", r#"{"Op":0,"Addr":"e:1","Metadata":"{\"name\":\"e\"}"}"#);
    let (a, _worker) = start(&etcd, "a");
    lists(&a, &["a"], 1).await;
    etcd.put("p/more", "{}");
    etcd.put(&key("b"), r#"{"Op":0,"Addr":"b:23790","Metadata":"{\"name\":\"host-b\"}"}"#);
    lists(&a, &["a", "b"], 1).await;
    etcd.put(&key("b"), "5");
    lists(&a, &["a"], 1).await;
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_etcd_is_away_does_not_wait_for_it() {
    let etcd = Etcd::start();
    let (a, _worker) = start(&etcd, "a");
    until("registered", 1, || a.is_registered()).await;
    etcd.fail(gone());
    a.deregister().await;
    let (b, _worker) = start(&etcd, "b");
    b.deregister().await;
    etcd.fail(None);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(etcd.leases(), 0, "nobody keeps or takes a lease after leaving");
}

#[tokio::test]
async fn a_registry_of_its_own_lists_itself_and_has_nothing_to_leave() {
    let alone = Registry::alone(proxy("a"));
    assert_eq!(alone.proxies()[..], [proxy("a")]);
    alone.deregister().await;
}
