//! What `--help` prints.

use super::{
    flags::{Flag, Kind},
    typed, unserved,
};

/// The name that we go by.
pub(super) const PROGRAM: &str = "etcd-grpc-proxy";

const HEAD: &str = "\
A proxy in front of an etcd v3 cluster, a drop-in replacement of `etcd grpc-proxy start`.

Usage:
  etcd-grpc-proxy start [flags]
  etcd-grpc-proxy grpc-proxy start [flags]
  etcd-grpc-proxy status [--endpoint address] [--watch]
  etcd-grpc-proxy version

Flags are spelled as etcd's are: --name value, --name=value; lists have commas and may repeat; the last one wins.
A flag marked [not served yet] is refused when it asks for something.";

/// The whole help.
pub(super) fn text() -> String {
    let flags = typed::command().help_template("{all-args}").term_width(0).render_help();
    format!("{HEAD}\n\n{}", flags.to_string().trim_end())
}

/// What the help says of a flag.
pub(super) fn line(flag: &Flag) -> String {
    let default = match (flag.kind, flag.default) {
        (Kind::Bool, _) | (_, "") => String::new(),
        (_, default) => format!(" (default {default})"),
    };
    let mark = if unserved::is_unserved(flag.name) { " [not served yet]" } else { "" };
    format!("{}{default}{mark}", flag.help)
}
