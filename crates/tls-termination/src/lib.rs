//! TLS from certificate files, as etcd's flags name them, for both sides of a proxy.
//!
//! ```text
//! --cert, --key ─► pem ─► identity (key fits certificate, no common name) ┐
//! --cacert      ─► pem ─► trust (or the system's roots)                   ├─► ClientTls ─► ClientConfig
//! --insecure-skip-tls-verify ─► dangerous                                 ┘
//!
//! --cert-file, --key-file ─► pem ─► identity ┐
//! --trusted-ca-file       ─► pem ─► roots    ├─► ServerTls ─► TlsListener ─► TlsStream
//! --client-crl-file       ─► pem ─► revoked  ┘
//! ```
//!
//! - A client certificate with a common name is refused: etcd with `--client-cert-auth` would take every client without
//!   a token for the user of that name.
//! - What was made from files follows them ([`Reloader`]): what is good is in use for the next handshake, what is bad
//!   leaves the last good reading in use. The files that belong together are read together.
//! - Handshakes are bounded in time and number ([`Limits`]), and never stand in each other's way.
//! - A session of a client that has shown a certificate is never resumed: it may be revoked by then.
//! - The cryptography is named here, never taken from a process-wide default.
//! - Nothing outside `pem` reads PEM; nothing outside `dangerous` accepts an unverified certificate.

mod choices;
mod client;
mod counters;
mod dangerous;
mod der;
mod either_name;
mod error;
mod expiry;
mod failure;
mod followed;
mod identity;
mod listener;
mod pem;
mod pending;
mod reloader;
mod revoked;
mod roots;
mod self_signed;
mod server;
mod trail;
mod trust;
mod verifier;

pub use choices::{CipherSuites, Curves, TlsVersion};
pub use client::ClientTls;
pub use counters::Counters;
pub use error::Error;
pub use expiry::Expiry;
pub use failure::{HandshakeFailure, Reason};
pub use identity::subject;
pub use listener::{Limits, TlsListener};
pub use reloader::{Reloaded, Reloader, Source};
pub use revoked::CrlMode;
pub use self_signed::{Presence, SelfSigned};
pub use server::ServerTls;
