//! PEM files: the only place that knows how they are read.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::FileTypeExt as _,
    path::Path,
};

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::Error;

/// What a PEM section begins with, after which it is not DER.
const MARKER: &[u8] = b"-----BEGIN ";
/// In bytes. The largest revocation lists of public authorities are smaller; a device has no end.
const LONGEST: u64 = 64 << 20;
/// In characters.
const LONGEST_REASON: usize = 120;

/// Every certificate of the file in its order, at least one. Sections of other kinds are passed over.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = read(file)?;
    let found: Result<Vec<_>, _> = rustls_pemfile::certs(&mut bytes.as_slice()).collect();
    let found = found.map_err(|reason| malformed(file, reason))?;
    if found.is_empty() { Err(Error::NoCertificate(file.to_owned())) } else { Ok(found) }
}

/// The first private key of the file.
pub(crate) fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = read(file)?;
    rustls_pemfile::private_key(&mut bytes.as_slice())
        .map_err(|reason| malformed(file, reason))?
        .ok_or_else(|| Error::NoPrivateKey(file.to_owned()))
}

/// The revocation lists of the file: all of them in PEM, or one in DER.
pub(crate) fn revocation_lists(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let bytes = read(file)?;
    if !bytes.windows(MARKER.len()).any(|window| window == MARKER) {
        return Ok(vec![bytes.into()]);
    }
    let found: Result<Vec<_>, _> = rustls_pemfile::crls(&mut bytes.as_slice()).collect();
    let found = found.map_err(|reason| malformed(file, reason))?;
    if found.is_empty() { Err(Error::NoRevocationList(file.to_owned())) } else { Ok(found) }
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    all_of(file).map_err(|reason| Error::Unreadable { file: file.to_owned(), reason })
}

fn all_of(file: &Path) -> io::Result<Vec<u8>> {
    // Whoever opens one waits for a writer, and what was read is gone when the file is read again.
    if fs::metadata(file)?.file_type().is_fifo() {
        return Err(io::Error::other("is a pipe, and a file is read again and again"));
    }
    let mut bytes = Vec::new();
    let length = File::open(file)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if length as u64 > LONGEST {
        return Err(io::Error::other(format!("longer than {LONGEST} bytes")));
    }
    Ok(bytes)
}

fn malformed(file: &Path, reason: io::Error) -> Error {
    Error::MalformedPem { file: file.to_owned(), reason: worded(&reason.to_string()) }
}

/// The reader quotes a line that is no marker, however long it is, and has only a code for what is not base64.
fn worded(reason: &str) -> String {
    if reason.starts_with("Invalid") || reason.starts_with("Premature") {
        return "what is between the markers is not base64".to_owned();
    }
    match reason.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", reason.get(..end).unwrap_or_default()),
        None => reason.to_owned(),
    }
}
