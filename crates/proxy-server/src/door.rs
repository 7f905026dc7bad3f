//! The way in: sockets, connections, and what is looked at before a call is one.

pub(crate) mod activation;
pub(crate) mod bind;
pub(crate) mod client_io;
pub(crate) mod clients;
pub(crate) mod connection;
pub(crate) mod descriptors;
pub(crate) mod entrance;
pub(crate) mod frames;
pub(crate) mod http_door;
pub(crate) mod limits;
pub(crate) mod listener;
pub(crate) mod tls;
