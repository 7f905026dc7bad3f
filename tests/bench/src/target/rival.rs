//! What this project is held against, which depends on the suite.

use std::sync::OnceLock;

/// What `System::Theirs` and `System::Ours` are. One process runs one suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rival {
    /// `etcd grpc-proxy`.
    Proxy,
    /// `etcd gateway`, with our gateway beside it.
    Gateway {
        /// HAProxy too.
        with_haproxy: bool,
    },
    /// This proxy without a namespace, beside the same with one.
    Plain,
}

static CHOSEN: OnceLock<Rival> = OnceLock::new();

impl Rival {
    /// Settles it for the suite of this name.
    pub(crate) fn settle(suite: &str, with_haproxy: bool) {
        let rival = match suite {
            "gateway" => Self::Gateway { with_haproxy },
            "namespace" => Self::Plain,
            _ => Self::Proxy,
        };
        // It is settled once, before anything is measured.
        let _ = CHOSEN.set(rival);
    }

    pub(super) fn chosen() -> Self {
        CHOSEN.get().copied().unwrap_or(Self::Proxy)
    }

    /// For people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Proxy => "etcd grpc-proxy",
            Self::Gateway { .. } => "etcd gateway",
            Self::Plain => "this proxy without it",
        }
    }

    /// What all sides say when they serve.
    pub(super) fn serves(self) -> &'static str {
        match self {
            Self::Proxy | Self::Plain => "started gRPC proxy",
            Self::Gateway { .. } => "ready to proxy client requests",
        }
    }
}
