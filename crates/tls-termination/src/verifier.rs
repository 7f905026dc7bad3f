//! Which client certificates are taken.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::{
        VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use crate::{CrlMode, der, revoked::Revoked, roots::Authorities};

/// A verifier that requires a certificate which leads to an authority and is not revoked.
pub(crate) fn client_verifier(
    authorities: &Authorities,
    revoked: Option<&Arc<Revoked>>,
    mode: CrlMode,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let roots = Arc::clone(&authorities.roots);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    match (revoked, mode) {
        (None, _) => builder.build(),
        (Some(revoked), CrlMode::Strict) => {
            builder.with_crls(revoked.lists.iter().cloned()).enforce_revocation_expiration().build()
        }
        (Some(revoked), CrlMode::Etcd) => {
            let by_serial: Arc<dyn ClientCertVerifier> =
                Arc::new(BySerial { inner: builder.build()?, revoked: Arc::clone(revoked) });
            Ok(by_serial)
        }
    }
}

/// Refuses a chain, good in every other way, in which a serial number is revoked.
#[derive(Debug)]
struct BySerial {
    inner: Arc<dyn ClientCertVerifier>,
    revoked: Arc<Revoked>,
}

impl BySerial {
    /// What cannot be decoded cannot be looked up.
    fn is_revoked(&self, certificate: &CertificateDer<'_>) -> bool {
        der::certificate(certificate).map_or(true, |certificate| self.revoked.has(&certificate))
    }
}

impl ClientCertVerifier for BySerial {
    fn offer_client_auth(&self) -> bool {
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        if std::iter::once(end_entity).chain(intermediates).any(|certificate| self.is_revoked(certificate)) {
            return Err(CertificateError::Revoked.into());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
