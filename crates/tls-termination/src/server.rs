//! What the operator says about TLS towards clients, and the configuration that it means.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ConfigBuilder, ServerConfig,
    crypto::CryptoProvider,
    server::{NoServerSessionStorage, ResolvesServerCert, WantsServerCert},
};

use crate::{
    CipherSuites, CrlMode, Curves, Error, Source, TlsVersion,
    followed::Followed,
    identity::{self, Identity},
    revoked::Revoked,
    roots::{self, Authorities},
    verifier::client_verifier,
};

/// HTTP/2 for gRPC, HTTP/1.1 so that plain tools can read the pages.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Certificate files and choices for a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// PEM chain that identifies this process to clients, leaf first.
    pub cert: PathBuf,
    /// PEM private key of the chain's leaf: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// PEM certificates that a client's certificate must lead to. Without it, clients are not asked for one.
    pub trusted_ca: Option<PathBuf>,
    /// Revoked client certificates, in DER or PEM.
    pub crl: Option<PathBuf>,
    /// How they are used.
    pub crl_mode: CrlMode,
    /// The cipher suites of TLS 1.2.
    pub suites: CipherSuites,
    /// How keys are agreed on.
    pub curves: Curves,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// The newest version that is spoken.
    pub max_version: TlsVersion,
}

/// The configuration that the files mean at the moment.
#[derive(Debug)]
pub(crate) struct LiveConfig {
    choices: ServerTls,
    provider: Arc<CryptoProvider>,
    identity: Arc<Followed<Identity>>,
    authorities: Option<Arc<Followed<Authorities>>>,
    revoked: Option<Arc<Followed<Revoked>>>,
    made: Mutex<Made>,
}

/// A configuration, and what it was made from.
#[derive(Debug)]
struct Made {
    authorities: Option<Arc<Authorities>>,
    revoked: Option<Arc<Revoked>>,
    config: Arc<ServerConfig>,
}

impl ServerTls {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// What is wrong with them, or with the choices together.
    pub fn check(&self) -> Result<(), Error> {
        LiveConfig::new(self).map(drop)
    }

    /// The same without certificate and key, which may be yet to be made.
    ///
    /// # Errors
    /// What is wrong with the other files, or with the choices together.
    pub fn check_all_but_pair(&self) -> Result<(), Error> {
        let (authorities, revoked) = (in_use(&self.authorities()?), in_use(&self.revoked()?));
        begin(self, &self.provider(), authorities.as_deref(), revoked.as_ref()).map(drop)
    }

    fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = self.curves.provider();
        self.suites.restrict(&mut provider);
        Arc::new(provider)
    }

    fn authorities(&self) -> Result<Option<Arc<Followed<Authorities>>>, Error> {
        let follow = |file: &PathBuf| {
            let named = file.clone();
            Followed::new(&[file], move || roots::from_file(&named))
        };
        self.trusted_ca.as_ref().map(follow).transpose()
    }

    fn revoked(&self) -> Result<Option<Arc<Followed<Revoked>>>, Error> {
        let follow = |file: &PathBuf| {
            let (named, mode) = (file.clone(), self.crl_mode);
            Followed::new(&[file], move || Revoked::from_file(&named, mode))
        };
        self.crl.as_ref().map(follow).transpose()
    }
}

impl LiveConfig {
    /// The order of the checks is etcd's: the pair, then the CA file. The revocation list comes last.
    pub(crate) fn new(choices: &ServerTls) -> Result<Self, Error> {
        let provider = choices.provider();
        let identity = followed_identity(choices, &provider)?;
        let (authorities, revoked) = (choices.authorities()?, choices.revoked()?);
        let (present, lists) = (in_use(&authorities), in_use(&revoked));
        let config = make(choices, &provider, &identity, present.as_deref(), lists.as_ref())?;
        let made = Mutex::new(Made { authorities: present, revoked: lists, config });
        Ok(Self { choices: choices.clone(), provider, identity, authorities, revoked, made })
    }

    pub(crate) fn sources(&self) -> Vec<Source> {
        let identity = [Source::new(Arc::clone(&self.identity) as _)];
        let authorities = self.authorities.iter().map(|followed| Source::new(Arc::clone(followed) as _));
        let revoked = self.revoked.iter().map(|followed| Source::new(Arc::clone(followed) as _));
        identity.into_iter().chain(authorities).chain(revoked).collect()
    }

    /// The configuration for the next handshake. It is made anew when the authorities or the revoked certificates have
    /// changed; the certificate of the listener itself is looked up by each handshake.
    pub(crate) fn present(&self) -> Arc<ServerConfig> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (authorities, revoked) = (in_use(&self.authorities), in_use(&self.revoked));
        if !same(&authorities, &made.authorities) || !same(&revoked, &made.revoked) {
            let renewed =
                make(&self.choices, &self.provider, &self.identity, authorities.as_deref(), revoked.as_ref());
            // Whatever could be wrong with the parts was found when they were read.
            if let Ok(config) = renewed {
                *made = Made { authorities, revoked, config };
            }
        }
        Arc::clone(&made.config)
    }
}

fn followed_identity(
    choices: &ServerTls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<Followed<Identity>>, Error> {
    let (cert, key) = (choices.cert.clone(), choices.key.clone());
    let provider = Arc::clone(provider);
    Followed::new(&[&choices.cert, &choices.key], move || identity::pair(&cert, &key, &provider))
}

fn in_use<T>(followed: &Option<Arc<Followed<T>>>) -> Option<Arc<T>> {
    followed.as_ref().map(|followed| followed.in_use())
}

fn same<T>(one: &Option<Arc<T>>, other: &Option<Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// All of a configuration but who this process is.
fn begin(
    choices: &ServerTls,
    provider: &Arc<CryptoProvider>,
    authorities: Option<&Authorities>,
    revoked: Option<&Arc<Revoked>>,
) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, Error> {
    let versions = TlsVersion::between(choices.min_version, choices.max_version);
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&versions)
        .map_err(Error::Provider)?;
    Ok(match authorities {
        Some(authorities) => builder.with_client_cert_verifier(
            client_verifier(authorities, revoked, choices.crl_mode, provider).map_err(Error::Verifier)?,
        ),
        None => builder.with_no_client_auth(),
    })
}

fn make(
    choices: &ServerTls,
    provider: &Arc<CryptoProvider>,
    identity: &Arc<Followed<Identity>>,
    authorities: Option<&Authorities>,
    revoked: Option<&Arc<Revoked>>,
) -> Result<Arc<ServerConfig>, Error> {
    let builder = begin(choices, provider, authorities, revoked)?;
    let mut config = builder.with_cert_resolver(Arc::clone(identity) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    if authorities.is_some() {
        // A session that is resumed does not show its certificate again, which may be revoked by now.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}
