//! Which clients are let in.

use e2e::certificates::Wish;
use e2e::{Authority, Cluster, Files, Proxy, SOON, Shape, eventually, metrics, ports};

use super::{assert_good, etcdctl, flag, serving, started};

/// A proxy that asks for certificates and tells of its metrics in plain text.
async fn strict_proxy(cluster: &Cluster, authority: &Authority, more: &[String]) -> (Proxy, String) {
    let address = format!("127.0.0.1:{}", ports::free_port());
    let metrics = format!("--metrics-addr=http://{address}");
    let server = authority.server("server");
    let flags = [serving(&server, authority), vec![metrics], more.to_vec()].concat();
    (started(&cluster.endpoints(), &flags).await, address)
}

async fn failures(metrics_addr: &str, reason: &str) -> f64 {
    let label = format!("reason=\"{reason}\"");
    let name = "etcd_grpc_proxy_tls_handshake_failures_total";
    metrics::sum_at(metrics_addr, "/proxy/metrics", name, &[&label]).await
}

/// Refuses a client, and counts it under this reason.
async fn is_refused(
    proxy: &Proxy,
    metrics_addr: &str,
    authority: &Authority,
    own: Option<&Files>,
    reason: &str,
) {
    let before = failures(metrics_addr, reason).await;
    let ended =
        etcdctl(proxy.address(), authority, own).flag("--command-timeout=2s").run(&["get", "a"]).await;
    assert_ne!(ended.code, 0, "{reason}: {ended:?}");
    let counted = async || (failures(metrics_addr, reason).await > before).then_some(());
    eventually(&format!("{reason} is counted"), SOON, counted).await;
}

#[tokio::test]
async fn only_clients_with_a_good_certificate_are_let_in() {
    let authority = Authority::new("only-clients");
    let stranger = Authority::new("stranger");
    let cluster = Cluster::start(Shape::single()).await;
    let revoked = authority.client("revoked", &Wish { serial: 0x0bad, ..Wish::default() });
    let expired = authority.client("expired", &Wish { days: (-3, -1), ..Wish::default() });
    let of_stranger = stranger.client("other", &Wish::default());
    let good = authority.client("good", &Wish { serial: 7, ..Wish::default() });
    let list = authority.revokes(&[0x0bad]);
    let lists =
        [authority.write("list.der", list.der()), authority.write("list.pem", list.pem().expect("PEM"))];
    for list in lists {
        for mode in ["etcd", "strict"] {
            let flags = [flag("client-crl-file", &list), format!("--client-crl-mode={mode}")];
            let (proxy, metrics_addr) = strict_proxy(&cluster, &authority, &flags).await;
            assert_good(
                &etcdctl(proxy.address(), &authority, Some(&good)).run(&["put", "a", "1"]).await,
                "OK\n",
            );
            is_refused(&proxy, &metrics_addr, &authority, Some(&revoked), "revoked").await;
            is_refused(&proxy, &metrics_addr, &authority, Some(&expired), "expired").await;
            is_refused(&proxy, &metrics_addr, &authority, Some(&of_stranger), "unknown_authority").await;
            is_refused(&proxy, &metrics_addr, &authority, None, "no_certificate").await;
            assert_good(
                &etcdctl(proxy.address(), &authority, Some(&good)).run(&["get", "a"]).await,
                "a\n1\n",
            );
            let told = |line: &serde_json::Value| line["msg"] == "rejected connection on client endpoint";
            eventually("the log tells of a refused client", SOON, async || {
                proxy.log().iter().any(told).then_some(())
            })
            .await;
        }
    }
}
