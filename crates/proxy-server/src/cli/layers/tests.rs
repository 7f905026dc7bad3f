//! Who is heard first, and how what is wrong is told.

use super::*;
use crate::cli::{Command, Refusal, parse};

/// A file of this test's own.
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("config-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn flag(&self) -> String {
        format!("--config-file={}", self.0.display())
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn run(line: &[&str], variables: &[(&str, &str)]) -> Result<Command, Refusal> {
    let line = ["etcd-grpc-proxy"].iter().chain(line).map(OsString::from);
    parse(line, &Environment::of(variables))
}

/// Value and origin of a flag, as `config show` prints them.
#[track_caller]
fn shown(flag: &str, line: &[&str], variables: &[(&str, &str)]) -> (String, String) {
    let Ok(Command::Print(text)) = run(&[&["config", "show"], line].concat(), variables) else {
        panic!("{:?}", run(line, variables))
    };
    let row = text.lines().find_map(|row| row.strip_prefix(&format!("{flag} = "))).unwrap();
    let (value, origin) = row.rsplit_once("  # ").unwrap();
    (value.trim_end().to_owned(), origin.to_owned())
}

#[track_caller]
fn refused(line: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let said = run(&[&["start"], line].concat(), variables).map(drop).unwrap_err().to_string();
    said.lines().map(str::to_owned).collect()
}

#[test]
fn the_line_comes_before_the_environment_and_that_before_the_file() {
    let file = ConfigFile::new("order.toml", "resolver-ttl = 3\nendpoints = ['f:1', 'f:2']\n");
    let (path, flag) = (file.0.display().to_string(), file.flag());
    let variables = [("ETCD_GRPC_PROXY_RESOLVER_TTL", "2"), ("ETCD_GRPC_PROXY_ENDPOINTS", "e:1,e:2")];
    let value = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    for (name, texts, variable) in [
        ("resolver-ttl", ["1", "2", "3", "0"], "ETCD_GRPC_PROXY_RESOLVER_TTL"),
        (
            "endpoints",
            [r#"["l:1"]"#, r#"["e:1", "e:2"]"#, r#"["f:1", "f:2"]"#, r#"["127.0.0.1:2379"]"#],
            "ETCD_GRPC_PROXY_ENDPOINTS",
        ),
    ] {
        let line = ["--resolver-ttl=1", "--endpoints=l:1", &flag];
        let at = format!("{path}:{}", if name == "endpoints" { 2 } else { 1 });
        assert_eq!(shown(name, &line, &variables), value(texts[0], &format!("--{name}")));
        assert_eq!(shown(name, &[&flag], &variables), value(texts[1], variable));
        assert_eq!(shown(name, &[&flag], &[]), value(texts[2], &at));
        assert_eq!(shown(name, &[], &[]), value(texts[3], "default"));
    }
}

#[test]
fn a_value_means_the_same_wherever_it_stands() {
    let file = ConfigFile::new(
        "same.yaml",
        "grpc-keepalive-interval: 1h\ndebug: false\nadvertise-client-url: \"\"\n",
    );
    let variables = [
        ("ETCD_GRPC_PROXY_GRPC_KEEPALIVE_INTERVAL", "1h"),
        ("ETCD_GRPC_PROXY_DEBUG", "F"),
        ("ETCD_GRPC_PROXY_USER", ""),
    ];
    for (line, variables) in [
        (&["--grpc-keepalive-interval=1h", "--debug=0"][..], &[][..]),
        (&[], &variables),
        (&[&*file.flag()], &[]),
    ] {
        assert_eq!(shown("grpc-keepalive-interval", line, variables).0, "\"3600s\"");
        assert_eq!(shown("debug", line, variables).0, "false");
    }
    assert_eq!(shown("advertise-client-url", &[&file.flag()], &[]).0, "\"\"");
    assert_eq!(shown("user", &[], &variables).1, "default", "an empty variable is none");
}

#[test]
fn the_environment_may_name_the_file_and_etcds_own_variables_are_not_ours() {
    let file = ConfigFile::new("named.yml", "debug: true\n");
    let path = file.0.display().to_string();
    let variables =
        [("ETCD_GRPC_PROXY_CONFIG_FILE", path.as_str()), ("ETCD_DEBUG", "x"), ("ETCDCTL_USER", "y")];
    assert_eq!(shown("debug", &[], &variables), ("true".to_owned(), format!("{path}:1")));
}

#[test]
fn what_nobody_knows_is_refused_with_what_is_near() {
    let file = ConfigFile::new(
        "unknown.toml",
        "listen-add = ':1'\nresolver_ttl = 1\nwhatever = 1\nconfig-file = 'x'\nversion = true\n",
    );
    let path = file.0.display().to_string();
    let variables = [
        ("ETCD_GRPC_PROXY_ENDPOINT", "a:1"),
        ("ETCD_GRPC_PROXY_NOTHING_LIKE_IT", "a:1"),
        ("ETCD_GRPC_PROXY_SERVICE_HOST", "10.0.0.1"),
    ];
    let said = refused(&[&file.flag()], &variables);
    let wanted = [
        "unknown environment variable ETCD_GRPC_PROXY_ENDPOINT; did you mean ETCD_GRPC_PROXY_ENDPOINTS?"
            .to_owned(),
        "unknown environment variable ETCD_GRPC_PROXY_NOTHING_LIKE_IT".to_owned(),
        format!("{path}:1: unknown key \"listen-add\"; did you mean listen-addr?"),
        format!("{path}:2: unknown key \"resolver_ttl\"; did you mean resolver-ttl?"),
        format!("{path}:3: unknown key \"whatever\""),
        format!("{path}:4: a file cannot name another one by config-file"),
        format!("{path}:5: unknown key \"version\""),
    ];
    assert_eq!(said, wanted);
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_all_of_it() {
    let text = "resolver-ttl: soon\ndebug: [true]\nmax-send-bytes: 5\nbalancer: none\ndrain-timeout: 5\n";
    let file = ConfigFile::new("wrong.yaml", text);
    let path = file.0.display().to_string();
    let said = refused(&[&file.flag(), "--balancer=nobody"], &[("ETCD_GRPC_PROXY_CACHE_MAX_AGE", "1")]);
    let wanted = [
        "ETCD_GRPC_PROXY_CACHE_MAX_AGE: invalid argument \"1\" for cache-max-age: time: missing unit in duration \"1\"".to_owned(),
        format!("{path}:1: invalid argument \"soon\" for resolver-ttl: strconv.ParseInt: parsing \"soon\": invalid syntax"),
        format!("{path}:2: debug takes one value, not a list"),
        format!("{path}:5: invalid argument \"5\" for drain-timeout: time: missing unit in duration \"5\""),
    ];
    assert_eq!(said[..4], wanted);
    assert!(said[4].contains("nobody") && said.len() == 5, "{said:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let said = |path: &str| refused(&[&format!("--config-file={path}")], &[]).join("\n");
    assert_eq!(said("/nonexistent/p.toml"), "open /nonexistent/p.toml: no such file or directory");
    let odd = ConfigFile::new("odd.json", "{}");
    assert_eq!(
        said(&odd.0.display().to_string()),
        format!("{}: the name must end in .toml, .yaml or .yml", odd.0.display())
    );
    let long = ConfigFile::new("long.toml", &" ".repeat((1 << 20) + 1));
    assert_eq!(
        said(&long.0.display().to_string()),
        format!("{}: longer than 1048576 bytes", long.0.display())
    );
    let folder = std::env::temp_dir();
    assert!(said(&folder.display().to_string()).starts_with(&format!("open {}: ", folder.display())));
    std::fs::write(&odd.0, b"\xff").unwrap();
    let renamed = odd.0.with_extension("toml");
    std::fs::copy(&odd.0, &renamed).unwrap();
    assert_eq!(said(&renamed.display().to_string()), format!("{}: not valid UTF-8", renamed.display()));
    std::fs::remove_file(renamed).unwrap();
}

#[test]
fn no_secret_is_shown() {
    let line = ["--user=proxy:s3cret", "--endpoints=https://me:s3cret@a:1"];
    let variables = [("ETCD_GRPC_PROXY_PASSWORD", "s3cret")];
    let Ok(Command::Print(text)) = run(&[&["config", "show"], &line[..]].concat(), &variables) else {
        panic!()
    };
    assert!(!text.contains("s3cret"), "{text}");
    assert_eq!(shown("user", &line, &variables).0, "\"proxy:(not shown)\"");
    assert!(text.ends_with("# the password of user: ETCD_GRPC_PROXY_PASSWORD"), "{text}");
    let Err(refusal) = run(&[&["start"], &line[..]].concat(), &variables) else { panic!() };
    let said = refusal.to_string();
    assert!(said.starts_with("endpoint \"https://(not shown)@a:1\": ") && !said.contains("s3cret"), "{said}");
}

/// What is shown is a file that says the same.
#[test]
fn what_is_shown_can_be_used() {
    let line =
        ["config", "show", "--endpoints=a:1,\"b,\"\"2\"", "--namespace=a\"\\b\u{1}", "--cache-max-age=1.5s"];
    let Ok(Command::Print(first)) = run(&line, &[]) else { panic!() };
    let file = ConfigFile::new("shown.toml", &first);
    let Ok(Command::Print(second)) = run(&["config", "show", &file.flag()], &[]) else { panic!() };
    let values = |text: &str| -> Vec<String> {
        let rows = text.lines().filter(|row| !row.contains("config-file"));
        rows.map(|row| row.rsplit_once("  # ").unwrap().0.trim_end().to_owned()).collect()
    };
    assert_eq!(values(&second), values(&first));
}

/// Whatever the file says, the start is refused or a configuration comes of it, and nothing else happens.
#[test]
fn fuzz_config() {
    let file = ConfigFile::new("fuzz.yaml", "");
    let flag = file.flag();
    let seed =
        b"endpoints: [a:1]\nresolver-prefix: a\nresolver-ttl: 5\nmetrics-addr: http://:1\nbalancer: pin\n";
    let words: Vec<&str> = names()
        .chain(["\n", ": ", "0s", "-1", "true", "on", "strict", "unix:///a", "https://[::1]:1"])
        .collect();
    fuzz::fuzz(
        "config",
        &[seed, b"listen-addr: :1\ncache-max-age: 1h2m3.5s\nendpoints: \"a,b\"\n"],
        &words,
        |bytes| {
            std::fs::write(&file.0, bytes).unwrap();
            match run(&["start", &flag], &[]) {
                Ok(_) => "a configuration".to_owned(),
                Err(refusal) => {
                    let said = refusal.to_string();
                    assert!(!said.is_empty());
                    let end = |line: &str| line.rsplit(' ').take(2).collect::<Vec<_>>().join(" ");
                    said.lines().next().map(end).unwrap_or_default()
                }
            }
        },
    );
}
