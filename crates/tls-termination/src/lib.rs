//! TLS configuration from certificate files, as etcd's flags name them.
//!
//! Today this room holds the half that faces etcd: [`ClientTls`], three file names and a switch, becomes a
//! [`rustls::ClientConfig`] that speaks HTTP/2.
//!
//! ```text
//! --cert, --key ─► pem ─► identity (key fits certificate, no common name) ─► reloaded ┐
//! --cacert      ─► pem ─► roots (or the system's)                                     ├─► ClientConfig
//! --insecure-skip-tls-verify ─────────► dangerous                                     ┘
//! ```
//!
//! - A certificate with a common name is refused: etcd with `--client-cert-auth` would take every client without a
//!   token for the user of that name.
//! - The certificate and its key are read again for each handshake. Files that went bad since are ignored, and the
//!   last good pair stays in use.
//! - The cryptography is named here, never taken from a process-wide default.
//! - Nothing outside `pem` reads PEM; nothing outside `dangerous` accepts an unverified certificate.

mod client;
mod dangerous;
mod error;
mod expiry;
mod identity;
mod pem;
mod reloaded;
mod roots;

pub use client::ClientTls;
pub use error::Error;
pub use expiry::expiry;
