//! Authorities and certificates, made for one test.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationList, CertificateRevocationListParams,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair,
    RevokedCertParams, SerialNumber,
};
use time::{Duration, OffsetDateTime};

use crate::temp::TempDir;

/// An authority with a folder of its own, in which its certificates are.
#[derive(Debug)]
pub struct Authority {
    dir: TempDir,
    file: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key on disk.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// The common name; none without one.
    pub common_name: Option<&'a str>,
    /// From and until when it is good, in days from now.
    pub days: (i64, i64),
    /// Its serial number.
    pub serial: u64,
    /// The hosts and addresses that it is good for.
    pub names: &'a [&'a str],
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self { common_name: None, days: (-1, 2), serial: 1, names: &["localhost", "127.0.0.1"] }
    }
}

impl Authority {
    /// A new authority of this name, which begins the name of its folder too.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let dir = TempDir::new(name);
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.distinguished_name = subject(Some(name));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, certificate.pem()).expect("write a file");
        Self { dir, file, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// A certificate for a server on this machine, in files that begin with `name`.
    #[must_use]
    pub fn server(&self, name: &str) -> Files {
        self.issue(name, &Wish::default(), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// The same for a server of these names.
    #[must_use]
    pub fn server_named(&self, name: &str, names: &[&str]) -> Files {
        self.issue(name, &Wish { names, ..Wish::default() }, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client, in files that begin with `name`.
    #[must_use]
    pub fn client(&self, name: &str, wish: &Wish<'_>) -> Files {
        self.issue(name, wish, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, name: &str, wish: &Wish<'_>, usage: ExtendedKeyUsagePurpose) -> Files {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = wish.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        params.distinguished_name = subject(wish.common_name);
        params.serial_number = Some(SerialNumber::from(wish.serial));
        let from_now = |days: i64| OffsetDateTime::now_utc() + Duration::days(days);
        (params.not_before, params.not_after) = (from_now(wish.days.0), from_now(wish.days.1));
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = |ending: &str| self.dir.path().join(format!("{name}.{ending}"));
        let files = Files { cert: file("pem"), key: file("key") };
        std::fs::write(&files.cert, certificate.pem()).expect("write a file");
        std::fs::write(&files.key, key.serialize_pem()).expect("write a file");
        files
    }

    /// A list that revokes these serial numbers.
    #[must_use]
    pub fn revokes(&self, serials: &[u64]) -> CertificateRevocationList {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now - Duration::days(1),
            next_update: now + Duration::days(1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a revocation list")
    }

    /// Writes a file into its folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).expect("write a file");
        path
    }
}

impl Files {
    /// Puts these files in the place of others, each at once.
    pub fn replace(&self, others: &Self) {
        for (new, old) in [(&self.cert, &others.cert), (&self.key, &others.key)] {
            let beside = old.with_extension("new");
            std::fs::copy(new, &beside).expect("copy a file");
            std::fs::rename(&beside, old).expect("rename a file");
        }
    }
}

/// A certificate as `--auto-tls` makes it, good for so many days more, in the place of `files`.
pub fn self_signed(files: &Files, days: i64) {
    let key = KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).expect("parameters");
    params.distinguished_name = subject(None);
    params.is_ca = IsCa::ExplicitNoCa;
    params.not_after = OffsetDateTime::now_utc() + Duration::days(days);
    let certificate = params.self_signed(&key).expect("a certificate");
    std::fs::write(&files.key, key.serialize_pem()).expect("write a file");
    std::fs::write(&files.cert, certificate.pem()).expect("write a file");
}

fn subject(common_name: Option<&str>) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "e2e");
    if let Some(name) = common_name {
        subject.push(DnType::CommonName, name);
    }
    subject
}
