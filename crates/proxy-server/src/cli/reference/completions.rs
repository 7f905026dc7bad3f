//! What shells complete.

use clap::{Arg, Command, ValueHint, builder::PossibleValuesParser};
use clap_complete::{
    Generator,
    aot::{Bash, Fish, Zsh},
};

use super::super::{
    flags::{GROUPS, Group},
    gateway, status, typed,
};

/// The name of each file with its text.
pub(super) fn all_shells() -> [(&'static str, String); 3] {
    [
        ("etcd-grpc-proxy.bash", text(Bash)),
        ("_etcd-grpc-proxy", text(Zsh)),
        ("etcd-grpc-proxy.fish", text(Fish)),
    ]
}

fn text(shell: impl Generator) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut command(), "etcd-grpc-proxy", &mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// The commands as people see them. Reading a line goes another way, see `typed`.
fn command() -> Command {
    let with_flags = |name, about| with_flags_of(GROUPS, name, about);
    let config = Command::new("config").about("Shows the configuration").disable_help_flag(true);
    Command::new("etcd-grpc-proxy")
        .disable_help_subcommand(true)
        .subcommand(with_flags("start", "Serves"))
        .subcommand(
            Command::new(gateway::COMMAND)
                .about("Carries TCP connections to the members")
                .disable_help_flag(true)
                .subcommand(with_flags_of(gateway::GROUPS, "start", "Carries them")),
        )
        .subcommand(with_flags("check", "Does all that start would refuse, without starting"))
        .subcommand(config.subcommand(with_flags("show", "Prints every value and where it comes from")))
        .subcommand(status::command())
        .subcommand(Command::new("version").about("Prints the version").disable_help_flag(true))
}

fn with_flags_of(groups: &'static [Group], name: &'static str, about: &'static str) -> Command {
    let flags = typed::command(groups);
    let named = flags.get_arguments().filter(|arg| arg.get_long().is_some()).cloned();
    let args: Vec<Arg> = named.map(|arg| hinted(arg, groups)).collect();
    Command::new(name).about(about).disable_help_flag(true).disable_version_flag(true).args(args)
}

fn hinted(arg: Arg, groups: &[Group]) -> Arg {
    let mut all = groups.iter().flat_map(|group| group.flags);
    let Some(flag) = all.find(|flag| Some(flag.name) == arg.get_long()) else { return arg };
    match flag.value {
        "file" => arg.value_hint(ValueHint::FilePath),
        "folder" => arg.value_hint(ValueHint::DirPath),
        choice if choice.contains('|') => arg.value_parser(PossibleValuesParser::new(choice.split('|'))),
        _ => arg.value_hint(ValueHint::Other),
    }
}
