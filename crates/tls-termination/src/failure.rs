//! Why a handshake came to nothing.

use std::{fmt, io};

use rustls::{CertificateError, Error as Tls};

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct HandshakeFailure {
    /// The kind of reason.
    pub reason: Reason,
    detail: String,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident $name:literal),* $(,)?) => {
        /// What kinds of reasons there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])* $reason),* }

        impl Reason {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$reason),*];

            /// A word for it, for labels.
            pub fn name(self) -> &'static str {
                match self { $(Self::$reason => $name),* }
            }
        }
    };
}

reasons! {
    /// It took too long.
    Timeout "timeout",
    /// Newer connections needed the room.
    Crowded "crowded",
    /// The client went away.
    Disconnected "disconnected",
    /// What came is not TLS.
    NotTls "not_tls",
    /// No version, cipher suite, curve or protocol in common.
    Incompatible "incompatible",
    /// The client did not take our certificate, or ended the handshake for another reason of its own.
    RefusedByClient "refused_by_client",
    /// The client has no certificate and needs one.
    NoCertificate "no_certificate",
    /// The client's certificate leads to no authority that is trusted.
    UnknownAuthority "unknown_authority",
    /// The client's certificate has expired, or is not valid yet.
    Expired "expired",
    /// The client's certificate is revoked.
    Revoked "revoked",
    /// Nothing valid says whether the client's certificate is revoked (strict lists).
    RevocationUnknown "revocation_unknown",
    /// The client's certificate is bad in another way.
    BadCertificate "bad_certificate",
    /// Anything else.
    Other "other",
}

impl Reason {
    /// Whether it is about the certificate that the client showed or owed.
    pub fn is_of_certificate(self) -> bool {
        use Reason::{BadCertificate, Expired, NoCertificate, RevocationUnknown, Revoked, UnknownAuthority};
        matches!(
            self,
            NoCertificate | UnknownAuthority | Expired | Revoked | RevocationUnknown | BadCertificate
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl HandshakeFailure {
    pub(crate) fn new(reason: Reason, detail: impl fmt::Display) -> Self {
        Self { reason, detail: detail.to_string() }
    }
}

impl From<io::Error> for HandshakeFailure {
    fn from(error: io::Error) -> Self {
        let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
        let reason = of_tls.map_or_else(|| of_io(&error), reason);
        Self::new(reason, error)
    }
}

fn of_io(error: &io::Error) -> Reason {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof => {
            Reason::Disconnected
        }
        _ => Reason::Other,
    }
}

fn reason(error: &Tls) -> Reason {
    match error {
        Tls::NoCertificatesPresented => Reason::NoCertificate,
        Tls::InvalidCertificate(error) => of_certificate(error),
        Tls::InvalidCertRevocationList(_) => Reason::RevocationUnknown,
        Tls::PeerIncompatible(_) | Tls::NoApplicationProtocol => Reason::Incompatible,
        Tls::AlertReceived(_) => Reason::RefusedByClient,
        Tls::InvalidMessage(_) | Tls::InappropriateMessage { .. } => Reason::NotTls,
        _ => Reason::Other,
    }
}

fn of_certificate(error: &CertificateError) -> Reason {
    use CertificateError::{
        Expired, ExpiredContext, ExpiredRevocationList, ExpiredRevocationListContext, NotValidYet,
        NotValidYetContext, Revoked, UnknownIssuer, UnknownRevocationStatus,
    };
    match error {
        Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => Reason::Expired,
        Revoked => Reason::Revoked,
        UnknownRevocationStatus | ExpiredRevocationList | ExpiredRevocationListContext { .. } => {
            Reason::RevocationUnknown
        }
        UnknownIssuer => Reason::UnknownAuthority,
        _ => Reason::BadCertificate,
    }
}
