//! A folder with an authority, certificates and keys in it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use rcgen::{
    CertificateParams, CertificateRevocationList, CertificateRevocationListParams, DistinguishedName, DnType,
    Issuer, KeyIdMethod, KeyPair, PKCS_ECDSA_P256_SHA256, RevokedCertParams, SerialNumber,
    SignatureAlgorithm,
};
use time::{Duration, OffsetDateTime};
use tls_termination::{CipherSuites, ClientTls, CrlMode, Curves, ServerTls, TlsVersion};

/// A folder that goes away with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Puts the file in its place whole. One that is written over with as many bytes within a tick of the file
    /// system's clock looks unchanged.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let (path, fresh) = (self.0.join(name), self.0.join("fresh"));
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, &path).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Ca {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) struct Leaf {
    pub(crate) pem: String,
    pub(crate) key: KeyPair,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        static NEXT: AtomicU32 = AtomicU32::new(0);
        params.distinguished_name = names(&[&format!("authority {}", NEXT.fetch_add(1, Ordering::Relaxed))]);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn leaf(&self, common_names: &[&str], kind: &'static SignatureAlgorithm) -> Leaf {
        let key = KeyPair::generate_for(kind).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = names(common_names);
        Leaf { pem: params.signed_by(&key, &self.issuer).unwrap().pem(), key }
    }

    /// A leaf of this serial number, changed as the caller likes.
    pub(crate) fn numbered(&self, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        change(&mut params);
        Leaf { pem: params.signed_by(&key, &self.issuer).unwrap().pem(), key }
    }

    /// A list that revokes these serial numbers, to be renewed before so many hours from now, which may have passed.
    pub(crate) fn revokes(&self, serials: &[u64], hours: i64) -> CertificateRevocationList {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now - Duration::days(2),
            next_update: now + Duration::hours(hours),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap()
    }

    pub(crate) fn nobody(&self) -> Leaf {
        self.leaf(&[], &PKCS_ECDSA_P256_SHA256)
    }
}

/// A leaf that has issued itself, changed as the caller likes.
pub(crate) fn alone(change: impl FnOnce(&mut CertificateParams)) -> Leaf {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    change(&mut params);
    Leaf { pem: params.self_signed(&key).unwrap().pem(), key }
}

/// rcgen keeps one value for each type, so a second common name goes in under its number.
pub(crate) fn names(common_names: &[&str]) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "etcd-grpc-proxy");
    for (index, name) in common_names.iter().enumerate() {
        let kind = if index == 0 { DnType::CommonName } else { DnType::CustomDnType(vec![2, 5, 4, 3]) };
        subject.push(kind, *name);
    }
    subject
}

pub(crate) fn pair(cert: &Path, key: &Path) -> ClientTls {
    ClientTls { cert: Some(cert.to_owned()), key: Some(key.to_owned()), ..ClientTls::default() }
}

pub(crate) fn refusal(tls: &ClientTls) -> String {
    tls.check().unwrap_err().to_string()
}

/// A pair on disk, as the operator would give it, with the authority's file.
pub(crate) fn on_disk(folder: &Folder, ca: &Ca, leaf: &Leaf) -> ClientTls {
    let cert = folder.file("cert.pem", &leaf.pem);
    let key = folder.file("key.pem", leaf.key.serialize_pem());
    ClientTls { cacert: Some(folder.file("ca.pem", &ca.pem)), ..pair(&cert, &key) }
}

/// A listener's files with the library's own choices.
pub(crate) fn server(folder: &Folder, leaf: &Leaf) -> ServerTls {
    ServerTls {
        cert: folder.file("server.pem", &leaf.pem),
        key: folder.file("server.key", leaf.key.serialize_pem()),
        trusted_ca: None,
        crl: None,
        crl_mode: CrlMode::Etcd,
        suites: CipherSuites::default(),
        curves: Curves::default(),
        min_version: TlsVersion::V1_2,
        max_version: TlsVersion::V1_3,
    }
}
