//! Alarms for the tenant of a strict namespace, who may read them and not set them off: etcdctl and others ask for
//! them to learn whether the cluster is well.

use std::pin::Pin;
use std::task::{Context, Poll};

use namespace::{Namespace, policy};
use proto_gen::etcdserverpb::alarm_request::AlarmAction;
use proto_gen::etcdserverpb::{AlarmRequest, AlarmResponse};
use tonic::codegen::Service;
use tonic::{Status, server::Grpc};
use tonic_prost::ProstCodec;
use upstream_balancer::Upstream;

use crate::services::router::{Answer, Call};

/// Passes what reads alarms on, and refuses what changes them.
#[derive(Clone)]
pub(crate) struct Alarms(Upstream);

impl Alarms {
    /// None where alarms are passed through like everything else.
    pub(crate) fn new(upstream: Upstream, namespace: &Namespace) -> Option<Self> {
        namespace.is_strict().then_some(Self(upstream))
    }

    pub(crate) async fn serve(&self, call: Call) -> Answer {
        Grpc::new(ProstCodec::default()).unary(self.clone(), call).await
    }
}

impl Service<tonic::Request<AlarmRequest>> for Alarms {
    type Response = tonic::Response<AlarmResponse>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<AlarmRequest>) -> Self::Future {
        let upstream = self.0.clone();
        Box::pin(async move {
            if request.get_ref().action != i32::from(AlarmAction::Get) {
                return Err(policy::refusal("changing alarms"));
            }
            upstream.alarms(request).await
        })
    }
}
