//! What one client may take.

use std::num::NonZeroU32;

use crate::cli::{Refusal, flags::Flags, go_values::quote};
use crate::door::limits::{CallRate, ClientKey, LimitsConfig};

/// What the flags say about limits; zero is none.
pub(super) fn config(flags: &Flags) -> Result<LimitsConfig, Refusal> {
    let watches = count("max-watches-per-client", flags.max_watches_per_client)?;
    if watches.is_some() && flags.watch_coalescing == "off" {
        return Err(Refusal::new(
            "invalid max-watches-per-client (watchers are counted with --watch-coalescing=on only)",
        ));
    }
    Ok(LimitsConfig {
        connections: count("max-connections", flags.max_connections)?,
        watches,
        calls: calls(flags)?,
        key: key(&flags.client_key, !flags.trusted_ca_file.is_empty())?,
    })
}

fn count(name: &str, given: u64) -> Result<Option<usize>, Refusal> {
    let count =
        usize::try_from(given).map_err(|_| Refusal::new(format!("invalid {name} {given} (too large)")))?;
    Ok((count > 0).then_some(count))
}

/// Without a burst, a second's calls may come at once.
fn calls(flags: &Flags) -> Result<Option<CallRate>, Refusal> {
    let Flags { client_qps, client_burst, .. } = *flags;
    let number = |name: &str, given: u64| {
        let most = 1_000_000_000;
        let number = u32::try_from(given).ok().filter(|n| *n <= most).and_then(NonZeroU32::new);
        number.ok_or_else(|| Refusal::new(format!("invalid {name} {given} (must be between 1 and {most})")))
    };
    match (client_qps, client_burst) {
        (0, 0) => Ok(None),
        (0, _) => {
            Err(Refusal::new(format!("invalid client-burst {client_burst} (there is no --client-qps)")))
        }
        (_, 0) => {
            let qps = number("client-qps", client_qps)?;
            Ok(Some(CallRate { qps, burst: qps }))
        }
        _ => Ok(Some(CallRate {
            qps: number("client-qps", client_qps)?,
            burst: number("client-burst", client_burst)?,
        })),
    }
}

fn key(given: &str, asks_for_certificates: bool) -> Result<ClientKey, Refusal> {
    match given {
        "certificate" if asks_for_certificates => Ok(ClientKey::Certificate),
        "certificate" => Err(Refusal::new(
            "invalid client-key \"certificate\" (without --trusted-ca-file clients show none)",
        )),
        "address" => Ok(ClientKey::Address),
        "credential" => Ok(ClientKey::Credential),
        _ => Err(Refusal::new(format!(
            "invalid client-key {} (must be one of: address, credential, certificate)",
            quote(given)
        ))),
    }
}
