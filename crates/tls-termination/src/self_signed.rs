//! A certificate that this process makes for itself, as etcd's `--auto-tls` does.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P521_SHA512, SanType,
};
use time::{Duration, OffsetDateTime};

use crate::{Curves, Error, identity};

const DAYS_A_YEAR: i64 = 365;

/// A certificate and a key in a folder, made when they are not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfSigned {
    /// Where `cert.pem` and `key.pem` are.
    pub folder: PathBuf,
    /// The DNS names and IP addresses that it is good for. What is neither is passed over.
    pub names: Vec<String>,
    /// For how long, in years of 365 days.
    pub years: u32,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The files were there, and stay.
    Kept,
    /// There were none.
    Created,
    /// The certificate that was there had expired.
    Renewed,
}

impl SelfSigned {
    /// The certificate's file.
    pub fn cert(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    /// The key's file.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }

    /// Whether what is there, if it is there, can be used. Writes nothing.
    ///
    /// # Errors
    /// What is wrong with the files, or with the years.
    pub fn check(&self) -> Result<(), Error> {
        self.last_day()?;
        self.found().map(drop)
    }

    /// Uses what is there. Makes a certificate where there is none, where its key is missing, or where it has expired.
    ///
    /// # Errors
    /// What is wrong with the files that are there, or why new ones cannot be written.
    pub fn ensure(&self) -> Result<Presence, Error> {
        let now = OffsetDateTime::now_utc();
        match self.found()? {
            Some(not_after) if not_after >= now.unix_timestamp() => Ok(Presence::Kept),
            found => {
                self.make(now)?;
                Ok(if found.is_some() { Presence::Renewed } else { Presence::Created })
            }
        }
    }

    /// Until when the certificate that is there is good, in seconds since 1970.
    fn found(&self) -> Result<Option<i64>, Error> {
        let (cert, key) = (self.cert(), self.key());
        if !(cert.exists() && key.exists()) {
            return Ok(None);
        }
        let pair = identity::pair(&cert, &key, &Curves::default().provider())?;
        Ok(Some(pair.not_after().unwrap_or(i64::MAX)))
    }

    fn last_day(&self) -> Result<OffsetDateTime, Error> {
        let days = i64::from(self.years) * DAYS_A_YEAR;
        OffsetDateTime::now_utc()
            .checked_add(Duration::days(days))
            .ok_or_else(|| self.failed(format!("{} years are too many", self.years)))
    }

    fn make(&self, now: OffsetDateTime) -> Result<(), Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).map_err(|reason| self.failed(reason))?;
        let mut params = CertificateParams::default();
        params.not_before = now;
        params.not_after = self.last_day()?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "etcd");
        params.subject_alt_names = self.names.iter().filter_map(|name| subject_name(name)).collect();
        // Clients that trust this very certificate need no authority. Some refuse one that shows itself as a server.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.self_signed(&key).map_err(|reason| self.failed(reason))?;
        self.write(&certificate.pem(), &key.serialize_pem()).map_err(|reason| self.failed(reason))
    }

    /// The key before the certificate, both gone before: a pair that does not fit is never left behind.
    fn write(&self, certificate: &str, key: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        for file in [self.cert(), self.key()] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        write_new(&self.key(), 0o600, key)?;
        write_new(&self.cert(), 0o644, certificate)
    }

    fn failed(&self, reason: impl ToString) -> Error {
        Error::SelfSigned { folder: self.folder.clone(), reason: reason.to_string() }
    }
}

fn write_new(file: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn subject_name(name: &str) -> Option<SanType> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Some(SanType::IpAddress(address));
    }
    rustls::pki_types::DnsName::try_from(name).ok()?;
    name.to_owned().try_into().ok().map(SanType::DnsName)
}
