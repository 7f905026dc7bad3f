//! Where this proxy registers.

use crate::cli::{Refusal, flags::Flags, go_values::quote};
use crate::config::Registration;

/// The words are etcd's, and so is the order.
pub(super) fn config(flags: &Flags) -> Result<Option<Registration>, Refusal> {
    let Flags { resolver_prefix, resolver_ttl, advertise_client_url, .. } = flags;
    if !resolver_prefix.is_empty() && *resolver_ttl < 1 {
        return Err(Refusal::new(format!("invalid resolver-ttl {resolver_ttl}")));
    }
    if resolver_prefix.is_empty() && *resolver_ttl > 0 {
        return Err(Refusal::new(format!("invalid resolver-prefix {}", quote(resolver_prefix))));
    }
    if !resolver_prefix.is_empty() && advertise_client_url.is_empty() {
        return Err(Refusal::new(format!("invalid advertise-client-url {}", quote(advertise_client_url))));
    }
    let registration = || Registration { prefix: resolver_prefix.clone(), ttl: *resolver_ttl };
    Ok((!resolver_prefix.is_empty()).then(registration))
}
