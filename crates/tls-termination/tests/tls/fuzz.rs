//! Files that somebody has mangled: whatever is in them is taken or refused in one line that names the file.

use std::{fmt::Display, path::Path, sync::Arc};

use ::fuzz::fuzz;
use rcgen::PKCS_RSA_SHA256;
use tls_termination::{ClientTls, CrlMode, Limits, ServerTls, TlsListener};

use crate::files::{Ca, Folder, Leaf, pair, server};

/// What cannot be hit upon by chance: labels of PEM, tags of DER, lengths.
const WORDS: &[&str] = &[
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----\n",
    "-----BEGIN EC PRIVATE KEY-----\n",
    "-----BEGIN RSA PRIVATE KEY-----\n",
    "-----BEGIN X509 CRL-----\n",
    "-----END X509 CRL-----\n",
    "AAAA",
    "\u{30}\u{0}",
    "\u{2}\u{1}\u{0}",
    "\u{3}\u{2}",
    "\u{6}\u{3}\u{55}\u{4}\u{3}",
    "\u{17}\u{d}991231235959Z",
    "\u{18}\u{f}99991231235959Z",
    "\u{31}\u{b}",
];

/// What came of it. A refusal is one line that names the file.
fn outcome<T>(result: Result<T, impl Display>, file: &Path) -> String {
    let Err(reason) = result else { return "good".to_owned() };
    let (said, file) = (reason.to_string(), file.display().to_string());
    assert!(said.contains(&file) && !said.contains('\n'), "{said}");
    said.replace(&file, "")
}

fn armored(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", crate::key_forms::base64(der))
}

fn der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

/// The file as a certificate, as an authority, and as both of a listener that then says when it expires.
fn as_certificate(folder: &Folder, leaf: &Leaf, text: impl AsRef<[u8]>) -> String {
    let file = folder.file("mangled.pem", text);
    let key = folder.file("key.pem", leaf.key.serialize_pem());
    let ca = ClientTls { cacert: Some(file.clone()), ..ClientTls::default() };
    let base = server(folder, leaf);
    let tls = ServerTls { trusted_ca: Some(file.clone()), ..base };
    let listener = TlsListener::new(&tls, Limits::default(), Arc::default());
    if let Ok(listener) = &listener {
        let _ = listener.sources().iter().flat_map(|source| source.expiries()).count();
    }
    [outcome(pair(&file, &key).check(), &file), outcome(ca.check(), &file), outcome(listener, &file)]
        .join("; ")
}

#[test]
fn fuzz_pem() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let leaf = ca.nobody();
    let (chain, key) = (format!("{}{}", leaf.pem, ca.pem), leaf.key.serialize_pem());
    let list = ca.revokes(&[1, 2], 24).pem().unwrap();
    let everything = format!("{key}{chain}{list}");
    let seeds: Vec<&[u8]> = [&chain, &key, &list, &everything].map(|text| text.as_bytes()).to_vec();
    let cert = folder.file("cert.pem", &leaf.pem);
    fuzz("pem", &seeds, WORDS, |bytes| {
        let file = folder.file("mangled-key.pem", bytes);
        let as_key = outcome(pair(&cert, &file).check(), &file);
        format!("{}; {as_key}", as_certificate(&folder, &leaf, bytes))
    });
}

#[test]
fn fuzz_certificate() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let leaf = ca.leaf(&["somebody", "else"], &rcgen::PKCS_ECDSA_P256_SHA256);
    let (of_leaf, of_ca) = (der(&leaf.pem), der(&ca.pem));
    fuzz("certificate", &[&of_leaf, &of_ca], WORDS, |bytes| {
        as_certificate(&folder, &leaf, armored("CERTIFICATE", bytes))
    });
}

#[test]
fn fuzz_key() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let leaves = [ca.nobody(), ca.leaf(&[], &PKCS_RSA_SHA256)];
    let keys = leaves.each_ref().map(|leaf| leaf.key.serialize_der());
    let seeds: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let certs =
        [("ec.pem", &leaves[0]), ("rsa.pem", &leaves[1])].map(|(name, leaf)| folder.file(name, &leaf.pem));
    fuzz("key", &seeds, WORDS, |bytes| {
        let forms = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"];
        let outcomes = forms.iter().flat_map(|label| {
            let file = folder.file("mangled.key", armored(label, bytes));
            certs.each_ref().map(|cert| outcome(pair(cert, &file).check(), &file))
        });
        outcomes.collect::<Vec<_>>().join("; ")
    });
}

#[test]
fn fuzz_crl() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let lists = [ca.revokes(&[], 24), ca.revokes(&[1, 0xff_ff_ff], -1)];
    let pem = lists[1].pem().unwrap();
    let seeds: [&[u8]; 3] = [lists[0].der(), lists[1].der(), pem.as_bytes()];
    let base =
        ServerTls { trusted_ca: Some(folder.file("ca.pem", &ca.pem)), ..server(&folder, &ca.nobody()) };
    fuzz("crl", &seeds, WORDS, |bytes| {
        let forms = [bytes.to_vec(), armored("X509 CRL", bytes).into_bytes()];
        let outcomes = forms.iter().flat_map(|form| {
            let file = folder.file("mangled.crl", form);
            [CrlMode::Etcd, CrlMode::Strict].map(|crl_mode| {
                let tls = ServerTls { crl: Some(file.clone()), crl_mode, ..base.clone() };
                let listener = TlsListener::new(&tls, Limits::default(), Arc::default());
                if let Ok(listener) = &listener {
                    let _ = listener.sources().iter().flat_map(|source| source.expiries()).count();
                }
                outcome(listener, &file)
            })
        });
        outcomes.collect::<Vec<_>>().join("; ")
    });
}
