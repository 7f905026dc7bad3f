//! A client identity that follows its files: certificates are renewed under a running process.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustls::{SignatureScheme, client::ResolvesClientCert, crypto::CryptoProvider, sign::CertifiedKey};

use crate::{Error, identity};

/// Reads the pair again for each handshake, as etcd's client does, and keeps the last good one.
///
/// A renewal replaces two files one after the other; a handshake in between sees a pair that does not fit, and goes on
/// with the one before.
#[derive(Debug)]
pub(crate) struct ReloadedIdentity {
    cert: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    last_good: Mutex<Arc<CertifiedKey>>,
}

impl ReloadedIdentity {
    /// The first reading, whose errors refuse the start. Whom the certificate names is a question of its own.
    pub(crate) fn load(cert: &Path, key: &Path, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let first = identity::pair(cert, key, provider)?;
        Ok(Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            provider: provider.clone(),
            last_good: Mutex::new(Arc::new(first)),
        })
    }

    /// Refuses a certificate with a common name.
    pub(crate) fn names_nobody(&self) -> Result<(), Error> {
        identity::names_nobody(&self.last_good(), &self.cert)
    }

    fn current(&self) -> Arc<CertifiedKey> {
        if let Ok(renewed) = self.read() {
            *self.lock() = Arc::new(renewed);
        }
        self.last_good()
    }

    fn read(&self) -> Result<CertifiedKey, Error> {
        let identity = identity::pair(&self.cert, &self.key, &self.provider)?;
        identity::names_nobody(&identity, &self.cert)?;
        Ok(identity)
    }

    fn last_good(&self) -> Arc<CertifiedKey> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Arc<CertifiedKey>> {
        self.last_good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesClientCert for ReloadedIdentity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
