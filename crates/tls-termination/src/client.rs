//! What the operator says about TLS towards etcd, and the configuration that it means.

use std::{path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::{WantsClientCert, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
};

use crate::{Error, dangerous::Unverified, reloaded::ReloadedIdentity, roots};

/// Certificate files for the connections to etcd. All empty is a valid wish: TLS with the system's roots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// PEM chain that identifies this process to etcd, leaf first.
    pub cert: Option<PathBuf>,
    /// PEM private key of the chain's leaf: PKCS#8, PKCS#1 or SEC1.
    pub key: Option<PathBuf>,
    /// PEM certificates that etcd's certificate must lead to; the system's roots without it.
    pub cacert: Option<PathBuf>,
    /// Takes any server certificate. For tests only.
    pub insecure_skip_verify: bool,
}

impl ClientTls {
    /// Whether the operator said anything about TLS, which makes endpoints without a scheme speak it.
    pub fn is_wanted(&self) -> bool {
        self.cert.is_some() || self.key.is_some() || self.cacert.is_some() || self.insecure_skip_verify
    }

    /// Reads and checks the files without looking for the system's roots: for endpoints that are all plain.
    pub fn check(&self) -> Result<(), Error> {
        self.parts(&provider()).map(drop)
    }

    /// Reads the files and makes the configuration, which offers HTTP/2 alone.
    pub fn load(&self) -> Result<ClientConfig, Error> {
        let provider = provider();
        let (identity, roots) = self.parts(&provider)?;
        let builder = self.verification(roots, &provider)?;
        let mut config = match identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::new(identity)),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }

    /// What the files hold. The order of the checks is etcd's: the pair, the CA file, whom the certificate names.
    fn parts(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(Option<ReloadedIdentity>, Option<RootCertStore>), Error> {
        let identity = self.identity(provider)?;
        let roots = self.cacert.as_deref().map(roots::from_file).transpose()?;
        identity.as_ref().map_or(Ok(()), ReloadedIdentity::names_nobody)?;
        Ok((identity, roots))
    }

    fn identity(&self, provider: &Arc<CryptoProvider>) -> Result<Option<ReloadedIdentity>, Error> {
        match (&self.cert, &self.key) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => ReloadedIdentity::load(cert, key, provider).map(Some),
            (cert, key) => Err(Error::HalfPair { cert: cert.clone(), key: key.clone() }),
        }
    }

    fn verification(
        &self,
        roots: Option<RootCertStore>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(Error::Provider)?;
        if self.insecure_skip_verify {
            let verifier: Arc<dyn ServerCertVerifier> = Arc::new(Unverified::new(provider));
            return Ok(builder.dangerous().with_custom_certificate_verifier(verifier));
        }
        let roots = roots.map_or_else(roots::of_the_system, Ok)?;
        Ok(builder.with_root_certificates(roots))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
