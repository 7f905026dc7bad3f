//! Until when certificates and revocation lists are good.

use std::path::{Path, PathBuf};

use crate::der;
use rustls::pki_types::CertificateDer;

/// Until when one certificate or revocation list that is in use is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The file that it came from.
    pub file: PathBuf,
    /// Whose it is: the certificate's subject, or the issuer of the list.
    pub subject: String,
    /// The certificate's serial number in hexadecimal; empty for a list.
    pub serial: String,
    /// Seconds since 1970.
    pub not_after: i64,
}

impl Expiry {
    /// Days from `now`, in seconds since 1970, until then; negative when it is over.
    pub fn days_from(&self, now: i64) -> f64 {
        self.not_after.saturating_sub(now) as f64 / 86_400.0
    }

    /// One for each certificate; what cannot be decoded has none.
    pub(crate) fn of_certificates(certificates: &[CertificateDer<'_>], file: &Path) -> Vec<Self> {
        let of = |der: &CertificateDer<'_>| {
            let certificate = der::certificate(der).ok()?;
            Some(Self {
                file: file.to_owned(),
                subject: certificate.subject().to_string(),
                serial: hexadecimal(certificate.raw_serial()),
                not_after: certificate.validity().not_after.timestamp(),
            })
        };
        certificates.iter().filter_map(of).collect()
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
