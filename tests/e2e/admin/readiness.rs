//! `/livez` and `/readyz`: in etcd's form, and the first to know of a drain.

use std::time::{Duration, Instant};

use e2e::{Cluster, Proxy, SOON, Shape, Side, environment, eventually, metrics};
use proto_gen::v3lockpb::UnlockRequest;

use super::{get, shape, well, with_metrics_addr};
use crate::lock_election::{lock, queued};

#[tokio::test]
async fn the_form_is_etcds() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let all = "[+]drain ok\n[+]workers ok\n[+]upstream ok\n[+]linearizable_read ok\n[+]watch ok\nok\n";
    let cases = [
        ("/livez", "ok\n"),
        ("/livez?verbose", "[+]workers ok\nok\n"),
        ("/readyz", "ok\n"),
        ("/readyz?verbose", all),
        (
            "/readyz?verbose&exclude=drain&exclude=watch&exclude=upstream&exclude=workers",
            "[+]linearizable_read ok\nok\n",
        ),
        ("/readyz/linearizable_read", "ok\n"),
        ("/readyz/linearizable_read?verbose", "[+]linearizable_read ok\nok\n"),
    ];
    for (path, body) in cases {
        let page = well(proxy.address(), "GET", path).await;
        assert_eq!((page.status, page.body.as_str()), (200, body), "{path}");
    }
    for check in ["drain", "workers", "upstream", "linearizable_read", "watch"] {
        let page = well(proxy.address(), "GET", &format!("/readyz/{check}?verbose")).await;
        assert_eq!((page.status, page.body), (200, format!("[+]{check} ok\nok\n")));
    }
    assert_eq!(well(proxy.address(), "GET", "/livez/workers").await.status, 200);
    for nothing in ["/readyz/nothing", "/livez/watch"] {
        assert_eq!(get(proxy.address(), nothing).await.status, 404, "{nothing}");
    }
    // etcd has these pages since 3.5.11.
    if environment::etcd_version() >= (3, 6) {
        let member = cluster.member(0).address();
        for path in ["/readyz", "/readyz/linearizable_read?verbose", "/readyz/nothing"] {
            for method in ["GET", "POST"] {
                let expected = shape(well(member, method, path).await);
                let found = shape(well(proxy.address(), method, path).await);
                // What is neither gRPC nor a page is refused by its content type here.
                if method == "GET" || expected.0 != 404 {
                    assert_eq!(found, expected, "{method} {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn without_etcd_the_proxy_lives_and_is_not_ready() {
    let cluster = Cluster::prepare(&Shape::single());
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let ready = eventually("it is not ready, and nothing else is wrong", SOON, async || {
        let page = get(proxy.address(), "/readyz").await;
        let lines = [
            "[+]drain ok\n[+]workers ok\n",
            "[-]upstream failed: no member serves: ",
            "[-]linearizable_read failed: GET ERROR:",
        ];
        lines.iter().all(|line| page.body.contains(line)).then_some(page)
    })
    .await;
    assert_eq!(ready.status, 503);
    assert_eq!(well(proxy.address(), "GET", "/livez").await.status, 200);
}

#[tokio::test]
async fn a_drain_is_seen_while_calls_finish() {
    let cluster = Cluster::start(Shape::single()).await;
    let (mut proxy, metrics_addr) = with_metrics_addr(&cluster.endpoints(), &[]).await;
    let client = proxy.client();
    let key = client.lock().lock(lock("drain", 0)).await.expect("the lock").into_inner().key;
    let mut locks = client.lock();
    let waiting = tokio::spawn(async move { locks.lock(lock("drain", 0)).await.map(drop) });
    let side = Side { cluster: &cluster, client, address: proxy.address().to_owned() };
    queued(&side, "drain/", 2).await;
    assert_eq!(well(&metrics_addr, "GET", "/readyz").await.status, 200);
    proxy.terminate();
    eventually("readiness tells of the drain", SOON, async || {
        let page = get(&metrics_addr, "/readyz").await;
        (page.status == 503 && page.body.contains("[-]drain failed: shutting down\n")).then_some(())
    })
    .await;
    for path in ["/livez", "/readyz?exclude=drain&exclude=watch"] {
        assert_eq!(well(&metrics_addr, "GET", path).await.status, 200, "{path}");
    }
    // The lock was for the drain alone.
    let etcd = cluster.member(0).client();
    etcd.lock().unlock(UnlockRequest { key }).await.expect("unlocked");
    e2e::soon("the call finishes", waiting).await.expect("no panic").expect("the lock");
    assert!(proxy.end().await.success());
}

#[tokio::test]
async fn a_storm_of_scrapes_reaches_etcd_at_a_bounded_rate() {
    const AT_ONCE: usize = 50;
    const ROUNDS: usize = 6;
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let member = cluster.member(0).address();
    let reads = async || metrics::sum(member, "grpc_server_handled_total", &["grpc_method=\"Range\""]).await;
    let scrapes =
        async || metrics::sum(member, "promhttp_metric_handler_requests_total", &["code=\"200\""]).await;
    let watches =
        async || metrics::sum(member, "grpc_server_msg_received_total", &["grpc_method=\"Watch\""]).await;
    let before = (reads().await, scrapes().await, watches().await);
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let pages = ["/health", "/proxy/health", "/metrics", "/readyz"];
        let storm = (0..AT_ONCE).flat_map(|_| pages).map(|path| {
            let address = proxy.address().to_owned();
            tokio::spawn(async move { get(&address, path).await.status })
        });
        for answered in storm.collect::<Vec<_>>() {
            // In a storm etcd may take longer than it is given.
            let status = answered.await.expect("no panic");
            assert!(matches!(status, 200 | 500 | 503), "{status}");
        }
    }
    for path in ["/health", "/proxy/health", "/metrics", "/readyz"] {
        assert_eq!(well(proxy.address(), "GET", path).await.status, 200, "{path} after the storm");
    }
    let seconds = began.elapsed().as_secs_f64();
    let after = (reads().await, scrapes().await, watches().await);
    // Once a second each, and one more at either end.
    let most = seconds / Duration::from_secs(1).as_secs_f64() + 2.0;
    assert!(after.0 - before.0 <= 2.0 * most, "{} reads in {seconds} s", after.0 - before.0);
    // The looks of this test count too.
    assert!(after.1 - before.1 <= most + 6.0, "{} scrapes in {seconds} s", after.1 - before.1);
    assert!(after.2 - before.2 <= 3.0 * most, "{} watch requests in {seconds} s", after.2 - before.2);
}
