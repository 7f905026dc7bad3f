//! TLS towards etcd.

use std::process::Command;

use e2e::certificates::Wish;
use e2e::etcdctl::Ended;
use e2e::temp::TempDir;
use e2e::{Authority, Cluster, Etcdctl, Proxy, Shape, environment};

use super::{asking, assert_good, etcdctl, flag, serving, started};

/// etcdctl at a proxy that speaks plain text to clients.
fn plain(proxy: &Proxy) -> Etcdctl {
    Etcdctl::of(proxy.address())
}

/// What an endpoint without a scheme speaks is said by the flags, and every combination that makes sense works.
#[tokio::test]
async fn flags_and_schemes_go_together() {
    let authority = Authority::new("combinations");
    let server = authority.server("server");
    let files = [flag("cert-file", &server.cert), flag("key-file", &server.key)];
    // Without --client-cert-auth: a certificate of the proxy's is welcome and not needed.
    let mut shape = Shape::single();
    shape.tls = true;
    let cluster = Cluster::start(files.iter().fold(shape, |shape, file| shape.flag(file))).await;
    let own = authority.client("own", &Wish::default());
    let (tls, plain_address) = (cluster.member(0).tls_address(), cluster.member(0).address().to_owned());
    let (https, cacert) = (format!("https://{tls}"), flag("cacert", authority.file()));
    let skip = "--insecure-skip-tls-verify".to_owned();
    let pair = [flag("cert", &own.cert), flag("key", &own.key)];
    let cases = [
        (https.clone(), vec![cacert.clone()]),
        (tls.clone(), vec![cacert.clone()]),
        (https.clone(), vec![skip.clone()]),
        (tls.clone(), vec![skip.clone()]),
        (https.clone(), asking(&own, &authority)),
        (tls, [&pair[..], std::slice::from_ref(&skip)].concat()),
        (https.clone(), [&pair[..], &[skip, cacert.clone()]].concat()),
        // The endpoint's own scheme comes before the flags.
        (format!("http://{plain_address}"), vec![cacert]),
        (plain_address, Vec::new()),
    ];
    for (endpoint, flags) in cases {
        let proxy = started(&endpoint, &flags).await;
        let ended = plain(&proxy).run(&["put", "a", "1"]).await;
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (0, "OK\n"),
            "{endpoint} {flags:?}: {}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn a_cluster_of_another_authority_is_not_spoken_to() {
    let (authority, other) = (Authority::new("theirs"), Authority::new("others"));
    let server = authority.server("server");
    let cluster = Cluster::start(Shape::single().tls(&server, &authority)).await;
    let own = authority.client("own", &Wish::default());
    let wrong_authority = asking(&own, &other);
    let no_certificate = vec![flag("cacert", authority.file())];
    for flags in [wrong_authority, no_certificate] {
        let proxy = started(&cluster.tls_endpoints(), &flags).await;
        let ended = plain(&proxy).flag("--command-timeout=2s").run(&["put", "a", "1"]).await;
        assert_ne!(ended.code, 0, "{flags:?}");
    }
    let written = cluster.member(0).client().kv().range(crate::requests::get("a")).await.expect("an answer");
    assert!(written.into_inner().kvs.is_empty());
}

/// etcd takes a connection's common name for a user. Through a proxy there is none: neither the client's, which etcd
/// does not see, nor the proxy's, which must not have one.
#[tokio::test]
async fn the_name_of_a_client_does_not_reach_etcd() {
    let authority = Authority::new("names");
    let server = authority.server("server");
    let cluster = Cluster::start(Shape::single().tls(&server, &authority)).await;
    let root = authority.client("root", &Wish { common_name: Some("root"), ..Wish::default() });
    let own = authority.client("own", &Wish::default());
    let flags = [asking(&own, &authority), serving(&server, &authority)].concat();
    let proxy = started(&cluster.tls_endpoints(), &flags).await;
    let direct = etcdctl(&cluster.member(0).tls_address(), &authority, Some(&root));
    let proxied = etcdctl(proxy.address(), &authority, Some(&root));
    for command in [
        &["user", "add", "root:secret"][..],
        &["role", "add", "root"],
        &["user", "grant-role", "root", "root"],
        &["auth", "enable"],
    ] {
        let ended = direct.run(command).await;
        // etcd makes the role by itself, or wants it made.
        assert!(ended.code == 0 || ended.stderr.contains("already exists"), "{command:?}: {}", ended.stderr);
    }
    assert_good(&direct.run(&["put", "a", "1"]).await, "OK\n");
    // A certificate that names nobody is what etcd sees either way.
    let nobody = etcdctl(&cluster.member(0).tls_address(), &authority, Some(&own));
    let words =
        |ended: &Ended| ended.stderr.lines().find(|line| line.starts_with("Error: ")).map(str::to_owned);
    let (refused, expected) = (proxied.run(&["put", "a", "2"]).await, nobody.run(&["put", "a", "2"]).await);
    assert_ne!(refused.code, 0);
    assert_eq!(words(&refused), words(&expected));
    // etcdctl gives a login two seconds if it is not told otherwise.
    let with_password = proxied.flag("--user=root:secret").flag("--dial-timeout=15s");
    let with_password = with_password.run(&["put", "a", "3"]).await;
    assert_good(&with_password, "OK\n");
}

/// The same words as etcd's proxy, up to the line that its log library adds.
#[tokio::test]
async fn a_certificate_with_a_common_name_is_refused_in_etcds_words() {
    let authority = Authority::new("common-name");
    let named = authority.client("named", &Wish { common_name: Some("root"), ..Wish::default() });
    let dir = TempDir::new("common-name");
    let run = |command: &mut Command| {
        let flags = asking(&named, &authority);
        let output = command
            .current_dir(dir.path())
            .arg("start")
            .arg("--listen-addr=127.0.0.1:0")
            .args(flags)
            .output();
        let output = output.expect("run a proxy");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, ours) = run(&mut Command::new(environment::proxy()));
    let words = format!("cert has non empty Common Name (root): {}", named.cert.display());
    assert_eq!((code, ours.as_str()), (Some(1), format!("{words}\n").as_str()));
    let (code, theirs) = run(Command::new(environment::etcd()).env_clear().arg("grpc-proxy"));
    assert_eq!(code, Some(1));
    // Old ones do not name the file.
    let same = |line: &str| line.starts_with("cert has") && words.starts_with(line);
    assert!(theirs.lines().any(same), "{theirs}");
}

/// etcd on unix sockets, plain and with TLS.
#[tokio::test]
async fn members_may_be_on_unix_sockets() {
    // etcd 3.4 takes no paths.
    if environment::etcd_version() < (3, 5) {
        return;
    }
    let authority = Authority::new("sockets");
    let dir = TempDir::new("sockets");
    let server = authority.server("server");
    let (plain_socket, tls_socket) = (dir.path().join("plain"), dir.path().join("tls"));
    let cluster = Cluster::start(
        Shape::single()
            .listening_at(&format!("unix://{}", plain_socket.display()))
            .listening_at(&format!("unixs://{}", tls_socket.display()))
            .flag(&flag("cert-file", &server.cert))
            .flag(&flag("key-file", &server.key)),
    )
    .await;
    let cacert = flag("cacert", authority.file());
    for (endpoint, flags) in [
        (format!("unix:{}", plain_socket.display()), vec![]),
        (format!("unix://{}", plain_socket.display()), vec![cacert.clone()]),
        (format!("unixs:{}", tls_socket.display()), vec![cacert.clone()]),
        (format!("unixs://{}", tls_socket.display()), vec![cacert]),
    ] {
        let proxy = started(&endpoint, &flags).await;
        let ended = plain(&proxy).run(&["put", "a", "1"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "OK\n"), "{endpoint}: {}", ended.stderr);
    }
    drop(cluster);
}
