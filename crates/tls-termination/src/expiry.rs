//! When a file's certificates end.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::{certificate::X509Certificate, prelude::FromDer};

use crate::{Error, pem};

/// When the first of the certificates in a PEM file expires. The file is read anew, as a handshake would read it.
///
/// # Errors
/// Where there is no such file, or something in it is no certificate.
pub fn expiry(file: &Path) -> Result<SystemTime, Error> {
    let mut first = None;
    for certificate in pem::certificates(file)? {
        let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|reason| {
            Error::MalformedCertificate { file: file.to_owned(), reason: reason.to_string() }
        })?;
        let end = parsed.validity().not_after.timestamp();
        first = Some(first.map_or(end, |first: i64| first.min(end)));
    }
    // A certificate that ended before 1970 has ended.
    let seconds = first.and_then(|end| u64::try_from(end).ok()).unwrap_or_default();
    Ok(UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH))
}
