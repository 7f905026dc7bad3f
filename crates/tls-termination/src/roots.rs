//! The certificates that a server's certificate must lead to.

use std::path::Path;

use rustls::RootCertStore;

use crate::{Error, pem};

/// The certificates of a CA file. One that cannot be decoded refuses the file: half a bundle is a silent surprise.
pub(crate) fn from_file(file: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in pem::certificates(file)? {
        roots
            .add(certificate)
            .map_err(|reason| Error::MalformedCertificate { file: file.to_owned(), reason: bare(&reason) })?;
    }
    Ok(roots)
}

/// The roots that the machine trusts. Those that cannot be decoded are passed over: the operator did not pick them.
pub(crate) fn of_the_system() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map(|error| format!(" ({error})"));
        return Err(Error::NoSystemRoots(reason.unwrap_or_default()));
    }
    Ok(roots)
}

/// Without rustls's words for the certificate of a peer, which this is not.
fn bare(reason: &rustls::Error) -> String {
    match reason {
        rustls::Error::InvalidCertificate(reason) => reason.to_string(),
        reason => reason.to_string(),
    }
}
