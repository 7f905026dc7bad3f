//! Whose keys the proxy serves.

use namespace::{Namespace, Policy};

use crate::cli::{Refusal, flags::Flags, go_values::quote};

/// What the flags say about the namespace. A policy that would keep nobody anywhere is a mistake in what was typed.
pub(super) fn namespace(flags: &Flags) -> Result<Namespace, Refusal> {
    let policy = policy(&flags.namespace_policy)?;
    if policy == Policy::Strict && flags.namespace.is_empty() {
        return Err(Refusal::new("invalid namespace-policy \"strict\" (there is no --namespace to keep)"));
    }
    Ok(Namespace::new(flags.namespace.clone(), policy))
}

fn policy(given: &str) -> Result<Policy, Refusal> {
    match given {
        "permissive" => Ok(Policy::Permissive),
        "strict" => Ok(Policy::Strict),
        _ => {
            let given = quote(given);
            Err(Refusal::new(format!(
                "invalid namespace-policy {given} (must be one of: permissive, strict)"
            )))
        }
    }
}
