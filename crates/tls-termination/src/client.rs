//! What the operator says about TLS towards etcd, and the configuration that it means.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, ConfigBuilder,
    client::{ResolvesClientCert, WantsClientCert, WebPkiServerVerifier, danger::ServerCertVerifier},
    crypto::CryptoProvider,
    pki_types::ServerName,
};

use crate::{
    Curves, Error, Source,
    dangerous::Unverified,
    either_name::EitherName,
    followed::Followed,
    identity::{self, Identity},
    roots,
    trust::Trust,
};

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
    /// Whether the certificate may have a common name: for servers that are not etcd's.
    pub may_name_somebody: bool,
    /// A name that is as good in a server's certificate as the server's own, such as the domain of a whole cluster.
    pub also_named: Option<String>,
    /// How keys are agreed on.
    pub curves: Curves,
}

/// What the files hold, each part where there is a file for it.
struct Parts {
    identity: Option<Arc<Followed<Identity>>>,
    trust: Option<Arc<Followed<Trust>>>,
}

impl ClientTls {
    /// Whether the operator said anything about TLS, which makes endpoints without a scheme speak it.
    pub fn is_wanted(&self) -> bool {
        self.cert.is_some() || self.key.is_some() || self.cacert.is_some() || self.insecure_skip_verify
    }

    /// Reads and checks the files without looking for the system's roots: for endpoints that are all plain.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), Error> {
        self.parts(&Arc::new(self.curves.provider())).map(drop)
    }

    /// Reads the files and makes the configuration, which offers HTTP/2 alone. It follows the sources: each handshake
    /// goes by what they hold at that time.
    ///
    /// # Errors
    /// What is wrong with the files, or that the system has no roots where there is no CA file.
    pub fn load(&self) -> Result<(ClientConfig, Vec<Source>), Error> {
        let provider = Arc::new(self.curves.provider());
        let Parts { identity, trust } = self.parts(&provider)?;
        let of_identity = identity.clone().map(|identity| Source::new(identity));
        let of_trust = trust.clone().map(|trust| Source::new(trust));
        let builder = self.verification(trust, &provider)?;
        let mut config = match identity {
            Some(identity) => builder.with_client_cert_resolver(identity as Arc<dyn ResolvesClientCert>),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok((config, of_identity.into_iter().chain(of_trust).collect()))
    }

    /// What the files hold. The order of the checks is etcd's: the pair, the CA file, whom the certificate names.
    fn parts(&self, provider: &Arc<CryptoProvider>) -> Result<Parts, Error> {
        if let Some((cert, key)) = self.pair()? {
            identity::pair(cert, key, provider)?;
        }
        let trust = self.cacert.as_ref().map(|file| {
            let (named, provider) = (file.clone(), Arc::clone(provider));
            Followed::new(&[file], move || Trust::from_file(&named, &provider))
        });
        let trust = trust.transpose()?;
        let identity = self.pair()?.map(|(cert, key)| self.identity(cert, key, provider)).transpose()?;
        Ok(Parts { identity, trust })
    }

    fn pair(&self) -> Result<Option<(&Path, &Path)>, Error> {
        match (&self.cert, &self.key) {
            (None, None) => Ok(None),
            (Some(cert), Some(key)) => Ok(Some((cert, key))),
            (cert, key) => Err(Error::HalfPair { cert: cert.clone(), key: key.clone() }),
        }
    }

    fn verification(
        &self,
        trust: Option<Arc<Followed<Trust>>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(Error::Provider)?;
        let verifier: Arc<dyn ServerCertVerifier> = match trust {
            _ if self.insecure_skip_verify => Arc::new(Unverified::new(provider)),
            Some(trust) => self.by_either_name(trust),
            None => self.by_either_name(of_the_system(provider)?),
        };
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
    }

    /// What is no name at all is in no certificate either.
    fn by_either_name(&self, verifier: Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> {
        match self.also_named.clone().map(ServerName::try_from) {
            Some(Ok(other)) => Arc::new(EitherName { verifier, other }),
            Some(Err(_)) | None => verifier,
        }
    }

    /// A pair that names nobody, at the start and ever after.
    fn identity(
        &self,
        cert: &Path,
        key: &Path,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<Followed<Identity>>, Error> {
        let may_name_somebody = self.may_name_somebody;
        let (files, provider) = ((cert.to_owned(), key.to_owned()), Arc::clone(provider));
        Followed::new(&[cert, key], move || {
            let (cert, key) = &files;
            let pair = identity::pair(cert, key, &provider)?;
            if !may_name_somebody {
                identity::names_nobody(&pair, cert)?;
            }
            Ok(pair)
        })
    }
}

fn of_the_system(provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let roots = Arc::new(roots::of_the_system()?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
    Ok(verifier.map_err(Error::Verifier)?)
}
