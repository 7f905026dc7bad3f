//! What is said to whoever ran the command. A terminal that has gone away is no reason to fail.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};

/// One line about what is being done: `==> etcd 3.7.3: ...`.
pub(crate) fn say(text: &str) {
    let _ = writeln!(stdout(), "==> {text}");
}

/// Text as it is.
pub(crate) fn print(text: &str) {
    let mut out = stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// The one place that reports a failure.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(stderr(), "\nxtask: {message}");
}

/// Whether a person is likely to be looking.
pub(crate) fn is_terminal() -> bool {
    stdout().is_terminal()
}
