//! The seams, implemented by asking an inner implementation with other keys.

mod election;
mod kv;
mod lease;
mod lock;
mod watch;

use tonic::{Response, Status};

type Answer<T> = Result<Response<T>, Status>;
