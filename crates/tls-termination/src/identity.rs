//! A certificate chain with its private key, checked against each other.

use std::path::Path;

use rustls::{InconsistentKeys, crypto::CryptoProvider, pki_types::CertificateDer, sign::CertifiedKey};
use x509_parser::{prelude::FromDer, x509::AttributeTypeAndValue};

use crate::{Error, pem};

/// Reads a client's chain and the key, which must fit.
pub(crate) fn pair(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    let chain = pem::certificates(cert)?;
    let private_key = pem::private_key(key)?;
    CertifiedKey::from_der(chain, private_key, provider).map_err(|reason| refused(reason, cert, key))
}

/// Refuses a leaf that names somebody: etcd with `--client-cert-auth` takes whoever comes over this connection without
/// a token for the user of that name.
pub(crate) fn names_nobody(identity: &CertifiedKey, file: &Path) -> Result<(), Error> {
    let name = identity.cert.first().map(|leaf| common_name(leaf, file)).transpose()?.flatten();
    name.map_or(Ok(()), |name| Err(Error::CommonName { name, file: file.to_owned() }))
}

/// The subject's last common name, when there is one that is not empty (Go, and so etcd, takes the last).
fn common_name(leaf: &CertificateDer<'_>, file: &Path) -> Result<Option<String>, Error> {
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(leaf).map_err(|reason| {
        Error::MalformedCertificate { file: file.to_owned(), reason: reason.to_string() }
    })?;
    let last = parsed.subject().iter_common_name().last().map(text);
    Ok(last.filter(|name| !name.is_empty()))
}

/// The value as text, whatever string type it has: an unreadable name is still a name.
fn text(attribute: &AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(name) => name.to_owned(),
        Err(_) => String::from_utf8_lossy(attribute.as_slice()).into_owned(),
    }
}

fn refused(reason: rustls::Error, cert: &Path, key: &Path) -> Error {
    match reason {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            Error::KeyMismatch { cert: cert.to_owned(), key: key.to_owned() }
        }
        rustls::Error::InvalidCertificate(reason) => {
            Error::MalformedCertificate { file: cert.to_owned(), reason: reason.to_string() }
        }
        reason => Error::UnusableKey { file: key.to_owned(), reason },
    }
}
