//! Why certificate files do not make a configuration.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why certificate files do not make a configuration. Each message names the file at fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read (etcd: Go's words for it).
    #[error("open {}: {}", .file.display(), go_words(.reason))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// The file has the markers of PEM, but what is between them is not.
    #[error("{}: malformed PEM: {reason}", .file.display())]
    MalformedPem {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No certificate in a file that should have one.
    #[error("{}: no PEM certificate in this file", .0.display())]
    NoCertificate(PathBuf),
    /// No usable private key in a file that should have one.
    #[error("{}: no PEM private key in this file (encrypted keys are not supported)", .0.display())]
    NoPrivateKey(PathBuf),
    /// A certificate that cannot be decoded.
    #[error("{}: malformed certificate: {reason}", .file.display())]
    MalformedCertificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A private key of an unknown kind, or one that cannot be decoded.
    #[error("{}: unusable private key: {}", .file.display(), bare(.reason))]
    UnusableKey {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: rustls::Error,
    },
    /// No revocation list in a file that should have one.
    #[error("{}: no certificate revocation list in this file", .0.display())]
    NoRevocationList(PathBuf),
    /// A revocation list that cannot be decoded.
    #[error("{}: malformed certificate revocation list: {reason}", .file.display())]
    MalformedRevocationList {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key belongs to another certificate.
    #[error("{}: private key does not match the certificate {}", .key.display(), .cert.display())]
    KeyMismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate without its key or the reverse (etcd's words).
    #[error("KeyFile and CertFile must both be present[key: {}, cert: {}]", shown(.key), shown(.cert))]
    HalfPair {
        /// The certificate's file, when given.
        cert: Option<PathBuf>,
        /// The key's file, when given.
        key: Option<PathBuf>,
    },
    /// A client certificate that etcd would take for a user (etcd's words).
    #[error("cert has non empty Common Name ({name}): {}", .file.display())]
    CommonName {
        /// The common name.
        name: String,
        /// The certificate's file.
        file: PathBuf,
    },
    /// The system has no root certificates, and no file was given instead.
    #[error("no root certificates on this system: name a CA file{0}")]
    NoSystemRoots(String),
    /// A cipher suite of no known name (etcd's words).
    #[error("unexpected TLS cipher suite {0:?}")]
    UnexpectedSuite(String),
    /// A cipher suite that Go has and this process has not.
    #[error("TLS cipher suite {name:?} is not served (must be one of: {served})")]
    UnservedSuite {
        /// Its name.
        name: String,
        /// The names of those that are.
        served: String,
    },
    /// A curve of no known name, or one that cannot be served.
    #[error("unexpected TLS curve {name:?} (must be one of: {served})")]
    UnexpectedCurve {
        /// Its name.
        name: String,
        /// The names of those that are served.
        served: String,
    },
    /// No cipher suite for the TLS versions asked for.
    #[error("no TLS version and cipher suite that go together: {0}")]
    Provider(rustls::Error),
    /// The authorities and revocation lists do not make a verifier.
    #[error("certificates cannot be verified: {0}")]
    Verifier(rustls::server::VerifierBuilderError),
    /// The self-signed certificate cannot be made or written.
    #[error("cannot make a self-signed certificate in {}: {reason}", .folder.display())]
    SelfSigned {
        /// Where it should be.
        folder: PathBuf,
        /// What went wrong.
        reason: String,
    },
}

/// The system's reason without its number, lower-case: "no such file or directory".
fn go_words(reason: &io::Error) -> String {
    let text = reason.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// Without rustls's word for what it has no kind for.
fn bare(reason: &rustls::Error) -> String {
    match reason {
        rustls::Error::General(reason) => reason.clone(),
        reason => reason.to_string(),
    }
}

fn shown(file: &Option<PathBuf>) -> std::path::Display<'_> {
    file.as_deref().unwrap_or(Path::new("")).display()
}
