//! The shell that takes over this process: it hears the signals, and the show hears of them by a pipe.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::workspace::{at, target};

/// The argument by which this program knows that it runs under the supervisor.
pub(super) const SUPERVISED: &str = "--supervised";

/// `$1` names a pipe to make, the rest is the show.
///
/// Both ends are open before anything is started, so there is no moment at which a signal is lost or an `open` hangs.
const SUPERVISOR: &str = r#"
pipe=$1; shift
mkfifo "$pipe" || exit 1
exec 3<>"$pipe" 4<"$pipe" 5>"$pipe" 3<&-
rm "$pipe"
trap 'exec 5>&-' INT TERM HUP
"$@" <&4 4<&- 5>&- &
show=$!
exec 4<&-
while kill -0 "$show" 2>/dev/null; do
    wait "$show"
    status=$?
done
exit "$status"
"#;

/// Becomes the supervisor, under the same process id. Returns only if that fails.
pub(super) fn take_over(etcd: &Path, proxy: &Path, wants_monitoring: bool) -> Outcome {
    let this =
        std::env::current_exe().map_err(|error| format!("this program cannot find itself: {error}"))?;
    let folder = target().join("demo");
    std::fs::create_dir_all(&folder).map_err(at(&folder))?;
    let pipe = folder.join(format!("supervisor-{}", std::process::id()));
    let mut shell = Command::new("sh");
    shell.args(["-c", SUPERVISOR, "demo-supervisor"]).arg(pipe);
    shell.arg(this).args(["demo", SUPERVISED]).arg(etcd).arg(proxy);
    shell.args(wants_monitoring.then_some(super::MONITORING));
    Err(format!("sh cannot be run: {}", shell.exec()))
}
