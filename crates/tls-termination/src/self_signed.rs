//! A certificate that this process makes for itself, as etcd's `--auto-tls` does.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
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

use crate::{Curves, Error, Expiry, identity, identity::Identity};

const DAYS_A_YEAR: i64 = 365;
/// How many days before its end a self-signed certificate is made anew.
const EARLY_DAYS: i64 = 30;
const SECONDS_A_DAY: i64 = 86_400;

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
    /// The certificate that was there had expired, or would have soon.
    Renewed,
}

/// A certificate that is there.
#[derive(Clone, Copy, Debug)]
struct Found {
    /// In seconds since 1970.
    not_after: i64,
    is_self_issued: bool,
}

impl Found {
    fn of(pair: &Identity) -> Self {
        let not_after = pair.not_after().unwrap_or(i64::MAX);
        Self { not_after, is_self_issued: pair.is_self_issued() }
    }

    fn lasts(self, now: OffsetDateTime) -> bool {
        let early = if self.is_self_issued { EARLY_DAYS * SECONDS_A_DAY } else { 0 };
        self.not_after.saturating_sub(now.unix_timestamp()) >= early
    }
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

    /// Whether there is room for the files, where there are none: folders can be made. Leaves nothing behind.
    ///
    /// # Errors
    /// Those that [`SelfSigned::ensure`] would have.
    pub fn check_room(&self) -> Result<(), Error> {
        let here = Path::new(".");
        let folders =
            self.folder.ancestors().map(|above| if above.as_os_str().is_empty() { here } else { above });
        let nearest = folders.into_iter().find(|folder| folder.exists()).unwrap_or(here);
        let trial = nearest.join(format!(".{}", std::process::id()));
        let made = DirBuilder::new().mode(0o700).create(&trial).and_then(|()| fs::remove_dir(&trial));
        made.map_err(|reason| self.failed(reason))
    }

    /// Uses what is there. Makes a certificate where there is none, where its key is missing, where it has expired, and
    /// where it is self-signed and has less than 30 days left. One that somebody else has issued is left to them
    /// for as long as it is good.
    ///
    /// Meant for the start, and for a running process as often as [`SelfSigned::is_due`] says so. Of several processes
    /// with the same folder one makes it.
    ///
    /// # Errors
    /// What is wrong with the files that are there, or why new ones cannot be written.
    pub fn ensure(&self) -> Result<Presence, Error> {
        let now = OffsetDateTime::now_utc();
        // Somebody may be writing there at this moment, so what is wrong is only believed with the lock.
        if self.found().is_ok_and(|found| found.is_some_and(|found| found.lasts(now))) {
            return Ok(Presence::Kept);
        }
        let _lock = self.lock().map_err(|reason| self.failed(reason))?;
        match self.found()? {
            Some(found) if found.lasts(now) => Ok(Presence::Kept),
            found => {
                self.make(now)?;
                Ok(if found.is_some() { Presence::Renewed } else { Presence::Created })
            }
        }
    }

    /// Whether what is in use wants to be renewed at `now`, in seconds since 1970, if it is this process's to renew.
    pub fn is_due(&self, in_use: &[Expiry], now: i64) -> bool {
        let cert = self.cert();
        let is_late = |expiry: &Expiry| expiry.not_after.saturating_sub(now) < EARLY_DAYS * SECONDS_A_DAY;
        in_use.iter().any(|expiry| expiry.file == cert && is_late(expiry))
    }

    /// What is there.
    fn found(&self) -> Result<Option<Found>, Error> {
        let (cert, key) = (self.cert(), self.key());
        if !(cert.exists() && key.exists()) {
            return Ok(None);
        }
        let pair = identity::pair(&cert, &key, &Curves::default().provider())?;
        Ok(Some(Found::of(&pair)))
    }

    /// The folder, held until this is dropped.
    fn lock(&self) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let folder = File::open(&self.folder)?;
        folder.lock()?;
        Ok(folder)
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
