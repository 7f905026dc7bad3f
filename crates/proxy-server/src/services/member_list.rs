//! MemberList as clients of a proxy must see it: they find the proxies, not the members behind them.

use std::pin::Pin;
use std::task::{Context, Poll};

use proto_gen::etcdserverpb::{Member, MemberListRequest, MemberListResponse};
use resolver_registry::{Proxy, Registry};
use tonic::codegen::Service;
use tonic::{Status, server::Grpc};
use tonic_prost::ProstCodec;
use upstream_balancer::Upstream;

use crate::services::router::{Answer, Call};

/// Answers MemberList with the proxies that are registered. etcd is asked all the same: it says whether the caller may
/// know, and its header is the answer's.
#[derive(Clone)]
pub(crate) struct MemberList {
    upstream: Upstream,
    registry: Registry,
}

impl MemberList {
    /// None without an address to advertise: then the members show themselves.
    pub(crate) fn new(upstream: Upstream, registry: Registry, advertise_client_url: &str) -> Option<Self> {
        (!advertise_client_url.is_empty()).then_some(Self { upstream, registry })
    }

    pub(crate) async fn serve(&self, call: Call) -> Answer {
        Grpc::new(ProstCodec::default()).unary(self.clone(), call).await
    }
}

impl Service<tonic::Request<MemberListRequest>> for MemberList {
    type Response = tonic::Response<MemberListResponse>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<MemberListRequest>) -> Self::Future {
        let Self { upstream, registry } = self.clone();
        Box::pin(async move {
            let mut response = upstream.member_list(request).await?;
            response.get_mut().members = registry.proxies().iter().map(member).collect();
            Ok(response)
        })
    }
}

/// As the existing proxy shows one: without an id.
fn member(proxy: &Proxy) -> Member {
    Member { name: proxy.name.clone(), client_ur_ls: vec![proxy.address.clone()], ..Member::default() }
}
