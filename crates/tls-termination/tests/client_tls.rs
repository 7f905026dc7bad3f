//! Certificate files as operators have them, good and bad, against the public type.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519, SignatureAlgorithm,
};
use rustls::{
    ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, ServerName},
    server::WebPkiClientVerifier,
};
use tls_termination::{ClientTls, Error};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("client-tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

struct Leaf {
    pem: String,
    key: KeyPair,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = names(&["the authority"]);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn leaf(&self, common_names: &[&str], kind: &'static SignatureAlgorithm) -> Leaf {
        let key = KeyPair::generate_for(kind).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = names(common_names);
        Leaf { pem: params.signed_by(&key, &self.issuer).unwrap().pem(), key }
    }

    fn nobody(&self) -> Leaf {
        self.leaf(&[], &PKCS_ECDSA_P256_SHA256)
    }
}

/// rcgen keeps one value for each type, so a second common name goes in under its number.
fn names(common_names: &[&str]) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "etcd-grpc-proxy");
    for (index, name) in common_names.iter().enumerate() {
        let kind = if index == 0 { DnType::CommonName } else { DnType::CustomDnType(vec![2, 5, 4, 3]) };
        subject.push(kind, *name);
    }
    subject
}

fn pair(cert: &Path, key: &Path) -> ClientTls {
    ClientTls { cert: Some(cert.to_owned()), key: Some(key.to_owned()), ..ClientTls::default() }
}

fn refusal(tls: &ClientTls) -> String {
    tls.check().unwrap_err().to_string()
}

/// A pair on disk, as the operator would give it, with the authority's file.
fn on_disk(folder: &Folder, ca: &Ca, leaf: &Leaf) -> ClientTls {
    let cert = folder.file("cert.pem", &leaf.pem);
    let key = folder.file("key.pem", leaf.key.serialize_pem());
    ClientTls { cacert: Some(folder.file("ca.pem", &ca.pem)), ..pair(&cert, &key) }
}

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
    assert_eq!(tls.load().unwrap().alpn_protocols, vec![b"h2".to_vec()]);
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

#[test]
fn every_curve_makes_a_handshake() {
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512, &PKCS_ED25519] {
        let folder = Folder::new();
        let ca = Ca::new();
        let tls = on_disk(&folder, &ca, &ca.leaf(&[], kind));
        let server = server(&ca, ca.leaf(&["etcd"], kind));
        assert_eq!(handshake(&tls, &server).unwrap().as_deref(), Some(&b"h2"[..]));
    }
}

#[test]
fn a_server_of_an_unknown_authority_is_refused_unless_verification_is_skipped() {
    let folder = Folder::new();
    let (ours, theirs) = (Ca::new(), Ca::new());
    let tls = ClientTls { cacert: Some(folder.file("ca.pem", &ours.pem)), ..ClientTls::default() };
    let server = server_without_client_auth(theirs.nobody());
    assert!(handshake(&tls, &server).unwrap_err().contains("InvalidCertificate"));
    let tls = ClientTls { insecure_skip_verify: true, ..ClientTls::default() };
    assert!(handshake(&tls, &server).is_ok());
}

#[test]
fn renewed_files_are_used_and_bad_ones_are_not() {
    let folder = Folder::new();
    let (first, second) = (Ca::new(), Ca::new());
    let trusts_second = server(&second, second.nobody());
    let tls = ClientTls {
        cacert: Some(folder.file("second.pem", &second.pem)),
        ..on_disk(&folder, &first, &first.nobody())
    };
    let config = Arc::new(tls.load().unwrap());
    assert!(shake(config.clone(), &trusts_second).is_err());

    let renewed = second.nobody();
    folder.file("cert.pem", &renewed.pem);
    folder.file("key.pem", renewed.key.serialize_pem());
    assert!(shake(config.clone(), &trusts_second).is_ok());

    folder.file("cert.pem", second.leaf(&["root"], &PKCS_ECDSA_P256_SHA256).pem);
    assert!(shake(config.clone(), &trusts_second).is_ok());
    fs::remove_file(folder.0.join("key.pem")).unwrap();
    assert!(shake(config, &trusts_second).is_ok());
}

fn server(clients: &Ca, leaf: Leaf) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(der(&clients.pem)).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    finish(builder.with_client_cert_verifier(verifier), leaf)
}

fn server_without_client_auth(leaf: Leaf) -> Arc<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    finish(builder.with_no_client_auth(), leaf)
}

fn finish(
    builder: rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>,
    leaf: Leaf,
) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(vec![der(&leaf.pem)], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

fn der(pem: &str) -> rustls::pki_types::CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject;
    rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn handshake(tls: &ClientTls, server: &Arc<ServerConfig>) -> Result<Option<Vec<u8>>, String> {
    shake(Arc::new(tls.load().unwrap()), server)
}

/// Passes the bytes of a handshake to and fro; gives the protocol agreed on, or the first error of either side.
fn shake(config: Arc<rustls::ClientConfig>, server: &Arc<ServerConfig>) -> Result<Option<Vec<u8>>, String> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(config, name).map_err(|e| format!("{e:?}"))?;
    let mut server = ServerConnection::new(server.clone()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().map_err(|e| format!("server: {e:?}"))?;
        let mut bytes = Vec::new();
        server.write_tls(&mut bytes).unwrap();
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().map_err(|e| format!("client: {e:?}"))?;
    }
    Ok(client.alpn_protocol().map(<[u8]>::to_vec))
}
