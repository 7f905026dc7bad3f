//! Puts the messages of one direction together as they pass by, and logs each.

use std::net::SocketAddr;
use std::sync::Arc;

use tracing::info;

use super::render;
use super::schema::{Route, Schema};

/// Bytes of a message that are looked at; what follows passes unseen.
const LOOKED_AT: usize = 64 << 10;
const PREFIX: usize = 5;

/// One direction of one call.
#[derive(Debug)]
pub(crate) struct Tap {
    schema: Arc<Schema>,
    route: Arc<Route>,
    peer: SocketAddr,
    is_request: bool,
    /// The prefix and the beginning of the present message.
    seen: Vec<u8>,
    /// Bytes of the present message that are still to come, once its prefix is there.
    left: Option<usize>,
}

impl Tap {
    pub(super) fn requests(schema: Arc<Schema>, route: Arc<Route>, peer: SocketAddr) -> Self {
        Self { schema, route, peer, is_request: true, seen: Vec::new(), left: None }
    }

    pub(super) fn answers(schema: Arc<Schema>, route: Arc<Route>, peer: SocketAddr) -> Self {
        Self { is_request: false, ..Self::requests(schema, route, peer) }
    }

    /// More of the stream.
    pub(crate) fn hear(&mut self, mut data: &[u8]) {
        self.messages(&mut data, |tap, content| tap.log(&content));
    }

    fn messages(&mut self, data: &mut &[u8], mut tell: impl FnMut(&Self, String)) {
        loop {
            let left = match self.left {
                Some(left) => left,
                None => {
                    let (prefix, rest) = data.split_at((PREFIX - self.seen.len()).min(data.len()));
                    self.seen.extend_from_slice(prefix);
                    *data = rest;
                    match *self.seen {
                        [_, a, b, c, d] => u32::from_be_bytes([a, b, c, d]) as usize,
                        _ => return,
                    }
                }
            };
            let (mine, rest) = data.split_at(left.min(data.len()));
            let room = (PREFIX + LOOKED_AT).saturating_sub(self.seen.len());
            self.seen.extend_from_slice(mine.get(..room).unwrap_or(mine));
            *data = rest;
            self.left = Some(left - mine.len());
            if left > mine.len() {
                return;
            }
            let content = self.content();
            tell(self, content);
            self.seen.clear();
            self.left = None;
        }
    }

    fn content(&self) -> String {
        match self.seen.split_at_checked(PREFIX) {
            Some(([0, ..], message)) => {
                let kind = if self.is_request { &self.route.request } else { &self.route.answer };
                render::message(&self.schema, kind, message).to_string()
            }
            _ => "(compressed)".to_owned(),
        }
    }

    fn log(&self, content: &str) {
        let Route { service, method, .. } = &*self.route;
        let peer = self.peer;
        if self.is_request {
            info!(
                "grpc.request.content" = content,
                "grpc.service" = service,
                "grpc.method" = method,
                "peer.address" = %peer,
                "received payload logged as grpc.request.content field"
            );
        } else {
            info!(
                "grpc.response.content" = content,
                "grpc.service" = service,
                "grpc.method" = method,
                "peer.address" = %peer,
                "returned response payload logged as grpc.response.content field"
            );
        }
    }
}

#[cfg(test)]
impl Tap {
    /// What would be logged of these pieces.
    pub(super) fn contents<'d>(mut self, pieces: impl IntoIterator<Item = &'d [u8]>) -> Vec<String> {
        let mut contents = Vec::new();
        for mut piece in pieces {
            self.messages(&mut piece, |_, content| contents.push(content));
        }
        contents
    }
}
