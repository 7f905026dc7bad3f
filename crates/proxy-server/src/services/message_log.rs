//! `--experimental-enable-grpc-logging`: every message of every call in the log, under the names that etcd's proxy gives
//! its fields. Keys and values are cut short, passwords and tokens are left out.

mod render;
mod schema;
mod tap;

use std::net::SocketAddr;
use std::sync::Arc;

use self::schema::Schema;
pub(crate) use self::tap::Tap;

/// What listens to the messages of a call. None listens where nothing is logged.
pub(crate) type Listener = Option<Box<Tap>>;

/// Logs messages, or does not; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct MessageLog(Option<Arc<Schema>>);

impl MessageLog {
    /// `is_on` says whether anything is logged.
    pub(crate) fn new(is_on: bool) -> Self {
        Self(is_on.then(|| Arc::new(Schema::known())))
    }

    /// For what a client sends in a call of this path, and for what it is answered.
    pub(crate) fn listen(&self, path: &str, peer: SocketAddr) -> (Listener, Listener) {
        let Some(schema) = &self.0 else { return (None, None) };
        let Some(route) = schema.route(path) else { return (None, None) };
        let requests = Tap::requests(Arc::clone(schema), Arc::clone(&route), peer);
        (Some(Box::new(requests)), Some(Box::new(Tap::answers(Arc::clone(schema), route, peer))))
    }
}

#[cfg(test)]
mod tests;
