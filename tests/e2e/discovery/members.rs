//! The members of a cluster that wants TLS on both sides, found by DNS: the proxy dials whom it believes, and believes whom it
//! can dial.

use e2e::certificates::Wish;
use e2e::{Authority, Cluster, Dns, Files, Proxy, SOON, Shape, dns::ZONE, eventually};

use super::proxy::{NOBODY, eventually_says, says, serves, started};
use super::service;
use crate::requests::put;
use crate::tls::asking;

/// The TLS listeners of these members.
fn services(cluster: &Cluster, members: &[usize]) -> String {
    let one = |index: &usize| {
        service("etcd-client-ssl", 0, 0, &format!("m{index}"), &cluster.member(*index).tls_address())
    };
    members.iter().map(one).collect()
}

async fn proxy_of(dns: &Dns, own: &Files, authority: &Authority, more: &[&str]) -> Proxy {
    let flags = asking(own, authority);
    let flags: Vec<&str> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    started(dns, NOBODY, &flags).await
}

/// As etcd's check asks for it, a certificate may carry the domain's name; as a client asks for it, the member's own.
#[tokio::test]
async fn a_cluster_with_client_certificates_is_found_and_served() {
    let wildcard = format!("*.{ZONE}");
    let hosts: Vec<String> = (0..3).map(|index| format!("m{index}.{ZONE}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    for names in [&[ZONE][..], &hosts, &[&wildcard]] {
        let authority = Authority::new("srv");
        let server = authority.server_named("server", names);
        let own = authority.client("own", &Wish::default());
        let cluster = Cluster::start(Shape::three().tls(&server, &authority)).await;
        let dns = Dns::start(&services(&cluster, &[0, 1, 2])).await;
        for more in [&[][..], &["--insecure-discovery"]] {
            let proxy = proxy_of(&dns, &own, &authority, more).await;
            serves(&proxy, "key").await;
            let line = says(&proxy, "discovered cluster from SRV").expect("etcd's line");
            let found = line["endpoints"].as_array().expect("a list");
            assert!(found.iter().all(|url| url.as_str().is_some_and(|url| url.starts_with("https://m"))));
            let validated = says(&proxy, "using validated discovered SRV endpoints");
            let believed = validated.map(|line| line["endpoints"].as_array().map(Vec::len));
            assert_eq!(believed, more.is_empty().then_some(Some(3)), "{names:?}");
        }
    }
}

/// Who shows another name, or the certificate of another authority, is named in the log and not dialled.
#[tokio::test]
async fn a_cluster_that_cannot_show_who_it_is_is_not_dialled() {
    let (authority, other) = (Authority::new("srv-ours"), Authority::new("srv-other"));
    let own = authority.client("own", &Wish::default());
    let misnamed = authority.server_named("misnamed", &["elsewhere.test"]);
    let of_another = other.server_named("of-another", &[ZONE]);
    for (server, clients) in [(&misnamed, &authority), (&of_another, &authority)] {
        let cluster = Cluster::start(Shape::single().tls(server, clients)).await;
        let dns = Dns::start(&services(&cluster, &[0])).await;
        let proxy = proxy_of(&dns, &own, &authority, &[]).await;
        let doubt = says(&proxy, "failed to validate discovered endpoints").expect("etcd's line");
        let error = doubt["error"].as_str().expect("a text");
        assert!(error.contains("m0.cluster.test") && error.contains("failed to dial"), "{error}");
        says(&proxy, "no endpoint of SRV is used: those of --endpoints are").expect("a line");
    }
}

/// Members come and go while the proxy runs, each by its certificate, and calls go on.
#[tokio::test]
async fn members_with_certificates_come_and_go_with_their_records() {
    let authority = Authority::new("srv-moves");
    let server = authority.server_named("server", &[ZONE]);
    let own = authority.client("own", &Wish::default());
    let mut cluster = Cluster::start(Shape::three().tls(&server, &authority)).await;
    let mut dns = Dns::start(&services(&cluster, &[0])).await;
    let proxy = proxy_of(&dns, &own, &authority, &[]).await;
    serves(&proxy, "first").await;
    dns.now(&services(&cluster, &[1, 2])).await;
    eventually_says(&proxy, "member added").await;
    eventually_says(&proxy, "member removed").await;
    cluster.member_mut(0).kill();
    eventually("the others serve", SOON, async || proxy.client().kv().put(put("second", "value")).await.ok())
        .await;
    serves(&proxy, "third").await;
}
