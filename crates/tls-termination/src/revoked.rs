//! Certificate revocation lists.

use std::{collections::HashSet, path::Path};

use rustls::pki_types::CertificateRevocationListDer;
use webpki::BorrowedCertRevocationList;
use x509_parser::certificate::X509Certificate;

use crate::{Error, der, expiry::Expiry, followed::Dated, pem};

/// How a revocation list is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CrlMode {
    /// As etcd does it: a certificate of the client's chain is revoked when its serial number is in the list, whoever
    /// issued the two, however old the list is, and whether or not its signature is good.
    #[default]
    Etcd,
    /// As RFC 5280 says: the list is signed by the certificate's issuer and not out of date, and there is one for every
    /// issuer of the chain; else the certificate is refused.
    Strict,
}

/// What the lists of a file revoke.
#[derive(Debug)]
pub(crate) struct Revoked {
    pub(crate) lists: Vec<CertificateRevocationListDer<'static>>,
    serials: HashSet<Box<[u8]>>,
    expiries: Vec<Expiry>,
}

impl Revoked {
    /// Reads a file. What only strict verification minds about a list is looked for only then.
    pub(crate) fn from_file(file: &Path, mode: CrlMode) -> Result<Self, Error> {
        let lists = pem::revocation_lists(file)?;
        let malformed = |reason| Error::MalformedRevocationList { file: file.to_owned(), reason };
        let (mut serials, mut expiries) = (HashSet::new(), Vec::new());
        for list in &lists {
            let parsed = der::revocation_list(list).map_err(malformed)?;
            if mode == CrlMode::Strict {
                BorrowedCertRevocationList::from_der(list).map_err(|reason| malformed(reason.to_string()))?;
            }
            serials.extend(parsed.iter_revoked_certificates().map(|revoked| number(revoked.raw_serial())));
            expiries.extend(parsed.next_update().map(|next_update| Expiry {
                file: file.to_owned(),
                subject: parsed.issuer().to_string(),
                serial: String::new(),
                not_after: next_update.timestamp(),
            }));
        }
        Ok(Self { lists, serials, expiries })
    }

    /// Whether the list has the certificate's serial number.
    pub(crate) fn has(&self, certificate: &X509Certificate<'_>) -> bool {
        self.serials.contains(number(certificate.raw_serial()).as_ref())
    }
}

/// The number without the zeros that keep it positive.
fn number(serial: &[u8]) -> Box<[u8]> {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default().into()
}

impl Dated for Revoked {
    fn expiries(&self) -> Vec<Expiry> {
        self.expiries.clone()
    }
}
