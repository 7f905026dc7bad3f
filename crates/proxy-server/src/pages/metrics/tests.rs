//! The names as they are documented.

use super::*;
use crate::worker;
use tokio_util::sync::CancellationToken;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
const BEGIN: &str = "<!-- table -->\n";
const END: &str = "<!-- end of table -->";

fn cluster() -> Arc<Cluster> {
    let config = upstream_balancer::Config {
        endpoints: vec!["127.0.0.1:2379".parse().unwrap()],
        tls: None,
        resolver: dns_discovery::Resolver::System,
        policy: upstream_balancer::Policy::Pin,
        connections: 1,
        dial_timeout: std::time::Duration::from_secs(5),
        keepalive: None,
        max_send_bytes: 1,
        max_recv_bytes: 1,
    };
    Cluster::new(config).0
}

/// A listener with a certificate of its own making.
fn tls() -> Tls {
    use tls_termination::{
        CipherSuites, CrlMode, Curves, Limits, SelfSigned, ServerTls, TlsListener, TlsVersion,
    };
    let folder = std::env::temp_dir().join(format!(
        "metrics-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let made = SelfSigned { folder, names: vec!["localhost".to_owned()], years: 1 };
    made.ensure().unwrap();
    let choices = ServerTls {
        cert: made.cert(),
        key: made.key(),
        trusted_ca: None,
        crl: None,
        crl_mode: CrlMode::Etcd,
        suites: CipherSuites::default(),
        curves: Curves::default(),
        min_version: TlsVersion::V1_2,
        max_version: TlsVersion::V1_3,
    };
    let listener = TlsListener::new(&choices, Limits::default(), Arc::default()).unwrap();
    std::fs::remove_dir_all(&made.folder).unwrap();
    Tls {
        sources: listener.sources(),
        clients: Some(listener),
        metrics: None,
        self_signed: None,
        counters: Arc::default(),
        renewed: Arc::default(),
    }
}

fn registry() -> Registry {
    let registry = Registry::default();
    let cluster = cluster();
    let client = proto_gen::etcdserverpb::watch_client::WatchClient::new(
        upstream_balancer::Upstream::new(Arc::clone(&cluster)).lane(upstream_balancer::Lane::Watch),
    );
    let namespace = namespace::Namespace::new(String::new(), namespace::Policy::Permissive);
    let (watch_hub, _) = WatchHub::new(
        watch_coalesce::Config::default(),
        crate::services::watch_upstream::WatchUpstream { client, namespace },
    );
    let lease = upstream_balancer::Upstream::new(Arc::clone(&cluster)).lane(upstream_balancer::Lane::Lease);
    let (lease_hub, _) = LeaseHub::new(
        lease_coalesce::Config::default(),
        proto_gen::etcdserverpb::lease_client::LeaseClient::new(lease),
    );
    let (worker, _) = worker::new(CancellationToken::new());
    let calls = Calls::new(true);
    let (cache, _) = KvCache::new(kv_cache::Config::default());
    calls.shard();
    let itself = resolver_registry::Proxy { name: String::new(), address: String::new() };
    let proxies = resolver_registry::Registry::alone(itself);
    Sources {
        calls: &calls,
        cluster: &cluster,
        watch_hub: &watch_hub,
        lease_hub: &lease_hub,
        cache: &cache,
        leasing: &Leasing::off(),
        read_counters: &Arc::default(),
        proxies: &proxies,
        tls: &tls(),
        workers: &[worker],
        limits: &Limits::default(),
    }
    .register(&registry);
    let _ = health(&registry);
    registry
}

fn table(registry: &Registry) -> String {
    let row = |row: admin_http::Row| {
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {} | {} | {} |\n", row.name, row.kind, labels.join(" "), row.help)
    };
    let head = "| name | type | labels | what |\n|---|---|---|---|\n".to_owned();
    registry.rows().into_iter().map(row).fold(head, |table, row| table + &row)
}

/// `cargo xtask docs` writes the table.
#[test]
fn every_name_is_documented() {
    documented(&registry(), BEGIN);
}

/// Holds a registry against the table that begins with this mark.
pub(crate) fn documented(registry: &Registry, begin: &str) {
    // Tests run side by side, and who writes a table must not undo another's.
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ALONE.lock().unwrap();
    let document = std::fs::read_to_string(DOCUMENT).unwrap();
    let (before, rest) = document.split_once(begin).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let table = table(registry);
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(DOCUMENT, format!("{before}{begin}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(found, table, "write it anew: cargo xtask docs");
    }
}

#[test]
fn every_name_has_a_sample_from_the_start() {
    let registry = registry();
    let page = registry.render();
    for row in registry.rows() {
        let begins =
            |line: &str| line.strip_prefix(&row.name).is_some_and(|rest| rest.starts_with(['{', ' ', '_']));
        assert!(page.lines().any(begins), "{} in\n{page}", row.name);
    }
    let methods = page.lines().filter(|line| line.starts_with("grpc_server_started_total{")).count();
    let handled = page.lines().filter(|line| line.starts_with("grpc_server_handled_total{")).count();
    assert!(methods > 45 && handled == methods * 17, "{methods} {handled}");
    assert!(page.contains(
        "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Range\",grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} 0\n"
    ));
}

/// Who shows a name that nobody has, shows nothing, and an alert on it never comes.
#[test]
fn dashboards_and_alerts_use_names_that_there_are() {
    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
    const USERS: [&str; 4] = [
        "contrib/kubernetes/prometheus-rule.yaml",
        "contrib/grafana/etcd-grpc-proxy.json",
        "contrib/prometheus/etcd-grpc-proxy.rules.yml",
        "contrib/prometheus/etcd-grpc-proxy.tests.yml",
    ];
    const OURS: [&str; 4] = ["etcd_grpc_proxy_", "etcd_server_", "grpc_server_", "process_"];
    let read = |file: &str| std::fs::read_to_string(format!("{ROOT}{file}")).unwrap();
    let documented = read("docs/metrics.md");
    for file in USERS {
        let text = read(file);
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let names: std::collections::BTreeSet<&str> =
            words.filter(|word| OURS.iter().any(|prefix| word.starts_with(prefix))).collect();
        assert!(names.len() > 5, "{file}: {names:?}");
        for name in names {
            let family = name.strip_suffix("_bucket").unwrap_or(name);
            assert!(
                documented.contains(&format!("| `{family}` |")),
                "{name} of {file} is not in docs/metrics.md"
            );
        }
    }
}
