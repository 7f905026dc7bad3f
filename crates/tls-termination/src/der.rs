//! Certificates and revocation lists, decoded, and words for what cannot be.

use x509_parser::{
    certificate::X509Certificate, error::X509Error, nom, prelude::FromDer,
    revocation_list::CertificateRevocationList,
};

/// A certificate. What stands behind it is nobody's business, as with Go.
pub(crate) fn certificate(der: &[u8]) -> Result<X509Certificate<'_>, String> {
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|reason| words(&reason))
}

/// A revocation list, which has to be all that there is.
pub(crate) fn revocation_list(der: &[u8]) -> Result<CertificateRevocationList<'_>, String> {
    match CertificateRevocationList::from_der(der) {
        Ok(([], list)) => Ok(list),
        Ok(_) => Err("there is something behind its end".to_owned()),
        Err(reason) => Err(words(&reason)),
    }
}

fn words(reason: &nom::Err<X509Error>) -> String {
    match reason {
        nom::Err::Incomplete(_) => "it ends too soon".to_owned(),
        nom::Err::Error(X509Error::NomError(nom::error::ErrorKind::Eof)) => {
            "it is empty or ends too soon".to_owned()
        }
        nom::Err::Error(X509Error::Der(_) | X509Error::NomError(_) | X509Error::Generic)
        | nom::Err::Failure(X509Error::Der(_) | X509Error::NomError(_) | X509Error::Generic) => {
            "it is not DER".to_owned()
        }
        nom::Err::Error(reason) | nom::Err::Failure(reason) => reason.to_string(),
    }
}
