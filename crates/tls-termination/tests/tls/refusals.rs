//! What is refused before there is a connection, and in which words.

use rcgen::PKCS_ECDSA_P256_SHA256;
use tls_termination::{ClientTls, Error};

use crate::files::{Ca, Folder, on_disk, pair, refusal};

#[test]
fn nothing_given_is_not_wanted_and_anything_given_is() {
    assert!(!ClientTls::default().is_wanted());
    assert!(ClientTls { insecure_skip_verify: true, ..ClientTls::default() }.is_wanted());
    assert!(ClientTls { cacert: Some("ca.pem".into()), ..ClientTls::default() }.is_wanted());
}

/// etcd 3.7.3 refuses this with `open : no such file or directory`.
#[test]
fn a_ca_file_alone_is_enough() {
    let folder = Folder::new();
    let tls = ClientTls { cacert: Some(folder.file("ca.pem", Ca::new().pem)), ..ClientTls::default() };
    assert_eq!(tls.load().unwrap().0.alpn_protocols, vec![b"h2".to_vec()]);
}

#[test]
fn skipping_verification_needs_no_file() {
    let tls = ClientTls { insecure_skip_verify: true, ..ClientTls::default() };
    assert!(tls.load().is_ok());
}

/// The words of etcd 3.7.3.
#[test]
fn half_a_pair_is_refused_in_etcds_words() {
    let cert_only = ClientTls { cert: Some("c/cn.pem".into()), ..ClientTls::default() };
    assert_eq!(refusal(&cert_only), "KeyFile and CertFile must both be present[key: , cert: c/cn.pem]");
    let key_only = ClientTls { key: Some("c/cn.key".into()), ..ClientTls::default() };
    assert_eq!(refusal(&key_only), "KeyFile and CertFile must both be present[key: c/cn.key, cert: ]");
}

/// etcd 3.7.3 says `open /nonexist: no such file or directory`, the certificate first.
#[test]
fn a_missing_file_is_named_in_etcds_words() {
    let folder = Folder::new();
    let leaf = Ca::new().nobody();
    let gone = folder.0.join("gone.pem");
    let expected = format!("open {}: no such file or directory", gone.display());
    let cert = folder.file("cert.pem", leaf.pem);
    assert_eq!(refusal(&pair(&gone, &folder.0.join("gone.key"))), expected);
    assert_eq!(refusal(&pair(&cert, &gone)), expected);
    assert_eq!(refusal(&ClientTls { cacert: Some(gone), ..ClientTls::default() }), expected);
}

/// etcd 3.7.3 prints the subject's last common name, then the certificate's file as it was given.
#[test]
fn a_common_name_is_refused_in_etcds_words() {
    let folder = Folder::new();
    let ca = Ca::new();
    let tls = on_disk(&folder, &ca, &ca.leaf(&["root"], &PKCS_ECDSA_P256_SHA256));
    let file = tls.cert.clone().unwrap();
    assert_eq!(refusal(&tls), format!("cert has non empty Common Name (root): {}", file.display()));
    let tls = on_disk(&folder, &ca, &ca.leaf(&["second", "third"], &PKCS_ECDSA_P256_SHA256));
    assert_eq!(refusal(&tls), format!("cert has non empty Common Name (third): {}", file.display()));
}

#[test]
fn an_empty_common_name_names_nobody() {
    let folder = Folder::new();
    let ca = Ca::new();
    assert!(on_disk(&folder, &ca, &ca.leaf(&[""], &PKCS_ECDSA_P256_SHA256)).check().is_ok());
}

/// The common name of an intermediate is not the process's own: etcd looks at the leaf alone.
#[test]
fn only_the_leaf_may_not_name_anybody() {
    let folder = Folder::new();
    let ca = Ca::new();
    let leaf = ca.nobody();
    let chain = folder.file("chain.pem", format!("{}{}", leaf.pem, ca.pem));
    let key = folder.file("key.pem", leaf.key.serialize_pem());
    assert!(pair(&chain, &key).check().is_ok());
}

/// etcd 3.7.3: a key that does not fit and a bad CA file are found before the common name.
#[test]
fn checks_come_in_etcds_order() {
    let folder = Folder::new();
    let ca = Ca::new();
    let tls = on_disk(&folder, &ca, &ca.leaf(&["root"], &PKCS_ECDSA_P256_SHA256));
    let other = folder.file("other.pem", ca.nobody().key.serialize_pem());
    let wrong_key = ClientTls { key: Some(other), ..tls.clone() };
    assert!(matches!(wrong_key.check(), Err(Error::KeyMismatch { .. })));
    let no_ca = ClientTls { cacert: Some(folder.0.join("gone")), ..tls };
    assert!(matches!(no_ca.check(), Err(Error::Unreadable { .. })));
}

#[test]
fn files_without_the_right_pem_are_named() {
    let folder = Folder::new();
    let leaf = Ca::new().nobody();
    let cert = folder.file("cert.pem", &leaf.pem);
    let key = folder.file("key.pem", leaf.key.serialize_pem());
    for (name, text) in [("empty", ""), ("garbage", "garbage"), ("swapped", &leaf.key.serialize_pem())] {
        let file = folder.file(name, text);
        let expected = format!("{}: no PEM certificate in this file", file.display());
        assert_eq!(refusal(&pair(&file, &key)), expected);
        assert_eq!(refusal(&ClientTls { cacert: Some(file), ..ClientTls::default() }), expected);
    }
    for (name, text) in [("empty", ""), ("garbage", "garbage"), ("swapped", &leaf.pem)] {
        let file = folder.file(name, text);
        assert!(refusal(&pair(&cert, &file)).starts_with(&format!("{}: no PEM private key", file.display())));
    }
}

#[test]
fn pem_around_nonsense_is_named() {
    let folder = Folder::new();
    let leaf = Ca::new().nobody();
    let key = folder.file("key.pem", leaf.key.serialize_pem());
    let wrapped = |kind: &str, text: &str| format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n");
    let not_a_cert = folder.file("a.pem", wrapped("CERTIFICATE", "AAAA"));
    assert!(matches!(pair(&not_a_cert, &key).check(), Err(Error::MalformedCertificate { .. })));
    let as_ca = ClientTls { cacert: Some(not_a_cert), ..ClientTls::default() };
    assert!(matches!(as_ca.check(), Err(Error::MalformedCertificate { .. })));
    let not_base64 = folder.file("b.pem", wrapped("CERTIFICATE", "!!!!"));
    assert!(matches!(pair(&not_base64, &key).check(), Err(Error::MalformedPem { .. })));
    let unfinished = folder.file("c.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    assert!(matches!(pair(&unfinished, &key).check(), Err(Error::MalformedPem { .. })));
    let cert = folder.file("cert.pem", leaf.pem);
    let not_a_key = folder.file("k.pem", wrapped("PRIVATE KEY", "AAAA"));
    assert!(matches!(pair(&cert, &not_a_key).check(), Err(Error::UnusableKey { .. })));
    let encrypted = folder.file("e.pem", wrapped("ENCRYPTED PRIVATE KEY", "AAAA"));
    assert!(matches!(pair(&cert, &encrypted).check(), Err(Error::NoPrivateKey(_))));
}

#[test]
fn a_certificate_on_its_own_is_found_among_other_sections() {
    let folder = Folder::new();
    let leaf = Ca::new().nobody();
    let both = folder.file("both.pem", format!("{}{}", leaf.key.serialize_pem(), leaf.pem));
    assert!(pair(&both, &both).check().is_ok());
}

/// `openssl x509 -req` without an extension file makes these, and etcd takes them from clients.
#[test]
fn client_certificates_of_x509_version_1_are_taken() {
    let folder = Folder::new();
    let cert = folder.file("v1.pem", include_str!("v1.pem"));
    let key = folder.file("v1.key", include_str!("v1.key"));
    pair(&cert, &key).check().unwrap();
    let other = folder.file("other.key", Ca::new().nobody().key.serialize_pem());
    assert!(matches!(pair(&cert, &other).check(), Err(Error::KeyMismatch { .. })));
}
