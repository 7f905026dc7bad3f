//! What `--help` prints.

use super::{
    flags::{Flag, GROUPS, Group, Kind},
    typed,
};

/// The name that we go by.
pub(super) const PROGRAM: &str = "etcd-grpc-proxy";
/// The same with the word for the other thing that we are.
pub(super) const GATEWAY: &str = "etcd-grpc-proxy gateway";

const HEAD: &str = "\
A proxy in front of an etcd v3 cluster, a drop-in replacement of `etcd grpc-proxy start`.

Usage:
  etcd-grpc-proxy start [flags]
  etcd-grpc-proxy grpc-proxy start [flags]
  etcd-grpc-proxy gateway start [flags]  carries TCP connections; has flags of its own
  etcd-grpc-proxy status [--endpoint address] [--watch]
  etcd-grpc-proxy check [flags]        does all that start would refuse, without starting
  etcd-grpc-proxy config show [flags]  prints every value and where it comes from
  etcd-grpc-proxy version

Flags are spelled as etcd's are: --name value, --name=value; lists have commas and may repeat; the last one wins.
What is not on the command line is looked for in the environment, as ETCD_GRPC_PROXY_ and the flag's name in capitals with
underscores, then in the file that --config-file names, where the keys are the flags' names.";

const GATEWAY_HEAD: &str = "\
A gateway of TCP connections to an etcd cluster, a drop-in replacement of `etcd gateway start`.

Usage:
  etcd-grpc-proxy gateway start [flags]

Flags are spelled as etcd's are: --name value, --name=value; lists have commas and may repeat; the last one wins.";

/// The whole help.
pub(super) fn text() -> String {
    with_flags(HEAD, GROUPS)
}

/// The help of the gateway.
pub(super) fn gateway(groups: &'static [Group]) -> String {
    with_flags(GATEWAY_HEAD, groups)
}

fn with_flags(head: &str, groups: &'static [Group]) -> String {
    let flags = typed::command(groups).help_template("{all-args}").term_width(0).render_help();
    format!("{head}\n\n{}", flags.to_string().trim_end())
}

/// What the help says of a flag.
pub(super) fn line(flag: &Flag) -> String {
    let default = match (flag.kind, flag.default) {
        (Kind::Bool, _) | (_, "") => String::new(),
        (_, default) => format!(" (default {default})"),
    };
    format!("{}{default}", flag.help)
}
