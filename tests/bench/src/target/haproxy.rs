//! HAProxy in TCP mode, with splice and as many threads as the others have.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::Result;

/// `program` with a configuration that is written into `folder`.
pub(super) fn command(
    program: Option<&Path>,
    member: SocketAddr,
    listen: SocketAddr,
    folder: &Path,
) -> Result<Command> {
    let program = program.ok_or("there is no HAProxy")?;
    let file = folder.join("haproxy.cfg");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    fs::write(&file, configuration(member, listen, threads))?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(file).env("LD_LIBRARY_PATH", libraries(program));
    Ok(command)
}

fn configuration(member: SocketAddr, listen: SocketAddr, threads: usize) -> String {
    format!(
        "global\n  nbthread {threads}\n  maxconn 4000\n\
         defaults\n  mode tcp\n  option splice-auto\n\
         \x20 timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n\
         listen gateway\n  bind {listen}\n  server member {member}\n"
    )
}

/// A program that was unpacked and not installed has its libraries beside it, in `usr/lib`.
fn libraries(program: &Path) -> String {
    let folder = program.parent().and_then(Path::parent).map(|usr| usr.join("lib")).unwrap_or_default();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path().display().to_string());
    paths.filter(|path| path.ends_with("-linux-gnu")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_splices_with_all_threads() {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let text = configuration(address, address, 3);
        for line in ["  nbthread 3", "  mode tcp", "  option splice-auto", "  server member 127.0.0.1:1"] {
            assert!(text.lines().any(|other| other == line), "{line:?} in {text}");
        }
    }
}
