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
    command.arg("-db").arg("-f").arg(file);
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
