//! Who may read the JSON API's answers.

use http::Uri;
use json_gateway::Origins;

use crate::cli::{Refusal, go_values::quote};

/// The origins that were named, each as a browser writes it. etcd's `--cors` wants a port in each; browsers leave out
/// the usual one.
pub(super) fn origins(given: &[String]) -> Result<Origins, Refusal> {
    match given.iter().find(|origin| *origin != "*" && !is_origin(origin)) {
        Some(wrong) => Err(Refusal::new(format!(
            "invalid cors {} (must be * or origins such as https://example.com:8080)",
            quote(wrong)
        ))),
        None => Ok(Origins::new(given.iter().cloned())),
    }
}

fn is_origin(given: &str) -> bool {
    let Ok(uri) = given.parse::<Uri>() else { return false };
    let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
    // Whatever is behind the host would never be equal to what a browser sends.
    is_known && uri.authority().is_some_and(|host| given.ends_with(host.as_str()) && !given.contains('@'))
}
