//! Files and values that are no good: one clear line, exit code 1, and nothing half-started.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use e2e::certificates::Wish;
use e2e::temp::TempDir;
use e2e::{Authority, environment, ports};

use super::flag;

/// What the binary says to these flags. It must not listen, write or log anything before it ends.
fn refusal(flags: &[String]) -> String {
    let dir = TempDir::new("refusals");
    let port = ports::free_port();
    let held = TcpListener::bind(("127.0.0.1", port)).expect("a port");
    let output = Command::new(environment::proxy())
        .current_dir(dir.path())
        .arg("start")
        .arg(format!("--listen-addr=127.0.0.1:{port}"))
        .args(flags)
        .output()
        .expect("run the proxy");
    drop(held);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{flags:?}: {said}");
    assert!(output.stdout.is_empty(), "{flags:?}");
    // The port is taken, so a proxy that went on to listen would say that instead.
    assert!(!said.contains("address already in use"), "{flags:?}: {said}");
    let left: Vec<_> = std::fs::read_dir(dir.path()).expect("a folder").collect();
    assert!(left.is_empty(), "{flags:?} leaves {left:?}");
    let line = said.strip_suffix('\n').expect("a line");
    assert!(!line.contains('\n') && !line.starts_with('{'), "one line of text: {said}");
    line.to_owned()
}

fn list(first: &[String], more: &[String]) -> Vec<String> {
    [first, more].concat()
}

/// A table of every file that a flag of TLS names, each broken in every way.
#[test]
fn every_broken_file_is_named_in_one_line() {
    let authority = Authority::new("broken");
    let (server, client) = (authority.server("server"), authority.client("client", &Wish::default()));
    let read = |file: &Path| std::fs::read_to_string(file).expect("a file");
    let broken: Vec<_> = [
        ("empty", String::new()),
        ("garbage", "garbage\n".to_owned()),
        ("cut", read(&server.cert)[..200].to_owned()),
        ("not-base64", "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n".to_owned()),
        ("not-der", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned()),
        ("of-a-list", authority.revokes(&[1]).pem().expect("PEM")),
    ]
    .into_iter()
    .map(|(name, text)| authority.write(name, text))
    .chain([authority.folder().join("gone"), authority.folder().to_owned()])
    .collect();
    let good_server = [flag("cert-file", &server.cert), flag("key-file", &server.key)];
    let good_client = [flag("cert", &client.cert), flag("key", &client.key)];
    let https = "--endpoints=https://127.0.0.1:1".to_owned();
    for file in &broken {
        let cases = [
            vec![flag("cert-file", file), flag("key-file", &server.key)],
            vec![flag("cert-file", &server.cert), flag("key-file", file)],
            list(&good_server, &[flag("trusted-ca-file", file)]),
            vec![https.clone(), flag("cert", file), flag("key", &client.key)],
            vec![https.clone(), flag("cert", &client.cert), flag("key", file)],
            list(&good_client, &[https.clone(), flag("cacert", file)]),
            vec![
                "--metrics-addr=https://127.0.0.1:0".to_owned(),
                flag("metrics-cert-file", file),
                flag("metrics-key-file", &server.key),
            ],
        ];
        for flags in cases {
            let said = refusal(&flags);
            assert!(said.contains(&file.display().to_string()), "{flags:?}: {said}");
        }
        if !file.ends_with("of-a-list") {
            for mode in ["etcd", "strict"] {
                let flags = [flag("client-crl-file", file), format!("--client-crl-mode={mode}")];
                let said = refusal(&list(&good_server, &flags));
                assert!(said.contains(&file.display().to_string()), "{flags:?}: {said}");
            }
        }
    }
    let other = authority.server("other");
    let said = refusal(&[flag("cert-file", &server.cert), flag("key-file", &other.key)]);
    let words = "private key does not match the certificate";
    assert_eq!(said, format!("{}: {words} {}", other.key.display(), server.cert.display()));
}

/// Files of a self-signed certificate that cannot be used, and a folder that cannot be had. Here the address is free:
/// the folder is looked at before anything is bound.
#[test]
fn a_self_signed_certificate_that_cannot_be_had_is_named() {
    let authority = Authority::new("self-signed");
    let data = authority.folder().join("data");
    let folder = data.join("fixtures/proxy");
    std::fs::create_dir_all(&folder).expect("a folder");
    for name in ["cert.pem", "key.pem"] {
        std::fs::write(folder.join(name), "nothing").expect("write a file");
    }
    let auto = "--auto-tls".to_owned();
    let said = refusal(&[auto.clone(), flag("data-dir", &data)]);
    assert_eq!(said, format!("{}: no PEM certificate in this file", folder.join("cert.pem").display()));
}

#[test]
fn every_bad_value_is_refused_in_one_line() {
    let authority = Authority::new("values");
    let server = authority.server("server");
    let good = [flag("cert-file", &server.cert), flag("key-file", &server.key)];
    let cases = [
        ("--listen-cipher-suites=foo", "unexpected TLS cipher suite \"foo\""),
        ("--tls-curve-preferences=P-1", "unexpected TLS curve \"P-1\""),
        ("--client-crl-mode=none", "invalid client-crl-mode \"none\""),
        ("--tls-min-version=SSL3", "tls-min-version is invalid: unexpected TLS version \"SSL3\""),
        ("--metrics-client-cert-auth=maybe", "invalid metrics-client-cert-auth \"maybe\""),
        (
            "--listen-addr=https://127.0.0.1:1",
            "listen tcp: address https://127.0.0.1:1: too many colons in address",
        ),
        ("--metrics-addr=https://", "listen tcp: "),
        ("--endpoints=https://", "endpoint \"https://\": "),
        ("--endpoints=ftp://a:1", "endpoint \"ftp://a:1\": unknown scheme"),
    ];
    for (value, words) in cases {
        let metrics = "--metrics-addr=https://127.0.0.1:0".to_owned();
        let more = if value.starts_with("--metrics-addr") { vec![] } else { vec![metrics] };
        let said = refusal(&list(&list(&good, &more), &[value.to_owned()]));
        assert!(said.starts_with(words), "{value}: {said}");
    }
}
