//! The three forms of a private key that tools write.

use rcgen::{
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};

use crate::files::{Ca, Folder, on_disk, pair};

#[test]
fn pkcs8_keys_are_taken() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let tls = on_disk(&folder, &ca, &ca.leaf(&[], &PKCS_RSA_SHA256));
    assert!(tls.check().is_ok());
}

/// `openssl ecparam -genkey` writes these.
#[test]
fn sec1_keys_of_every_curve_are_taken() {
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512] {
        traditional_form_is_taken(kind, "EC PRIVATE KEY");
    }
}

/// `openssl genrsa -traditional` writes these.
#[test]
fn pkcs1_keys_are_taken() {
    traditional_form_is_taken(&PKCS_RSA_SHA256, "RSA PRIVATE KEY");
}

fn traditional_form_is_taken(kind: &'static SignatureAlgorithm, label: &str) {
    let (folder, ca) = (Folder::new(), Ca::new());
    let leaf = ca.leaf(&[], kind);
    let cert = folder.file("cert.pem", &leaf.pem);
    let inner = traditional(&leaf.key.serialize_der());
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(&inner));
    let key = folder.file("key.pem", text);
    pair(&cert, &key).check().unwrap();
}

/// What PKCS#8 wraps: SEQUENCE { version, algorithm, OCTET STRING { the older form } }.
fn traditional(pkcs8: &[u8]) -> Vec<u8> {
    let (_, sequence, _) = element(pkcs8);
    let (_, _, after_version) = element(sequence);
    let (_, _, after_algorithm) = element(after_version);
    let (tag, key, _) = element(after_algorithm);
    assert_eq!(tag, 4);
    key.to_vec()
}

/// The first DER element's tag and content, and what follows it.
fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (tag, first, rest) = (der[0], usize::from(der[1]), &der[2..]);
    let of_length = first.saturating_sub(128);
    let length = rest[..of_length].iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte));
    let length = if first < 128 { first } else { length };
    let (content, after) = rest[of_length..].split_at(length);
    (tag, content, after)
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let sextet = (bits >> (18 - 6 * i) & 63) as usize;
            text.push(if i <= chunk.len() { ALPHABET[sextet].into() } else { '=' });
        }
    }
    text
}
