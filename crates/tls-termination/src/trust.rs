//! Whom this process believes to be etcd.

use std::{path::Path, sync::Arc};

use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    Error,
    expiry::Expiry,
    followed::{Dated, Followed},
    roots::{self, Authorities},
};

/// The authorities of a CA file, ready to verify a server by.
#[derive(Debug)]
pub(crate) struct Trust {
    authorities: Authorities,
    verifier: Arc<WebPkiServerVerifier>,
}

impl Trust {
    pub(crate) fn from_file(file: &Path, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let authorities = roots::from_file(file)?;
        let roots = Arc::clone(&authorities.roots);
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build().map_err(
                |reason| Error::MalformedCertificate { file: file.to_owned(), reason: reason.to_string() },
            )?;
        Ok(Self { authorities, verifier })
    }
}

impl Dated for Trust {
    fn expiries(&self) -> Vec<Expiry> {
        self.authorities.expiries()
    }
}

/// Each connection is verified by what the file holds at that time.
impl ServerCertVerifier for Followed<Trust> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verifier = &self.in_use().verifier;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.in_use().verifier.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.in_use().verifier.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.in_use().verifier.supported_verify_schemes()
    }
}
