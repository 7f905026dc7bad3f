//! The certificates that a peer's certificate must lead to.

use std::{path::Path, sync::Arc};

use rustls::RootCertStore;

use crate::{Error, der, expiry::Expiry, followed::Dated, pem};

/// The authorities of a file.
#[derive(Debug)]
pub(crate) struct Authorities {
    pub(crate) roots: Arc<RootCertStore>,
    expiries: Vec<Expiry>,
}

/// The certificates of a CA file. One that cannot be decoded refuses the file: half a bundle is a silent surprise.
pub(crate) fn from_file(file: &Path) -> Result<Authorities, Error> {
    let mut roots = RootCertStore::empty();
    let certificates = pem::certificates(file)?;
    let expiries = Expiry::of_certificates(&certificates, file);
    let malformed = |reason| Error::MalformedCertificate { file: file.to_owned(), reason };
    for certificate in certificates {
        der::certificate(&certificate).map_err(malformed)?;
        roots.add(certificate).map_err(|reason| malformed(bare(&reason)))?;
    }
    Ok(Authorities { roots: Arc::new(roots), expiries })
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

impl Dated for Authorities {
    fn expiries(&self) -> Vec<Expiry> {
        self.expiries.clone()
    }
}
