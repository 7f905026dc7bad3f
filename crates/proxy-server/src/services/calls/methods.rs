//! The methods of the API, from its descriptors.

use std::collections::HashMap;

use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

/// Who streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unary,
    ClientStream,
    ServerStream,
    BidiStream,
}

/// One method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// With its package: `etcdserverpb.KV`.
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// All methods that this proxy answers by itself or knows of.
#[derive(Debug)]
pub(crate) struct Methods {
    all: Vec<Method>,
    by_path: HashMap<String, usize>,
}

impl Kind {
    /// In the words of Go's library.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
        }
    }

    pub(super) fn client_streams(self) -> bool {
        matches!(self, Self::ClientStream | Self::BidiStream)
    }

    pub(super) fn server_streams(self) -> bool {
        matches!(self, Self::ServerStream | Self::BidiStream)
    }
}

impl Methods {
    /// Those of etcd's services and of `grpc.health.v1`.
    pub(crate) fn known() -> Self {
        let sets = [proto_gen::FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET];
        // Both are compiled in; that they can be read is tested.
        let read = |set: &[u8]| FileDescriptorSet::decode(set).unwrap_or_default().file;
        let all: Vec<Method> = sets.into_iter().flat_map(read).flat_map(methods).collect();
        let path = |method: &Method| format!("/{}/{}", method.service, method.name);
        let by_path = all.iter().enumerate().map(|(index, method)| (path(method), index)).collect();
        Self { all, by_path }
    }

    pub(crate) fn all(&self) -> &[Method] {
        &self.all
    }

    pub(super) fn index(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }
}

fn methods(file: FileDescriptorProto) -> Vec<Method> {
    let package = file.package().to_owned();
    let of_service = |service: prost_types::ServiceDescriptorProto| {
        let name = format!("{package}.{}", service.name());
        service.method.into_iter().map(move |method| Method {
            service: name.clone(),
            name: method.name().to_owned(),
            kind: match (method.client_streaming(), method.server_streaming()) {
                (false, false) => Kind::Unary,
                (true, false) => Kind::ClientStream,
                (false, true) => Kind::ServerStream,
                (true, true) => Kind::BidiStream,
            },
        })
    };
    file.service.into_iter().flat_map(of_service).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_of_the_api_is_there() {
        let methods = Methods::known();
        let kind = |path| methods.index(path).map(|index| methods.all()[index].kind);
        assert_eq!(kind("/etcdserverpb.KV/Range"), Some(Kind::Unary));
        assert_eq!(kind("/etcdserverpb.KV/RangeStream"), Some(Kind::ServerStream));
        assert_eq!(kind("/etcdserverpb.Watch/Watch"), Some(Kind::BidiStream));
        assert_eq!(kind("/etcdserverpb.Maintenance/Snapshot"), Some(Kind::ServerStream));
        assert_eq!(kind("/v3electionpb.Election/Observe"), Some(Kind::ServerStream));
        assert_eq!(kind("/v3lockpb.Lock/Lock"), Some(Kind::Unary));
        assert_eq!(kind("/grpc.health.v1.Health/Watch"), Some(Kind::ServerStream));
        assert_eq!(kind("/etcdserverpb.KV/Nothing"), None);
    }
}
