//! The JSON API: held against etcd's own gateway, route by route, and in the way that its users speak to it.

mod bad_input;
mod curl;
mod dialogue;
mod routes;
