//! Handshakes in memory with the configuration that the files make.

use std::{fs, sync::Arc};

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519};
use rustls::{
    ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tls_termination::{ClientTls, Reloader};

use crate::files::{Ca, Folder, Leaf, on_disk};

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

/// A cluster whose members show a certificate of their domain alone; who shows neither name stays a stranger.
#[test]
fn a_server_may_be_known_by_one_other_name() {
    let folder = Folder::new();
    let ca = Ca::new();
    let of = |name: &str| {
        let name = vec![name.try_into().map(rcgen::SanType::DnsName).unwrap()];
        server_without_client_auth(ca.numbered(1, |params| params.subject_alt_names = name))
    };
    let cacert = folder.file("ca.pem", &ca.pem);
    let tls = |other: Option<&str>| ClientTls {
        cacert: Some(cacert.clone()),
        also_named: other.map(str::to_owned),
        ..ClientTls::default()
    };
    let cases = [
        (None, "localhost", true),
        (None, "cluster.test", false),
        (Some("cluster.test"), "localhost", true),
        (Some("cluster.test"), "cluster.test", true),
        (Some("cluster.test"), "m0.cluster.test", false),
        (Some("no name"), "localhost", true),
        (Some("no name"), "cluster.test", false),
    ];
    for (other, shown, taken) in cases {
        assert_eq!(handshake(&tls(other), &of(shown)).is_ok(), taken, "{other:?} {shown}");
    }
    let stranger = Ca::new().numbered(1, |_| {});
    assert!(handshake(&tls(Some("localhost")), &server_without_client_auth(stranger)).is_err());
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
    let (config, sources) = tls.load().unwrap();
    let (config, mut reloader) = (Arc::new(config), Reloader::new(sources));
    assert!(shake(config.clone(), &trusts_second).is_err());

    let renewed = second.nobody();
    folder.file("cert.pem", &renewed.pem);
    folder.file("key.pem", renewed.key.serialize_pem());
    assert!(shake(config.clone(), &trusts_second).is_err(), "nobody has looked yet");
    assert!(reloader.read_all().iter().all(|reloaded| reloaded.result.is_ok()));
    assert!(shake(config.clone(), &trusts_second).is_ok());

    folder.file("cert.pem", second.leaf(&["root"], &PKCS_ECDSA_P256_SHA256).pem);
    assert!(reloader.read_all().iter().any(|reloaded| reloaded.result.is_err()));
    assert!(shake(config.clone(), &trusts_second).is_ok());
    fs::remove_file(folder.0.join("key.pem")).unwrap();
    assert!(reloader.read_all().iter().any(|reloaded| reloaded.result.is_err()));
    assert!(shake(config, &trusts_second).is_ok());
}

/// An authority that is replaced is believed from then on, and the one before no more.
#[test]
fn a_renewed_ca_file_decides_whom_to_believe() {
    let folder = Folder::new();
    let (first, second) = (Ca::new(), Ca::new());
    let cacert = folder.file("ca.pem", &first.pem);
    let tls = ClientTls { cacert: Some(cacert), ..ClientTls::default() };
    let (config, sources) = tls.load().unwrap();
    let (config, mut reloader) = (Arc::new(config), Reloader::new(sources));
    let of = |ca: &Ca| server_without_client_auth(ca.nobody());
    let (of_first, of_second) = (of(&first), of(&second));
    assert!(shake(config.clone(), &of_first).is_ok() && shake(config.clone(), &of_second).is_err());
    folder.file("ca.pem", "half a");
    assert!(reloader.read_all().iter().all(|reloaded| reloaded.result.is_err()));
    assert!(shake(config.clone(), &of(&first)).is_ok());
    folder.file("ca.pem", &second.pem);
    assert!(reloader.look().is_empty(), "may still be written to");
    assert_eq!(reloader.look().len(), 1);
    assert!(shake(config.clone(), &of_second).is_ok() && shake(config, &of(&first)).is_err());
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

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn handshake(tls: &ClientTls, server: &Arc<ServerConfig>) -> Result<Option<Vec<u8>>, String> {
    shake(Arc::new(tls.load().unwrap().0), server)
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
