//! From `host:port` to a listening socket, with Go's words for what is wrong with it.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

const BACKLOG: i32 = 4096;

/// Why nobody can connect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error("listen tcp: address {address}: {reason}")]
    Address { address: String, reason: &'static str },
    #[error("listen tcp: lookup {host}: {reason}")]
    Lookup { host: String, reason: io::Error },
    #[error("listen tcp {address}: bind: {reason}")]
    Bind { address: SocketAddr, reason: String },
    #[error("listen unix {path}: bind: {reason}")]
    Unix { path: PathBuf, reason: String },
}

/// Listens on a Unix socket. A socket that an earlier process has left there is replaced, and nothing else is.
pub(crate) fn bind_unix(path: &Path) -> Result<UnixListener, BindError> {
    let refused = |error: io::Error| BindError::Unix { path: path.to_owned(), reason: worded(&error) };
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path).map_err(refused)?,
        Ok(_) | Err(_) => {}
    }
    UnixListener::bind(path).map_err(refused)
}

/// Whether [`bind_unix`] would work, without touching a socket that somebody may be listening on.
pub(crate) fn try_unix(path: &Path) -> Result<(), BindError> {
    let refused = |error: io::Error| BindError::Unix { path: path.to_owned(), reason: worded(&error) };
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(refused(io::ErrorKind::AddrInUse.into())),
        Ok(_) | Err(_) => {}
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let socket = std::os::unix::net::UnixListener::bind(&beside).map_err(refused)?;
    drop(socket);
    std::fs::remove_file(&beside).map_err(refused)
}

/// Whether this is `host:port`, whatever the host's address and whoever listens there.
pub(crate) fn check(address: &str) -> Result<(), BindError> {
    split(address).map(drop).map_err(|(part, reason)| BindError::Address { address: part.to_owned(), reason })
}

/// Listens on the first address of the host that can be had; an empty host is every address of this machine.
pub(crate) async fn bind(address: &str) -> Result<TcpListener, BindError> {
    let (host, port) =
        split(address).map_err(|(part, reason)| BindError::Address { address: part.to_owned(), reason })?;
    let name = if host.is_empty() { "::" } else { host };
    let lookup = |reason| BindError::Lookup { host: host.to_owned(), reason };
    let mut last = lookup(io::Error::new(io::ErrorKind::NotFound, "no such host"));
    for candidate in tokio::net::lookup_host((name, port)).await.map_err(lookup)? {
        match listen(candidate) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = BindError::Bind { address: candidate, reason: worded(&error) },
        }
    }
    Err(last)
}

/// Takes a socket that somebody else has opened.
pub(crate) fn adopted(socket: std::net::TcpListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Host and port, or the part that is wrong and why.
fn split(address: &str) -> Result<(&str, u16), (&str, &'static str)> {
    let (host, port) = address.rsplit_once(':').ok_or((address, "missing port in address"))?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host,
        None if host.contains(':') => return Err((address, "too many colons in address")),
        None => host,
    };
    match port.parse() {
        Ok(number) => Ok((host, number)),
        Err(_) => Err((port, "invalid port")),
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn worded(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        assert_eq!(split("127.0.0.1:23790"), Ok(("127.0.0.1", 23790)));
        assert_eq!(split("[::1]:23790"), Ok(("::1", 23790)));
        assert_eq!(split(":23790"), Ok(("", 23790)));
    }

    #[tokio::test]
    async fn a_bad_address_is_refused_in_gos_words() {
        let refused = [
            ("foo", "listen tcp: address foo: missing port in address"),
            ("a:b:c", "listen tcp: address a:b:c: too many colons in address"),
            ("127.0.0.1:99999", "listen tcp: address 99999: invalid port"),
        ];
        for (address, words) in refused {
            assert_eq!(bind(address).await.unwrap_err().to_string(), words);
        }
    }

    #[tokio::test]
    async fn a_socket_that_was_left_is_replaced_and_a_file_is_not() {
        let folder = std::env::temp_dir().join(format!("bind-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.sock");
        drop(bind_unix(&path).unwrap());
        drop(bind_unix(&path).unwrap());
        let file = folder.join("file");
        std::fs::write(&file, "kept").unwrap();
        let words = format!("listen unix {}: bind: address already in use", file.display());
        assert_eq!(bind_unix(&file).unwrap_err().to_string(), words);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let taken = bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let words = format!("listen tcp {address}: bind: address already in use");
        assert_eq!(bind(&address).await.unwrap_err().to_string(), words);
    }
}
