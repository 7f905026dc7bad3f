//! `cargo xtask demo`: a three-member etcd cluster with the proxy in front, a tour with etcdctl, then yours until Ctrl-C.
//!
//! Four kinds of process, because a program without `unsafe` cannot catch a signal and yet must leave nothing behind:
//!
//! ```text
//! supervisor (sh)     took over our process id; traps Ctrl-C and SIGTERM, closes the pipe, waits
//!   show (xtask)      starts the servers and gives the tour; a closed pipe is its word to stop
//!     keeper (sh)     one per server; a closed pipe makes it end the server
//!       server        etcd or the proxy
//! ```
//!
//! A pipe closes however its holder dies, SIGKILL included, so whoever goes takes with it all that it started.

pub(crate) mod cluster;
pub(crate) mod kept;
mod monitoring;
mod show;
mod supervisor;
mod tour;

use std::path::Path;

use self::monitoring::Monitoring;
use crate::cargo::Profile;
use crate::provision::{self, Etcd};
use crate::{Outcome, proxy};

/// Shows Prometheus and, where there is one, Grafana too.
const MONITORING: &str = "--monitoring";

/// Builds and provisions first, as any command would; the supervised part begins where servers are started.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | [MONITORING] => {
            let wants_monitoring = !words.is_empty();
            if wants_monitoring {
                // What is missing is said before anything is built.
                Monitoring::find()?;
            }
            let etcd = provision::newest()?;
            let proxy = proxy::binary(Profile::Release)?;
            supervisor::take_over(&etcd.folder, &proxy, wants_monitoring)
        }
        [supervisor::SUPERVISED, etcd, proxy, rest @ ..] => {
            let monitoring = if rest.is_empty() { None } else { Some(Monitoring::find()?) };
            show::run(&Etcd::in_folder(Path::new(etcd))?, Path::new(proxy), monitoring)
        }
        _ => Err(format!("usage: cargo xtask demo [{MONITORING}]")),
    }
}
