//! Sockets that systemd has opened for us (`LISTEN_FDS`): they stand for `--listen-addr` and `--metrics-addr`.
//!
//! A socket whose name (`FileDescriptorName=`) has `metrics` in it is for the pages, any other one for clients. Where they
//! have no names, the second one is for the pages.

use std::env;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

use crate::config::{Config, MetricsAddr, MetricsSocket};

/// What was handed over.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    pub(crate) clients: Option<TcpListener>,
    pub(crate) pages: Option<Pages>,
}

/// A socket for the pages.
#[derive(Debug)]
pub(crate) enum Pages {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Inherited {
    /// Takes the sockets. Called once, before there are threads.
    ///
    /// # Errors
    /// When there is one that nothing can be done with.
    pub(crate) fn take() -> Result<Self, String> {
        if env::var("LISTEN_PID").ok().and_then(|pid| pid.parse().ok()) != Some(std::process::id()) {
            return Ok(Self::default());
        }
        let names = env::var("LISTEN_FDNAMES").ok();
        let mut sockets = ListenFd::from_env();
        let mut inherited = Self::default();
        for (index, role) in roles(names.as_deref(), sockets.len()).into_iter().enumerate() {
            inherited.add(role, &mut sockets, index).map_err(|reason| format!("LISTEN_FDS: {reason}"))?;
        }
        Ok(inherited)
    }

    fn add(&mut self, role: Role, sockets: &mut ListenFd, index: usize) -> Result<(), String> {
        let tcp = sockets.take_tcp_listener(index);
        let is_second = match role {
            Role::Clients => {
                let socket = tcp.map_err(|error| format!("for clients: {error}"))?;
                std::mem::replace(&mut self.clients, socket).is_some()
            }
            Role::Pages => {
                let socket = match tcp {
                    Ok(socket) => socket.map(Pages::Tcp),
                    Err(_) => {
                        let unix = sockets.take_unix_listener(index);
                        unix.map_err(|error| format!("for the pages: {error}"))?.map(Pages::Unix)
                    }
                };
                std::mem::replace(&mut self.pages, socket).is_some()
            }
        };
        if is_second { Err(format!("more than one socket {}", role.purpose())) } else { Ok(()) }
    }

    /// Puts the sockets' own addresses in the place of those that were typed.
    pub(crate) fn rename(&self, config: &mut Config) {
        if let Some(address) = self.clients.as_ref().and_then(|socket| socket.local_addr().ok()) {
            config.listen_addr = address.to_string();
        }
        let socket = match &self.pages {
            Some(Pages::Tcp(socket)) => {
                let address = socket.local_addr().map(|address| address.to_string());
                MetricsSocket::Tcp(address.unwrap_or_default())
            }
            Some(Pages::Unix(socket)) => {
                let address = socket.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname()).map(Into::into);
                MetricsSocket::Unix(path.unwrap_or_default())
            }
            None => return,
        };
        let is_tls = config.metrics_addr.as_ref().is_some_and(|typed| typed.is_tls);
        config.metrics_addr = Some(MetricsAddr { socket, is_tls });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Clients,
    Pages,
}

impl Role {
    fn purpose(self) -> &'static str {
        match self {
            Self::Clients => "for clients",
            Self::Pages => "for the pages",
        }
    }
}

fn roles(names: Option<&str>, count: usize) -> Vec<Role> {
    let names: Vec<&str> = names.map(|names| names.split(':').collect()).unwrap_or_default();
    let of = |index: usize| match names.get(index) {
        Some(name) if name.contains("metrics") => Role::Pages,
        None if index == 1 => Role::Pages,
        _ => Role::Clients,
    };
    (0..count).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_a_socket_is_for_and_else_its_place_does() {
        use Role::{Clients, Pages};
        assert_eq!(roles(None, 0), []);
        assert_eq!(roles(None, 2), [Clients, Pages]);
        assert_eq!(roles(Some("etcd-grpc-proxy-metrics.socket:etcd-grpc-proxy.socket"), 2), [Pages, Clients]);
        assert_eq!(roles(Some("metrics"), 1), [Pages]);
        assert_eq!(roles(Some("unknown"), 2), [Clients, Pages]);
        assert_eq!(roles(Some("a:b"), 2), [Clients, Clients], "which is one too many");
    }
}
