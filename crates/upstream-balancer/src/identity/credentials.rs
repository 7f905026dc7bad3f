//! A user's name and where the password is.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::{fmt, io};

/// In bytes. A device has no end.
const LONGEST: u64 = 1 << 16;

/// A user of etcd's. The password is never shown.
#[derive(Clone, Debug)]
pub struct Credentials {
    name: String,
    password: Password,
}

/// Where a password is.
#[derive(Clone)]
pub enum Password {
    /// Here.
    Text(String),
    /// In this file, but for the end of its last line. It is read at every authentication, so that it can be changed.
    File(PathBuf),
}

/// A password file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the password file {path}: {reason}")]
pub struct PasswordFileError {
    path: String,
    reason: io::Error,
}

impl Credentials {
    /// The user of this name.
    pub fn new(name: String, password: Password) -> Self {
        Self { name, password }
    }

    /// The user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The password as it is now.
    ///
    /// # Errors
    /// When it is in a file that cannot be read.
    pub fn password(&self) -> Result<String, PasswordFileError> {
        match &self.password {
            Password::Text(text) => Ok(text.clone()),
            Password::File(path) => match text(path) {
                Ok(text) => {
                    let line = text.strip_suffix('\n').unwrap_or(&text);
                    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
                }
                Err(reason) => Err(PasswordFileError { path: path.display().to_string(), reason }),
            },
        }
    }
}

fn text(path: &Path) -> io::Result<String> {
    // Whoever opens one waits for a writer, and the second authentication would find nothing in it.
    if std::fs::metadata(path)?.file_type().is_fifo() {
        return Err(io::Error::other("it is a pipe"));
    }
    let mut text = String::new();
    let length = File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if length as u64 > LONGEST { Err(io::Error::other("it is too long for a password")) } else { Ok(text) }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_shown() {
        let credentials = Credentials::new("proxy".to_owned(), Password::Text("s3cret".to_owned()));
        let shown = format!("{credentials:?}");
        assert!(shown.contains("proxy") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn a_missing_password_file_is_named() {
        let credentials =
            Credentials::new("proxy".to_owned(), Password::File("/nonexistent/password".into()));
        let said = credentials.password().expect_err("no such file").to_string();
        assert!(said.starts_with("cannot read the password file /nonexistent/password: "), "{said}");
    }
}
