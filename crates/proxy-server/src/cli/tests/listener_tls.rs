//! TLS on the listeners, against what etcd 3.7.3 says to the same flags.

use std::path::PathBuf;

use tls_termination::{SelfSigned, TlsVersion};

use super::{config, refusal};
use crate::config::Notice;

/// A certificate with its key, in a folder that goes away with it.
struct Pair(SelfSigned);

impl Pair {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("listener-{}-{name}", std::process::id()));
        let made = SelfSigned { folder, names: vec!["localhost".to_owned()], years: 1 };
        made.ensure().unwrap();
        Self(made)
    }

    fn cert(&self) -> String {
        format!("--cert-file={}", self.0.cert().display())
    }

    fn key(&self) -> String {
        format!("--key-file={}", self.0.key().display())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0.folder);
    }
}

fn notices_of_flags(flags: &[&str]) -> Vec<&'static str> {
    let of = |notice: &Notice| match notice {
        Notice::NoEffect { flag, .. } => Some(*flag),
        _ => None,
    };
    config(flags).notices.iter().filter_map(of).collect()
}

#[test]
fn any_file_of_the_listener_switches_tls_on() {
    let pair = Pair::new("on");
    assert!(config(&[]).listener_tls.clients.is_none());
    let tls = config(&[&pair.cert(), &pair.key()]).listener_tls.clients.unwrap();
    assert_eq!((tls.min_version, tls.max_version), (TlsVersion::V1_2, TlsVersion::V1_3));
    assert!(tls.trusted_ca.is_none());
    let newer = config(&[&pair.cert(), &pair.key(), "--tls-min-version=TLS1.3"]).listener_tls.clients;
    assert_eq!(newer.unwrap().min_version, TlsVersion::V1_3);
    let older = config(&[&pair.cert(), &pair.key(), "--tls-min-version=", "--tls-max-version=TLS1.2"]);
    let older = older.listener_tls.clients.unwrap();
    assert_eq!((older.min_version, older.max_version), (TlsVersion::V1_2, TlsVersion::V1_2));
}

#[test]
fn half_a_pair_is_refused_in_etcds_words() {
    let words = |key: &str, cert: &str| {
        format!("KeyFile and CertFile must both be present[key: {key}, cert: {cert}]")
    };
    assert_eq!(refusal(&["--cert-file=c.pem"]), words("", "c.pem"));
    assert_eq!(refusal(&["--cert-file=c.pem", "--auto-tls"]), words("", "c.pem"));
    assert_eq!(refusal(&["--key-file=k.pem"]), words("k.pem", ""));
    let missing = "cannot listen on TLS for 127.0.0.1:23790: KeyFile and CertFile are not presented";
    assert_eq!(refusal(&["--trusted-ca-file=ca.pem"]), missing);
    assert_eq!(refusal(&["--trusted-ca-file=ca.pem", "--auto-tls"]), missing);
}

/// etcd looks at the listener's files before it looks at those for etcd.
#[test]
fn files_are_read_in_etcds_order() {
    let pair = Pair::new("order");
    let gone = "open /nonexistent/c: no such file or directory";
    assert_eq!(refusal(&["--cert-file=/nonexistent/c", "--key-file=/nonexistent/k", "--cert=x"]), gone);
    let ca = [
        &pair.cert(),
        &pair.key(),
        "--trusted-ca-file=/nonexistent/ca",
        "--client-crl-file=/nonexistent/crl",
    ];
    assert_eq!(refusal(&ca), "open /nonexistent/ca: no such file or directory");
    let crl = [&pair.cert(), &pair.key(), "--client-crl-file=/nonexistent/crl"];
    assert_eq!(refusal(&crl), "open /nonexistent/crl: no such file or directory");
    let suite = [&pair.cert(), &pair.key(), "--listen-cipher-suites=foo", "--cert=x"];
    assert_eq!(refusal(&suite), "unexpected TLS cipher suite \"foo\"");
}

#[test]
fn what_cannot_be_served_is_refused_with_what_can() {
    let pair = Pair::new("suites");
    let said = refusal(&[&pair.cert(), &pair.key(), "--listen-cipher-suites=TLS_RSA_WITH_AES_128_CBC_SHA"]);
    assert!(said.contains("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), "{said}");
    let said = refusal(&["--tls-curve-preferences=P-521"]);
    assert!(said.starts_with("unexpected TLS curve \"P-521\" (must be one of: X25519, "), "{said}");
    let mode = [&pair.cert(), &pair.key(), "--client-crl-mode=lax"];
    assert_eq!(refusal(&mode), "invalid client-crl-mode \"lax\" (must be one of: etcd, strict)");
}

/// etcd starts with these. So does this, and says so.
#[test]
fn what_has_no_effect_is_said() {
    let plain = [
        "--listen-cipher-suites=foo",
        "--tls-min-version=TLS1.2",
        "--client-crl-file=x",
        "--tls-max-version=TLS1.3",
    ];
    assert_eq!(notices_of_flags(&plain), ["client-crl-file", "listen-cipher-suites", "tls-max-version"]);
    let pair = Pair::new("no-effect");
    assert_eq!(notices_of_flags(&[&pair.cert(), &pair.key(), "--auto-tls"]), ["auto-tls"]);
    assert!(notices_of_flags(&["--tls-min-version=TLS1.2"]).is_empty());
}

#[test]
fn the_second_address_shares_the_listeners_certificate_or_has_its_own() {
    let (pair, own) = (Pair::new("shared"), Pair::new("own"));
    let https = "--metrics-addr=https://127.0.0.1:4443";
    let shared = config(&[https, &pair.cert(), &pair.key()]).listener_tls;
    assert_eq!(shared.metrics, shared.clients);
    assert!(
        config(&["--metrics-addr=http://127.0.0.1:4443", &pair.cert(), &pair.key()])
            .listener_tls
            .metrics
            .is_none()
    );
    let cert = format!("--metrics-cert-file={}", own.0.cert().display());
    let key = format!("--metrics-key-file={}", own.0.key().display());
    let apart = config(&[https, &pair.cert(), &pair.key(), &cert, &key]).listener_tls;
    assert_eq!(apart.metrics.map(|tls| tls.cert), Some(own.0.cert()));
    let alone = config(&[https, &cert, &key]).listener_tls;
    assert!(alone.clients.is_none() && alone.metrics.is_some());
    let ca = format!("--trusted-ca-file={}", pair.0.cert().display());
    let asked = config(&[https, &pair.cert(), &pair.key(), &ca]).listener_tls.metrics.unwrap();
    let open =
        config(&[https, &pair.cert(), &pair.key(), &ca, "--metrics-client-cert-auth=off"]).listener_tls;
    assert!(asked.trusted_ca.is_some());
    assert!(open.metrics.unwrap().trusted_ca.is_none() && open.clients.unwrap().trusted_ca.is_some());
}

#[test]
fn a_second_address_without_a_certificate_is_refused() {
    let missing = "cannot listen on TLS for a:1: KeyFile and CertFile are not presented";
    assert_eq!(refusal(&["--metrics-addr=https://a:1"]), missing);
    let said = refusal(&["--metrics-cert-file=c", "--metrics-key-file=k"]);
    assert_eq!(said, "invalid metrics-cert-file \"c\" (--metrics-addr is not https)");
    let said = refusal(&["--metrics-addr=https://a:1", "--metrics-cert-file=c"]);
    assert_eq!(said, "KeyFile and CertFile must both be present[key: , cert: c]");
}

#[test]
fn the_self_signed_certificate_is_where_etcd_has_it_and_knows_its_names() {
    let flags = [
        "--auto-tls",
        "--data-dir=/nonexistent/d",
        "--listen-addr=[fd00::1]:1",
        "--advertise-client-url=https://proxy.example:2",
    ];
    let tls = config(&flags).listener_tls;
    let made = tls.self_signed.unwrap();
    assert_eq!(made.cert(), PathBuf::from("/nonexistent/d/fixtures/proxy/cert.pem"));
    assert_eq!(tls.clients.map(|tls| tls.key), Some(PathBuf::from("/nonexistent/d/fixtures/proxy/key.pem")));
    assert_eq!(made.names.get(..5).unwrap(), ["localhost", "127.0.0.1", "::1", "fd00::1", "proxy.example"]);
    let any = config(&["--auto-tls", "--data-dir=/nonexistent/d", "--listen-addr=0.0.0.0:1"]).listener_tls;
    assert!(!any.self_signed.unwrap().names.contains(&"0.0.0.0".to_owned()));
    let forever =
        refusal(&["--auto-tls", "--data-dir=/nonexistent/d", "--self-signed-cert-validity=9999999999"]);
    assert_eq!(forever, "invalid self-signed-cert-validity 9999999999");
}

#[test]
fn files_that_are_there_already_must_be_good() {
    let pair = Pair::new("there");
    let folder = pair.0.folder.join("fixtures").join("proxy");
    std::fs::create_dir_all(&folder).unwrap();
    let cert = pair.file("fixtures/proxy/cert.pem", "nothing");
    pair.file("fixtures/proxy/key.pem", "nothing");
    let said = refusal(&["--auto-tls", &format!("--data-dir={}", pair.0.folder.display())]);
    assert_eq!(said, format!("{}: no PEM certificate in this file", cert.display()));
}
