//! Who the proxy itself is to etcd.

use upstream_balancer::{Credentials, Password};

use crate::cli::{Refusal, flags::Flags, go_values::quote};

use crate::cli::layers::PASSWORD;

/// What the flags say, and the environment about the password. A password is never part of a refusal.
pub(super) fn credentials(
    flags: &Flags,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<Credentials>, Refusal> {
    let user = Some(flags.user.clone()).filter(|user| !user.is_empty());
    let file = Some(&flags.password_file).filter(|file| !file.is_empty());
    let Some(user) = user else {
        return match file {
            Some(_) => {
                Err(Refusal::new("invalid password-file (there is no --user whose password it could be)"))
            }
            None => Ok(None),
        };
    };
    // As etcdctl reads it: a password may have colons, a name has none.
    let (name, typed) = match user.split_once(':') {
        Some((name, password)) => (name.to_owned(), Some(password.to_owned())),
        None => (user, None),
    };
    if name.is_empty() {
        return Err(Refusal::new("invalid user (the name is empty)"));
    }
    let password = match (typed, file) {
        (Some(_), Some(_)) => {
            return Err(Refusal::new("invalid password-file (--user has a password already)"));
        }
        (Some(password), None) => Password::Text(password),
        (None, Some(file)) => Password::File(file.into()),
        (None, None) => match environment(PASSWORD) {
            Some(password) => Password::Text(password),
            None => return Err(without_password(&name)),
        },
    };
    let credentials = Credentials::new(name, password);
    credentials.password().map_err(|error| Refusal::new(error.to_string()))?;
    Ok(Some(credentials))
}

fn without_password(name: &str) -> Refusal {
    let ways = format!("--user name:password, --password-file or {PASSWORD}");
    Refusal::new(format!("invalid user {} (there is no password: give {ways})", quote(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        user: &str,
        file: &str,
        environment: &[(&str, &str)],
    ) -> Result<Option<(String, String)>, String> {
        let flags = Flags { user: user.to_owned(), password_file: file.to_owned(), ..Flags::default() };
        let set = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let credentials = credentials(&flags, set).map_err(|refusal| refusal.to_string())?;
        let text = |credentials: Credentials| {
            (credentials.name().to_owned(), credentials.password().expect("a readable password"))
        };
        Ok(credentials.map(text))
    }

    fn proxy(password: &str) -> Result<Option<(String, String)>, String> {
        Ok(Some(("proxy".to_owned(), password.to_owned())))
    }

    #[test]
    fn flags_come_before_the_environment() {
        assert_eq!(read("", "", &[]), Ok(None));
        assert_eq!(read("proxy:a:b", "", &[]), proxy("a:b"));
        assert_eq!(read("proxy:", "", &[(PASSWORD, "env")]), proxy(""));
        assert_eq!(read("proxy", "", &[(PASSWORD, "env")]), proxy("env"));
        assert_eq!(read("proxy:here", "", &[(PASSWORD, "env")]), proxy("here"));
    }

    #[test]
    fn a_password_file_loses_the_end_of_its_line_and_nothing_else() {
        let path = std::env::temp_dir().join(format!("password-{}", std::process::id()));
        for (content, password) in [("s e\n", "s e"), ("s\r\n", "s"), (" s", " s"), ("s\n\n", "s\n")] {
            std::fs::write(&path, content).expect("a file");
            assert_eq!(read("proxy", &path.display().to_string(), &[(PASSWORD, "env")]), proxy(password));
        }
        std::fs::remove_file(&path).expect("the file");
    }

    #[test]
    fn what_leads_to_no_password_is_refused_without_showing_one() {
        let refused = |user, file, environment| read(user, file, environment).expect_err("a refusal");
        assert!(refused("proxy", "", &[]).starts_with("invalid user \"proxy\" (there is no password"));
        assert_eq!(refused(":s3cret", "", &[]), "invalid user (the name is empty)");
        let twice = refused("proxy:s3cret", "/some/file", &[]);
        assert_eq!(twice, "invalid password-file (--user has a password already)");
        assert!(refused("", "/some/file", &[]).contains("no --user"));
        let missing = refused("proxy", "/nonexistent/password", &[]);
        assert!(missing.starts_with("cannot read the password file /nonexistent/password: "), "{missing}");
    }
}
