//! The man page.

use clap_mangen::{
    Man,
    roff::{Roff, bold, italic, roman},
};

use super::super::{
    flags::{GROUPS, Group},
    gateway,
    help::line,
    typed,
};

/// The whole page, in roff.
pub(super) fn page() -> String {
    let command = typed::command(GROUPS)
        .no_binary_name(false)
        .version(env!("CARGO_PKG_VERSION"))
        .about("a proxy in front of an etcd v3 cluster");
    let man = Man::new(command).manual("etcd-grpc-proxy");
    let mut bytes = Vec::new();
    man.render_title(&mut bytes).unwrap();
    man.render_name_section(&mut bytes).unwrap();
    synopsis().to_writer(&mut bytes).unwrap();
    description().to_writer(&mut bytes).unwrap();
    man.render_options_section(&mut bytes).unwrap();
    for group in gateway::GROUPS {
        of_gateway(group).to_writer(&mut bytes).unwrap();
    }
    rest().to_writer(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn synopsis() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for words in ["start", "grpc-proxy start", "check", "config show"] {
        roff.text([bold(format!("etcd-grpc-proxy {words}")), roman(" "), italic("flags")]);
        roff.control("br", []);
    }
    roff.text([bold("etcd-grpc-proxy gateway start"), roman(" "), italic("flags of the gateway")]);
    roff.control("br", []);
    roff.text([
        bold("etcd-grpc-proxy status"),
        roman(" [--endpoint "),
        italic("address"),
        roman("] [--watch]"),
    ]);
    roff.control("br", []);
    roff.text([bold("etcd-grpc-proxy version")]);
    roff
}

fn description() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "A stateless proxy that takes the place of `etcd grpc-proxy start`, with the same flags.",
    )]);
    for (command, what) in [
        ("start", "serves until SIGTERM, then drains."),
        ("check", "does all that start would refuse, without starting: 0 when there is nothing, else 1."),
        (
            "config show",
            "prints every value and where it comes from, without secrets, as a file that can be used.",
        ),
        (
            "gateway start",
            "takes the place of `etcd gateway start`: carries TCP connections to the members. It has flags of its own, and \
             reads neither environment nor file.",
        ),
    ] {
        roff.control("TP", []);
        roff.text([bold(command)]);
        roff.text([roman(what)]);
    }
    roff
}

/// A section of the flags that belong to `gateway start`.
fn of_gateway(group: &Group) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [format!("GATEWAY START: {}", group.heading.to_uppercase()).as_str()]);
    for flag in group.flags {
        roff.control("TP", []);
        roff.text([bold(format!("--{}", flag.name)), roman(" "), italic(format!("<{}>", flag.value))]);
        roff.text([roman(line(flag))]);
    }
    roff
}

fn rest() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([
        bold("ETCD_GRPC_PROXY_"),
        roman("and a flag's name in capitals with underscores gives the flag a value, unless it is on the command line. An empty variable is none. "),
        bold("ETCD_GRPC_PROXY_PASSWORD"),
        roman(" is the password of --user. etcd's own variables are not read."),
    ]);
    roff.control("SH", ["FILES"]);
    roff.text([
        roman("The file that "),
        bold("--config-file"),
        roman(" names, in TOML or YAML, holds names of flags with their values. It is read where neither the command line nor the environment says anything."),
    ]);
    roff.control("SH", ["SIGNALS"]);
    for (signal, what) in [
        ("SIGTERM, SIGINT", "drain and end; the second one ends at once."),
        (
            "SIGHUP",
            "reads the configuration and all certificate files again; what takes effect and what needs a restart is in the log.",
        ),
    ] {
        roff.control("TP", []);
        roff.text([bold(signal)]);
        roff.text([roman(what)]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman(
        "0 after a drain, 1 when something is refused; all that is wrong is on standard error.",
    )]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("etcd"), roman("(1), "), bold("etcdctl"), roman("(1)")]);
    roff
}
