//! A certificate chain with its private key, checked against each other.

use std::{path::Path, sync::Arc};

use rustls::{
    SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::CertificateDer,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use x509_parser::{certificate::X509Certificate, x509::AttributeTypeAndValue};

use crate::{
    Error, der,
    expiry::Expiry,
    followed::{Dated, Followed},
    pem,
};

/// Who this process is to its peers.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) key: Arc<CertifiedKey>,
    expiries: Vec<Expiry>,
}

impl Identity {
    /// Until when the leaf is good, in seconds since 1970.
    pub(crate) fn not_after(&self) -> Option<i64> {
        self.expiries.first().map(|leaf| leaf.not_after)
    }

    /// Whether the leaf has been issued by whom it names, as what a process makes for itself has.
    pub(crate) fn is_self_issued(&self) -> bool {
        let leaf = self.key.cert.first().and_then(|leaf| der::certificate(leaf).ok());
        leaf.is_some_and(|leaf| leaf.issuer().as_raw() == leaf.subject().as_raw())
    }
}

/// Reads a chain and the key, which must fit.
///
/// rustls has a check of its own, which refuses certificates of X.509 version 1. `openssl x509 -req` makes those when it
/// is not told otherwise, and etcd takes them from clients.
pub(crate) fn pair(cert: &Path, key: &Path, provider: &CryptoProvider) -> Result<Identity, Error> {
    let chain = pem::certificates(cert)?;
    let private_key = provider
        .key_provider
        .load_private_key(pem::private_key(key)?)
        .map_err(|reason| Error::UnusableKey { file: key.to_owned(), reason })?;
    let identity = CertifiedKey::new(chain, private_key);
    if !fits(&identity, cert)? {
        return Err(Error::KeyMismatch { cert: cert.to_owned(), key: key.to_owned() });
    }
    Ok(Identity { expiries: Expiry::of_certificates(&identity.cert, cert), key: Arc::new(identity) })
}

/// Whether leaf and private key have the same public key. A key that does not tell its public half gets the benefit of
/// the doubt.
fn fits(identity: &CertifiedKey, file: &Path) -> Result<bool, Error> {
    let of_leaf = identity.cert.first().map(|leaf| parsed(leaf, file)).transpose()?;
    let of_key = identity.key.public_key();
    let both = of_leaf.as_ref().map(|leaf| leaf.public_key().raw).zip(of_key.as_deref());
    Ok(both.is_none_or(|(of_leaf, of_key)| of_leaf == of_key))
}

/// Refuses a leaf that names somebody: etcd with `--client-cert-auth` takes whoever comes over this connection without
/// a token for the user of that name.
pub(crate) fn names_nobody(identity: &Identity, file: &Path) -> Result<(), Error> {
    let name = identity.key.cert.first().map(|leaf| common_name(leaf, file)).transpose()?.flatten();
    name.map_or(Ok(()), |name| Err(Error::CommonName { name, file: file.to_owned() }))
}

/// The subject of a certificate as it stands in it; `None` where there is none.
pub fn subject(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = der::certificate(certificate).ok()?;
    let subject = parsed.subject();
    let is_empty = subject.iter().next().is_none();
    (!is_empty).then(|| subject.as_raw().to_vec())
}

/// The subject's last common name, when there is one that is not empty (Go, and so etcd, takes the last).
fn common_name(leaf: &CertificateDer<'_>, file: &Path) -> Result<Option<String>, Error> {
    let leaf = parsed(leaf, file)?;
    let last = leaf.subject().iter_common_name().last().map(text);
    Ok(last.filter(|name| !name.is_empty()))
}

fn parsed<'a>(leaf: &'a CertificateDer<'_>, file: &Path) -> Result<X509Certificate<'a>, Error> {
    der::certificate(leaf).map_err(|reason| Error::MalformedCertificate { file: file.to_owned(), reason })
}

/// The value as text, whatever string type it has: an unreadable name is still a name.
fn text(attribute: &AttributeTypeAndValue<'_>) -> String {
    match attribute.as_str() {
        Ok(name) => name.to_owned(),
        Err(_) => String::from_utf8_lossy(attribute.as_slice()).into_owned(),
    }
}

impl Dated for Identity {
    fn expiries(&self) -> Vec<Expiry> {
        self.expiries.clone()
    }
}

impl ResolvesClientCert for Followed<Identity> {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.in_use().key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Followed<Identity> {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.in_use().key))
    }
}
