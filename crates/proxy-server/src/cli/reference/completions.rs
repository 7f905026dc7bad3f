//! What shells complete.

use clap::{Arg, Command, ValueHint, builder::PossibleValuesParser};
use clap_complete::{
    Generator,
    aot::{Bash, Fish, Zsh},
};

use super::super::{
    flags::{GROUPS, all},
    status, typed,
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
    let with_flags = |name: &'static str, about: &'static str| {
        let flags = typed::command(GROUPS);
        let args = flags.get_arguments().filter(|arg| arg.get_long().is_some()).cloned().map(hinted);
        Command::new(name)
            .about(about)
            .disable_help_flag(true)
            .disable_version_flag(true)
            .args(args.collect::<Vec<_>>())
    };
    let config = Command::new("config").about("Shows the configuration").disable_help_flag(true);
    Command::new("etcd-grpc-proxy")
        .disable_help_subcommand(true)
        .subcommand(with_flags("start", "Serves"))
        .subcommand(with_flags("check", "Does all that start would refuse, without starting"))
        .subcommand(config.subcommand(with_flags("show", "Prints every value and where it comes from")))
        .subcommand(status::command())
        .subcommand(Command::new("version").about("Prints the version").disable_help_flag(true))
}

fn hinted(arg: Arg) -> Arg {
    let Some(flag) = all().find(|flag| Some(flag.name) == arg.get_long()) else { return arg };
    match flag.value {
        "file" => arg.value_hint(ValueHint::FilePath),
        "folder" => arg.value_hint(ValueHint::DirPath),
        choice if choice.contains('|') => arg.value_parser(PossibleValuesParser::new(choice.split('|'))),
        _ => arg.value_hint(ValueHint::Other),
    }
}
