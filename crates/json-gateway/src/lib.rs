//! etcd's HTTP/JSON API (`/v3/…`) over any gRPC service of etcd's v3 API.
//!
//! [`Gateway`] takes an HTTP request, finds the method behind its path, turns the JSON of its body into the message that
//! the method wants, calls it as any gRPC client would, and turns what comes back into JSON.
//!
//! ```text
//! POST /v3/kv/range ─▶ routes ─▶ documents ─▶ request ─▶ gRPC frame ─▶ service
//!                                one JSON     JSON to                    │
//!                                value        message                    ▼
//! JSON  ◀── answers ◀── writer ◀──────────────────────────────────── frames
//!           status, headers     message to JSON, a piece at a time
//! ```
//!
//! What holds, whatever happens:
//! - The service sees an ordinary gRPC call, so everything that it does for gRPC clients it does for these.
//! - An answer is never a string in memory: the encoded message is written out as JSON, a piece when the client can take
//!   one. A stream is read from the service as fast as its client reads.
//! - What a client sends is bounded: a value that is larger than [`Config::max_value_bytes`] is refused with 413.
//! - What cannot be understood is refused in the shape of etcd's own gateway, with its codes.
//!
//! What this room refuses: it keeps nothing, shares nothing, opens no connections and spawns nothing; the talk of a
//! WebSocket is handed to its caller as [`Talk`].
//!
//! Read `routes` first, then `gateway`, then `request` (JSON to messages) and `writer` (messages to JSON).

mod routes;
mod schema;

mod documents;
mod request;
mod writer;

mod code;
mod cors;
mod headers;

mod answers;
mod call;
mod frames;
mod gateway;
mod websocket;

#[cfg(test)]
mod fuzz;

pub use cors::Origins;
pub use gateway::{Answer, Api, Config, Gateway, StartError, owns, refuse};
pub use websocket::Talk;
