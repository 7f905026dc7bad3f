//! The command line and the environment, turned into what a run means.

use std::path::PathBuf;
use std::time::Duration;

use crate::suite::Workload;
use crate::{Error, Result};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask bench [SUITE] [OPTIONS]

Suites:
  unary                 reads, writes and a mix of both at 1, 8 and 256 in flight (default)
  reads                 linearizable reads of many keys and of one, serializable reads, a hostile loop
  json                  reads by JSON, of this proxy and of etcd itself
  lease                 1,000 leases on 1,000 streams, pings of 10,000 leases, one client's, 50,000 leases kept
  gateway               the TCP gateway beside etcd's and HAProxy: small requests and bulk
  namespace             a mix of calls with a namespace and without
  scrape                calls while all metrics are fetched every second, every 100 ms and not at all
  leasing               reads of leased keys, puts of keys that nobody owns, 10,000 leased keys and nobody asks
  watch                 10,000 watchers of one key, bursts, a reader that stops, reconnects, cost by watchers

Options:
  --rounds N            rounds; each measures every workload once on every system (default 5; watch and lease 3)
  --seconds S           length of one measurement (default 1.4; watch and lease 2)
  --warmup S            load before the measurement starts (default 0.25)
  --connections N       connections that the calls in flight share, at most (default 8)
  --only TEXT           only workloads whose name contains TEXT, such as reads-many@256; may be repeated
  --stop-seconds S      watch: how long the reader that stops does so (default 10)
  --keep-seconds S      lease: how long 50,000 leases are kept alive (default 120; with --quick 25)
  --quick               one round
  --proxy-args ARGS     further flags for this proxy, separated by blanks
  --help

Environment:
  ETCD_BIN_DIR          folder with the `etcd` to measure and whose grpc-proxy to compare with
  ETCD_GRPC_PROXY       this project's binary
  HAPROXY               HAProxy's binary, for the suite gateway; without it that goes on with the other two
  BENCH_OUT             where the JSON, SVG and README go (default docs/bench; target/bench with --only or
                        --quick, so that a partial run does not replace the published one)";

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Arguments {
    Help,
    Run(Box<Run>),
}

/// One run of one suite.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) suite: String,
    pub(crate) rounds: usize,
    pub(crate) pace: Pace,
    pub(crate) connections: usize,
    pub(crate) stop: Duration,
    pub(crate) keep: Duration,
    /// Substrings of workload names; empty means all of them.
    pub(crate) only: Vec<String>,
    pub(crate) proxy_args: Vec<String>,
    pub(crate) etcd: PathBuf,
    pub(crate) proxy: PathBuf,
    /// For the suite `gateway`, where there is one.
    pub(crate) haproxy: Option<PathBuf>,
    pub(crate) out: PathBuf,
}

/// How long one measurement takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    pub(crate) warmup: Duration,
    pub(crate) measure: Duration,
}

impl Arguments {
    pub(crate) fn parse(typed: impl Iterator<Item = String>) -> Result<Self> {
        let Some(typed) = Typed::read(typed)? else { return Ok(Self::Help) };
        let run = typed.meant(|name| std::env::var_os(name).map(PathBuf::from))?;
        Ok(Self::Run(Box::new(run)))
    }
}

/// The command line as typed, defaults filled in.
#[derive(Debug)]
struct Typed {
    suite: Option<String>,
    rounds: Option<usize>,
    seconds: Option<f64>,
    warmup: f64,
    connections: usize,
    stop: f64,
    keep: Option<f64>,
    quick: bool,
    only: Vec<String>,
    proxy_args: Vec<String>,
}

impl Default for Typed {
    fn default() -> Self {
        Self {
            suite: None,
            rounds: None,
            seconds: None,
            warmup: 0.25,
            connections: 8,
            stop: 10.0,
            keep: None,
            quick: false,
            only: Vec::new(),
            proxy_args: Vec::new(),
        }
    }
}

impl Typed {
    /// `None` when help was asked for.
    fn read(mut words: impl Iterator<Item = String>) -> Result<Option<Self>> {
        let mut typed = Self::default();
        while let Some(word) = words.next() {
            let (flag, attached) = match word.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            if matches!(flag, "--help" | "-h") {
                return Ok(None);
            }
            if flag == "--quick" {
                typed.quick = true;
            } else if flag.starts_with('-') {
                let value =
                    attached.or_else(|| words.next()).ok_or_else(|| format!("{flag} needs a value"))?;
                typed.set(flag, value)?;
            } else if typed.suite.replace(word.clone()).is_some() {
                return Err(format!("one suite at a time, and {word:?} is a second").into());
            }
        }
        Ok(Some(typed))
    }

    fn set(&mut self, flag: &str, value: String) -> Result<()> {
        match flag {
            "--rounds" => self.rounds = Some(count(flag, &value)?),
            "--connections" => self.connections = count(flag, &value)?,
            "--seconds" => self.seconds = Some(seconds(flag, &value)?),
            "--stop-seconds" => self.stop = seconds(flag, &value)?,
            "--keep-seconds" => self.keep = Some(seconds(flag, &value)?),
            "--warmup" => self.warmup = seconds(flag, &value)?,
            "--only" => self.only.push(value),
            "--proxy-args" => self.proxy_args.extend(value.split_whitespace().map(str::to_owned)),
            _ => return Err(format!("unknown flag {flag}\n\n{USAGE}").into()),
        }
        Ok(())
    }

    fn meant(self, environment: impl Fn(&str) -> Option<PathBuf>) -> Result<Run> {
        let needed = |name: &str, what: &str| -> Result<PathBuf> {
            environment(name).ok_or_else(|| format!("{name} is not set: {what}").into())
        };
        let etcd = needed("ETCD_BIN_DIR", "the folder that holds etcd")?.join("etcd");
        let proxy = needed("ETCD_GRPC_PROXY", "this project's binary, built for release")?;
        let usual = if self.only.is_empty() && !self.quick { "docs/bench" } else { "target/bench" };
        let suite = self.suite.unwrap_or_else(|| "unary".to_owned());
        let (rounds, length) =
            if matches!(suite.as_str(), "watch" | "lease" | "leasing") { (3, 2.0) } else { (5, 1.4) };
        Ok(Run {
            suite,
            rounds: self.rounds.unwrap_or(if self.quick { 1 } else { rounds }),
            pace: Pace {
                warmup: Duration::from_secs_f64(self.warmup),
                measure: Duration::from_secs_f64(self.seconds.unwrap_or(length)),
            },
            connections: self.connections,
            stop: Duration::from_secs_f64(self.stop),
            keep: Duration::from_secs_f64(self.keep.unwrap_or(if self.quick { 25.0 } else { 120.0 })),
            only: self.only,
            proxy_args: self.proxy_args,
            // The systems run in a folder of their own, so a relative path would point nowhere.
            etcd: std::path::absolute(etcd)?,
            proxy: std::path::absolute(proxy)?,
            haproxy: environment("HAPROXY").map(std::path::absolute).transpose()?,
            out: environment("BENCH_OUT").unwrap_or_else(|| PathBuf::from(usual)),
        })
    }
}

fn count(flag: &str, value: &str) -> Result<usize> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{flag}: {value:?} is not a count above zero").into()),
    }
}

fn seconds(flag: &str, value: &str) -> Result<f64> {
    let wrong = || Error::from(format!("{flag}: {value:?} is not a number of seconds between 0 and 3600"));
    let number: f64 = value.parse().map_err(|_| wrong())?;
    if (0.0..=3600.0).contains(&number) { Ok(number) } else { Err(wrong()) }
}

/// The workloads that `only` lets through, in their own order.
pub(crate) fn select(workloads: Vec<Workload>, only: &[String]) -> Result<Vec<Workload>> {
    let names: Vec<String> = workloads.iter().map(|workload| workload.name.clone()).collect();
    let chosen: Vec<Workload> = workloads
        .into_iter()
        .filter(|workload| only.is_empty() || only.iter().any(|text| workload.name.contains(text.as_str())))
        .collect();
    if chosen.is_empty() {
        return Err(format!("--only matches nothing; there is: {}", names.join(", ")).into());
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Result<Option<Typed>> {
        Typed::read(words.iter().map(|word| (*word).to_owned()))
    }

    fn run(words: &[&str]) -> Run {
        typed(words)
            .unwrap()
            .unwrap()
            .meant(|name| (name != "BENCH_OUT").then(|| PathBuf::from("/x")))
            .unwrap()
    }

    fn workloads(names: &[&str]) -> Vec<Workload> {
        names.iter().map(|name| Workload { name: (*name).to_owned() }).collect()
    }

    #[test]
    fn nothing_typed_is_the_full_unary_suite_for_publication() {
        let run = run(&[]);
        assert_eq!(run.suite, "unary");
        assert_eq!(run.rounds, 5);
        assert_eq!(run.out, PathBuf::from("docs/bench"));
        assert_eq!(run.etcd, PathBuf::from("/x/etcd"));
    }

    #[test]
    fn a_partial_run_leaves_the_published_one_alone() {
        assert_eq!(run(&["--only", "reads"]).out, PathBuf::from("target/bench"));
    }

    #[test]
    fn a_quick_run_is_one_round_and_not_published() {
        let run = run(&["watch", "--quick", "--stop-seconds", "30"]);
        assert_eq!((run.rounds, run.stop), (1, Duration::from_secs(30)));
        assert_eq!(run.out, PathBuf::from("target/bench"));
    }

    #[test]
    fn values_may_be_attached_or_follow() {
        let run =
            run(&["unary", "--rounds=2", "--seconds", "0.5", "--proxy-args=--worker-threads=1  --debug"]);
        assert_eq!(run.rounds, 2);
        assert_eq!(run.pace.measure, Duration::from_millis(500));
        assert_eq!(run.proxy_args, ["--worker-threads=1", "--debug"]);
    }

    #[test]
    fn bad_values_name_their_flag() {
        for words in [
            &["--rounds", "0"][..],
            &["--rounds", "many"],
            &["--seconds", "-1"],
            &["--seconds", "NaN"],
            &["--warmup"],
            &["--loops", "3"],
        ] {
            let error = typed(words).unwrap_err().to_string();
            assert!(error.contains(words[0]), "{words:?}: {error}");
        }
        assert!(typed(&["unary", "watch"]).is_err());
    }

    #[test]
    fn help_wins_over_everything_before_it() {
        assert!(typed(&["--rounds", "3", "--help"]).unwrap().is_none());
    }

    #[test]
    fn only_selects_by_substring_and_keeps_the_order() {
        let all = workloads(&["reads-one@1", "reads-many@1", "writes-many@256"]);
        let only = ["@256".to_owned(), "reads-many".to_owned()];
        let names: Vec<String> = select(all, &only).unwrap().into_iter().map(|w| w.name).collect();
        assert_eq!(names, ["reads-many@1", "writes-many@256"]);
    }

    #[test]
    fn only_that_matches_nothing_says_what_there_is() {
        let error = select(workloads(&["reads-one@1"]), &["lease".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("reads-one@1"));
    }
}
