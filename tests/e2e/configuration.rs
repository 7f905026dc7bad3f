//! Where values come from, and what is said of those that are wrong.

use std::path::Path;
use std::process::{Command, Output};

use e2e::temp::TempDir;
use e2e::{Cluster, Proxy, Shape, environment, ports};

use crate::requests::put;

const NONE: &[(&str, &str)] = &[];
/// With it, certificates are read.
const TLS_MEMBER: &str = "--endpoints=https://127.0.0.1:1";

/// Runs a command of the proxy that ends by itself.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(environment::proxy());
    command.args(arguments).envs(variables.iter().copied()).output().expect("run the proxy")
}

/// Its exit code with both of its outputs.
fn said(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = run(arguments, variables);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

fn flag(path: &str) -> String {
    format!("--config-file={path}")
}

#[tokio::test]
async fn a_proxy_serves_by_a_file_and_the_environment_alone() {
    let cluster = Cluster::start(Shape::single()).await;
    let folder = TempDir::new("configuration");
    for (name, text) in [
        ("p.toml", format!("endpoints = ['{}']\nnamespace = 'file/'\n", cluster.endpoints())),
        ("p.yaml", format!("endpoints: [{}]\nnamespace: file/\n", cluster.endpoints())),
    ] {
        let path = write(&folder, name, &text);
        let proxy = Proxy::start_configured(|command| {
            command.env("ETCD_GRPC_PROXY_CONFIG_FILE", &path);
        })
        .await;
        proxy.client().kv().put(put(name, "1")).await.expect("a write");
        let direct = cluster.member(0).client();
        let found = direct.kv().range(crate::requests::get(&format!("file/{name}"))).await.expect("a read");
        assert_eq!(found.into_inner().count, 1, "{name}");
    }
}

#[test]
fn config_show_tells_where_each_value_comes_from_and_no_secret() {
    let folder = TempDir::new("configuration");
    let file = write(&folder, "p.yaml", "namespace: f/\nresolver-ttl: 3\nuser: proxy:s3cret\n");
    let variables = [("ETCD_GRPC_PROXY_RESOLVER_TTL", "2"), ("ETCD_GRPC_PROXY_DEBUG", "1")];
    let (code, shown, complaints) = said(&["config", "show", &flag(&file), "--debug=false"], &variables);
    assert_eq!((code, complaints.as_str()), (Some(0), ""));
    let row = |name: &str| {
        let row = shown.lines().find(|row| row.starts_with(&format!("{name} = "))).expect("a row");
        row.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("namespace"), format!("namespace = \"f/\" # {file}:1"));
    assert_eq!(row("resolver-ttl"), "resolver-ttl = 2 # ETCD_GRPC_PROXY_RESOLVER_TTL");
    assert_eq!(row("debug"), "debug = false # --debug");
    assert_eq!(row("balancer"), "balancer = \"pin\" # default");
    assert_eq!(row("user"), format!("user = \"proxy:(not shown)\" # {file}:3"));
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_nothing_starts() {
    let folder = TempDir::new("configuration");
    let file = write(&folder, "p.toml", "listen-add = ':1'\nresolver-ttl = 'soon'\nbalancer = 'none'\n");
    let variables = [("ETCD_GRPC_PROXY_ENDPOINT", "a:1")];
    for command in ["start", "check"] {
        let (code, out, said) = said(&[command, &flag(&file), "--drain-timeout=-1s"], &variables);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{said}");
        let wanted = [
            "unknown environment variable ETCD_GRPC_PROXY_ENDPOINT; did you mean ETCD_GRPC_PROXY_ENDPOINTS?"
                .to_owned(),
            format!("{file}:1: unknown key \"listen-add\"; did you mean listen-addr?"),
            format!("{file}:2: invalid argument \"soon\" for resolver-ttl"),
            "unknown balancer".to_owned(),
            "invalid drain-timeout -1s".to_owned(),
        ];
        for wanted in &wanted {
            assert!(said.lines().any(|line| line.starts_with(wanted)), "{wanted} in\n{said}");
        }
        assert_eq!(said.lines().count(), wanted.len(), "{said}");
    }
}

/// Each is refused by `check` and by `start` alike, in one line.
#[test]
fn check_refuses_what_start_refuses() {
    let folder = TempDir::new("configuration");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address");
    let garbage = write(&folder, "garbage.pem", "garbage");
    let plain = write(&folder, "plain", "kept");
    let pipe = folder.path().join("pipe.toml").display().to_string();
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("run mkfifo").success());
    let missing = folder.path().join("missing").display().to_string();
    let free = format!("--listen-addr=127.0.0.1:{}", ports::free_port());
    let broken = folder.path().join("default.proxy/fixtures/proxy");
    std::fs::create_dir_all(&broken).expect("a folder");
    std::fs::write(broken.join("cert.pem"), "garbage").expect("a file");
    std::fs::write(broken.join("key.pem"), "garbage").expect("a file");
    let owned = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>();
    for wrong in [
        vec![format!("--listen-addr={taken}")],
        owned(&["--listen-addr=127.0.0.1:99999"]),
        owned(&["--listen-addr=nowhere"]),
        vec![format!("--metrics-addr=http://{taken}")],
        vec![format!("--metrics-addr=unix://{plain}")],
        vec![format!("--metrics-addr=unix://{missing}/socket")],
        owned(&["--metrics-addr=nonsense"]),
        owned(&["--metrics-addr=https://127.0.0.1:1"]),
        vec![format!("--cacert={missing}"), TLS_MEMBER.to_owned()],
        vec![format!("--cacert={garbage}"), TLS_MEMBER.to_owned()],
        vec![format!("--cert={garbage}"), format!("--key={garbage}"), TLS_MEMBER.to_owned()],
        vec![format!("--cert-file={missing}"), format!("--key-file={missing}")],
        vec![format!("--cert-file={garbage}"), format!("--key-file={garbage}")],
        vec![format!("--cert-file={garbage}")],
        vec![format!("--trusted-ca-file={garbage}")],
        owned(&["--auto-tls", "--listen-cipher-suites=bogus"]),
        vec!["--auto-tls".to_owned(), format!("--data-dir={}/default.proxy", folder.path().display())],
        vec!["--auto-tls".to_owned(), format!("--data-dir={plain}")],
        vec!["--auto-tls".to_owned(), format!("--client-crl-file={garbage}")],
        owned(&["--auto-tls", "--tls-max-version=TLS1.2", "--listen-cipher-suites=TLS_AES_128_GCM_SHA256"]),
        vec!["--cert-file=/dev/zero".to_owned(), format!("--key-file={garbage}")],
        vec![format!("--cert-file={pipe}"), format!("--key-file={pipe}")],
        vec![format!("--config-file={pipe}")],
        vec![format!("--password-file={pipe}"), "--user=proxy".to_owned()],
        owned(&["--auto-tls", "--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"]),
        owned(&["--client-crl-mode=none"]),
        owned(&["--metrics-client-cert-auth=maybe"]),
        owned(&["--distributed-tracing-sampling-rate=-1"]),
        owned(&["--listen-addr=a\nb:1"]),
        owned(&["--password-file=/dev/zero", "--user=proxy"]),
        vec![format!("--password-file={missing}"), "--user=proxy".to_owned()],
        vec![format!("--config-file={missing}.toml")],
        owned(&["--endpoints="]),
        owned(&["--endpoints=a:b:c"]),
    ] {
        let said = |command: &str| {
            let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
            let (code, _, said) = said(&[&[command, &free], &wrong[..]].concat(), NONE);
            assert_eq!(code, Some(1), "{command} {wrong:?}: {said}");
            let lines: Vec<_> =
                said.lines().filter(|line| !line.starts_with('{')).map(str::to_owned).collect();
            assert_eq!(lines.len(), 1, "{command} {wrong:?}: {said}");
            lines.concat()
        };
        assert_eq!(said("check"), said("start"), "{wrong:?}");
    }
    assert_eq!(std::fs::read_to_string(&plain).expect("the file"), "kept");
}

#[test]
fn check_passes_what_start_would_take_and_leaves_nothing_behind() {
    let folder = TempDir::new("configuration");
    let socket = folder.path().join("pages.sock");
    let (pages, port) = (format!("--metrics-addr=unix://{}", socket.display()), ports::free_port());
    let listen = format!("--listen-addr=127.0.0.1:{port}");
    for _ in 0..2 {
        let (code, out, complaints) = said(&["check", &listen, &pages], NONE);
        assert_eq!((code, complaints.as_str()), (Some(0), ""));
        assert_eq!(out, "the configuration is valid\n");
    }
    assert!(is_empty(folder.path()));
    let held = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    assert_eq!(said(&["check", &listen, &pages], NONE).0, Some(0), "a socket is replaced at the start");
    drop(std::os::unix::net::UnixStream::connect(&socket).expect("somebody listens there still"));
    drop(held);
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("the folder").next().is_none()
}
