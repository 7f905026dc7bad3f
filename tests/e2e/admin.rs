//! The pages: what is shown of the proxy and of etcd, compared with `etcd grpc-proxy` and with etcd.

mod metrics;
mod readiness;
mod status;

use e2e::http1::{Page, page};
use e2e::{Client, Cluster, EtcdProxy, Proxy, RawConnection, SOON, Shape, environment, eventually, ports};
use proto_gen::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthUserAddRequest, AuthUserGrantRoleRequest,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A proxy with a second address.
async fn with_metrics_addr(endpoints: &str, flags: &[&str]) -> (Proxy, String) {
    let address = format!("127.0.0.1:{}", ports::free_port());
    let flag = format!("--metrics-addr=http://{address}");
    let flags: Vec<&str> = flags.iter().copied().chain([flag.as_str()]).collect();
    (Proxy::start(endpoints, &flags).await, address)
}

/// etcd's proxy has pages about itself since 3.5.
fn knows_proxy_pages() -> bool {
    environment::etcd_version() >= (3, 5)
}

async fn get(address: &str, path: &str) -> Page {
    page(address, "GET", path).await.expect("a page")
}

/// The page of a proxy whose cluster is well, as soon as it says so: etcd is given a second or a few to answer,
/// which a busy machine may not have.
async fn well(address: &str, method: &str, path: &str) -> Page {
    eventually(&format!("{method} {path} tells of no failure"), SOON, async || {
        page(address, method, path).await.ok().filter(|page| page.status < 500)
    })
    .await
}

/// Status, type, `Allow` and body, as far as versions of etcd agree.
fn shape(page: Page) -> (u16, Option<String>, Option<String>, String) {
    let kind = page.header("content-type").map(|kind| kind.replace("; escaping=underscores", ""));
    let allow = page.header("allow").map(str::to_owned);
    let body = page.body.replace("{\"health\":\"true\"}", "{\"health\":\"true\",\"reason\":\"\"}");
    (page.status, kind, allow, body)
}

#[tokio::test]
async fn pages_and_codes_are_those_of_etcds_proxy() {
    let cluster = Cluster::start(Shape::single()).await;
    let theirs = EtcdProxy::start(&cluster.endpoints()).await;
    let (ours, metrics_addr) = with_metrics_addr(&cluster.endpoints(), &[]).await;
    let mut paths = vec!["/health", "/", "/nothing", "/health/"];
    if knows_proxy_pages() {
        paths.push("/proxy/health");
    }
    for path in paths {
        for method in ["GET", "PUT", "HEAD"] {
            let expected = shape(well(theirs.address(), method, path).await);
            for address in [ours.address(), &metrics_addr] {
                let found = shape(well(address, method, path).await);
                assert_eq!(found, expected, "{method} {path}");
            }
        }
    }
}

/// etcd's proxy asks whoever listens where it says that it can be reached.
#[tokio::test]
async fn the_health_of_a_proxy_is_its_own_wherever_it_can_be_reached() {
    let cluster = Cluster::start(Shape::single()).await;
    let nobody = format!("--advertise-client-url=127.0.0.1:{}", ports::free_port());
    let ours = Proxy::start(&cluster.endpoints(), &[&nobody]).await;
    let (status, _, _, body) = shape(well(ours.address(), "GET", "/proxy/health").await);
    assert_eq!((status, body.as_str()), (200, "{\"health\":\"true\",\"reason\":\"\"}"));
}

#[tokio::test]
async fn metrics_have_the_type_of_etcds_proxy() {
    let cluster = Cluster::start(Shape::single()).await;
    let theirs = EtcdProxy::start(&cluster.endpoints()).await;
    let ours = Proxy::start(&cluster.endpoints(), &[]).await;
    let mut paths = vec!["/metrics"];
    if knows_proxy_pages() {
        paths.push("/proxy/metrics");
    }
    for path in paths {
        let (status, kind, ..) = shape(well(ours.address(), "GET", path).await);
        let (expected_status, expected_kind, ..) = shape(well(theirs.address(), "GET", path).await);
        assert_eq!((status, kind), (expected_status, expected_kind), "{path}");
    }
    assert_eq!(shape(page(ours.address(), "POST", "/metrics").await.expect("a page")).0, 405);
    // A member's own names, which the proxy has none of.
    let members = well(ours.address(), "GET", "/metrics").await.body;
    assert!(members.contains("\netcd_disk_wal_fsync_duration_seconds_sum "));
}

#[tokio::test]
async fn without_etcd_the_pages_say_so_as_etcds_proxy_does() {
    let cluster = Cluster::prepare(&Shape::single());
    let theirs = EtcdProxy::start(&cluster.endpoints()).await;
    let ours = Proxy::start(&cluster.endpoints(), &[]).await;
    let expected = shape(get(theirs.address(), "/metrics").await);
    assert_eq!(shape(get(ours.address(), "/metrics").await), expected);
    for path in ["/health", "/proxy/health"] {
        let (status, kind, allow, body) = shape(get(ours.address(), path).await);
        assert!(body.starts_with("{\"health\":\"false\",\"reason\":\"GET ERROR:"), "{body}");
        assert!(body.ends_with("\"}\n"), "{body}");
        if knows_proxy_pages() {
            let (their_status, their_kind, their_allow, their_body) =
                shape(get(theirs.address(), path).await);
            assert_eq!((status, kind, allow), (their_status, their_kind, their_allow));
            assert!(their_body.starts_with("{\"health\":\"false\",\"reason\":\"GET ERROR:"), "{their_body}");
        }
    }
    assert_eq!(get(ours.address(), "/version").await.status, 500);
    assert_eq!(get(ours.address(), "/proxy/metrics").await.status, 200);
}

#[tokio::test]
async fn the_version_is_that_of_the_members() {
    let cluster = Cluster::start(Shape::single()).await;
    let ours = Proxy::start(&cluster.endpoints(), &[]).await;
    let expected = shape(get(cluster.member(0).address(), "/version").await);
    assert_eq!(shape(well(ours.address(), "GET", "/version").await), expected);
}

#[tokio::test]
async fn pages_are_there_over_http2_and_on_a_socket() {
    let cluster = Cluster::start(Shape::single()).await;
    let socket = std::env::temp_dir().join(format!("pages-{}.sock", ports::free_port()));
    let flag = format!("--metrics-addr=unix://{}", socket.display());
    let proxy = Proxy::start(&cluster.endpoints(), &[&flag]).await;
    let raw = RawConnection::connect(proxy.address()).await;
    let health = eventually("the proxy is healthy", SOON, async || {
        let health = raw.get("/health").await.expect("an answer");
        (health.status != 503).then_some(health)
    })
    .await;
    assert_eq!((health.status, &health.body[..]), (200, &b"{\"health\":\"true\",\"reason\":\"\"}"[..]));

    let mut stream = tokio::net::UnixStream::connect(&socket).await.expect("a connection");
    stream.write_all(b"GET /livez HTTP/1.0\r\n\r\n").await.expect("a request");
    let mut answer = String::new();
    e2e::soon("an answer", stream.read_to_string(&mut answer)).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    std::fs::remove_file(&socket).expect("the socket is there");
}

#[tokio::test]
async fn all_is_well_under_authentication() {
    let cluster = Cluster::start(Shape::single().flag("--bcrypt-cost=4")).await;
    let (proxy, metrics_addr) = with_metrics_addr(&cluster.endpoints(), &[]).await;
    enable_auth(&cluster.member(0).client()).await;
    for address in [proxy.address(), &metrics_addr] {
        for path in
            ["/health", "/proxy/health", "/readyz", "/livez", "/metrics", "/proxy/metrics", "/version"]
        {
            let page = well(address, "GET", path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.body);
        }
    }
}

async fn enable_auth(client: &Client) {
    let mut auth = client.auth();
    let user = AuthUserAddRequest { name: "root".into(), password: "r".into(), ..Default::default() };
    auth.user_add(user).await.expect("a user");
    auth.role_add(AuthRoleAddRequest { name: "root".into() }).await.expect("a role");
    let grant = AuthUserGrantRoleRequest { user: "root".into(), role: "root".into() };
    auth.user_grant_role(grant).await.expect("a grant");
    auth.auth_enable(AuthEnableRequest {}).await.expect("authentication is on");
}

#[tokio::test]
async fn pages_of_a_member_fail_over() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    for gone in 0..2 {
        cluster.member_mut(gone).kill();
        for path in ["/metrics", "/version"] {
            let page = well(proxy.address(), "GET", path).await;
            assert_eq!(page.status, 200, "{path} without {} members", gone + 1);
        }
    }
    // Without a quorum nothing can be read, and the pages say so.
    eventually("the proxy is not healthy", SOON, async || {
        (get(proxy.address(), "/health").await.status == 503).then_some(())
    })
    .await;
    cluster.member_mut(0).restart();
    eventually("the proxy is healthy again", SOON, async || {
        (get(proxy.address(), "/proxy/health").await.status == 200).then_some(())
    })
    .await;
}

/// Of the heap there is a profile in builds with the feature `heap-profile`.
async fn heap_is_shown_or_said_to_be_absent(address: &str) {
    const PATH: &str = "/debug/pprof/heap";
    let absent = get(address, PATH).await;
    if absent.status == 404 {
        assert!(absent.body.contains("--features heap-profile"), "{}", absent.body);
        return;
    }
    assert_eq!((absent.status, absent.header("content-type")), (200, Some("application/octet-stream")));
    let url = format!("http://{address}{PATH}");
    let folder = e2e::temp::TempDir::new("heap");
    let mut pprof = std::process::Command::new("go");
    pprof.args(["tool", "pprof", "-top", "-cum", &url]).env("PPROF_TMPDIR", folder.path());
    let Ok(read) = tokio::task::spawn_blocking(move || pprof.output()).await.expect("no panic") else {
        println!("there is no Go on this machine: its pprof would read the profile");
        return;
    };
    let said = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(read.status.success() && said.contains("Type: inuse_space"), "{read:?}");
    assert!(said.contains("tokio::runtime"), "{said}");
}

#[tokio::test]
async fn profiles_are_there_when_asked_for() {
    let cluster = Cluster::start(Shape::single()).await;
    let (ours, pages) = with_metrics_addr(&cluster.endpoints(), &["--enable-pprof"]).await;
    assert_eq!(get(ours.address(), "/debug/pprof/").await.status, 200);
    assert_eq!(get(&pages, "/debug/pprof/cmdline").await.status, 200);
    let warned = |line: &serde_json::Value| {
        let text = line["msg"].as_str().unwrap_or_default();
        line["level"] == "warn" && text.contains("profiles are served to whoever can reach the listeners")
    };
    assert!(ours.log().iter().any(warned), "{:?}", ours.log());
    heap_is_shown_or_said_to_be_absent(ours.address()).await;
    for runtime in ["main: ", "admin: ", "worker-0: "] {
        eventually(&format!("tasks of {runtime}"), SOON, async || {
            let tasks = get(ours.address(), "/debug/pprof/tasks").await;
            let line =
                tasks.body.lines().find(|line| line.starts_with(runtime)).expect("a line for each runtime");
            (line.contains(" tasks, ") && !line.contains(": 0 tasks")).then_some(())
        })
        .await;
    }
    let client = ours.client();
    let busy =
        tokio::spawn(async move { while client.kv().range(crate::requests::get("a")).await.is_ok() {} });
    // The string table of a profile: what is measured, and where the time went, if there was any.
    eventually("a profile with what was measured", SOON, async || {
        let profile = get(ours.address(), "/debug/pprof/profile?seconds=2").await;
        assert_eq!((profile.status, profile.header("content-type")), (200, Some("application/octet-stream")));
        ["nanoseconds", "tokio::runtime"].iter().all(|name| profile.body.contains(name)).then_some(())
    })
    .await;
    busy.abort();
    let plain = Proxy::start(&cluster.endpoints(), &[]).await;
    assert_eq!(get(plain.address(), "/debug/pprof/").await.status, 404);
}
