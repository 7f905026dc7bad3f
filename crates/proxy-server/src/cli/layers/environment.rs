//! The environment: `ETCD_GRPC_PROXY_` and a flag's name in capitals.
//!
//! etcd's own variables (`ETCD_…`) are for etcd servers, which run on the same machines; `etcd grpc-proxy` reads none of
//! them, and neither do we.

use std::{ffi::OsString, fmt};

use super::{Given, Layers, Origin, Setting, flag_named, names};
use crate::cli::nearest::nearest;

const PREFIX: &str = "ETCD_GRPC_PROXY_";
/// The one variable that is no flag: a command line is no place for a password.
pub(in crate::cli) const PASSWORD: &str = "ETCD_GRPC_PROXY_PASSWORD";

/// The variables of a process.
#[derive(Clone, Default)]
pub(crate) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// Of this process.
    pub(crate) fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// The variable of this name, if it is text.
    pub(in crate::cli) fn get(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.and_then(|(_, value)| value.to_str()).map(str::to_owned)
    }

    /// Takes every variable of ours. As with etcd, an empty one is none.
    pub(super) fn read(&self, layers: &mut Layers<'_>) {
        let ours =
            self.0.iter().filter_map(|(name, value)| Some((name.to_str()?.strip_prefix(PREFIX)?, value)));
        for (rest, value) in ours.filter(|(rest, value)| !value.is_empty() && !is_service_link(rest)) {
            let variable = format!("{PREFIX}{rest}");
            match (flag_of(rest), value.to_str()) {
                _ if variable == PASSWORD => {}
                (Some(flag), Some(value)) => {
                    let setting =
                        Setting { flag, given: Given::One(value.to_owned()), origin: Origin::Environment };
                    layers.take(&variable, setting);
                }
                (Some(_), None) => layers.wrong.push(format!("{variable} is not valid UTF-8")),
                (None, _) => layers.wrong.push(unknown(&variable, rest)),
            }
        }
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The variable for the flag of this name.
pub(in crate::cli) fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase().replace('-', "_"))
}

fn flag_of(rest: &str) -> Option<&'static crate::cli::flags::Flag> {
    let is_spelled =
        rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if is_spelled { flag_named(&rest.to_lowercase().replace('_', "-")) } else { None }
}

fn unknown(variable_name: &str, rest: &str) -> String {
    let near = nearest(rest, names()).map(|near| format!("; did you mean {}?", variable(near)));
    format!("unknown environment variable {variable_name}{}", near.unwrap_or_default())
}

/// Kubernetes gives every container such variables for each service of its namespace. One that is called
/// `etcd-grpc-proxy` or begins with it must not keep its own pods from starting.
fn is_service_link(rest: &str) -> bool {
    let ends = |end: &str| rest == end || rest.ends_with(&format!("_{end}"));
    let is_named_port = rest.starts_with("SERVICE_PORT_") || rest.contains("_SERVICE_PORT_");
    ends("SERVICE_HOST") || ends("SERVICE_PORT") || is_named_port || ends("PORT") || is_port_link(rest)
}

/// `PORT_23790_TCP`, `PORT_23790_TCP_ADDR` and the like.
fn is_port_link(rest: &str) -> bool {
    let mut words = rest.split('_').skip_while(|word| *word != "PORT").skip(1);
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    words.next().is_some_and(is_number) && matches!(words.next(), Some("TCP" | "UDP" | "SCTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_sets_is_told_from_flags() {
        for link in [
            "SERVICE_HOST",
            "SERVICE_PORT",
            "SERVICE_PORT_GRPC",
            "PORT",
            "PORT_23790_TCP",
            "PORT_23790_TCP_PROTO",
            "PORT_23790_TCP_PORT",
            "PORT_23790_TCP_ADDR",
            "METRICS_SERVICE_HOST",
            "METRICS_SERVICE_PORT_HTTP",
            "METRICS_PORT",
            "METRICS_PORT_9090_TCP_ADDR",
        ] {
            assert!(is_service_link(link), "{link}");
        }
        let flags: Vec<String> = names().map(|name| variable(name).replace(PREFIX, "")).collect();
        assert!(flags.iter().all(|rest| !is_service_link(rest)), "{flags:?}");
    }

    #[test]
    fn every_flag_has_a_variable_that_leads_back_to_it() {
        for name in names() {
            let variable = variable(name);
            let rest = variable.strip_prefix(PREFIX).unwrap();
            assert_eq!(flag_of(rest).map(|flag| flag.name), Some(name));
        }
        assert!(flag_of("listen_addr").is_none() && flag_of("LISTEN-ADDR").is_none());
    }
}
