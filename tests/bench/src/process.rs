//! What a process has used, from `/proc`: CPU time in nanoseconds and resident memory.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::Result;

/// Linux reports process times to user space in hundredths of a second on every architecture that etcd runs on.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of one process at one moment.
///
/// The scheduler's own count per thread resolves nanoseconds but is gone with its thread; the process total resolves
/// ticks and keeps the threads that ended. So both are read, and the difference is taken from the better one.
#[derive(Debug, Clone)]
pub(crate) struct CpuTime {
    threads: BTreeMap<u32, Duration>,
    total: Duration,
}

impl CpuTime {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let stat = read(pid, "stat")?;
        let total = ticks(&stat).ok_or_else(|| format!("/proc/{pid}/stat is not as expected: {stat}"))?;
        Ok(Self { threads: threads(pid).unwrap_or_default(), total })
    }

    /// CPU time used since `earlier`, of the same process.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let all_still_run = earlier.threads.keys().all(|thread| self.threads.contains_key(thread));
        if self.threads.is_empty() || earlier.threads.is_empty() || !all_still_run {
            return self.total.saturating_sub(earlier.total);
        }
        self.threads
            .iter()
            .map(|(thread, now)| now.saturating_sub(earlier.threads.get(thread).copied().unwrap_or_default()))
            .sum()
    }
}

/// Resident memory in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = read(pid, "status")?;
    parse_resident(&status).ok_or_else(|| format!("/proc/{pid}/status has no VmRSS").into())
}

fn read(pid: u32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .map_err(|error| format!("process {pid} is gone: /proc/{pid}/{file}: {error}").into())
}

/// Time on a CPU by thread; `None` where the kernel does not count it.
fn threads(pid: u32) -> Option<BTreeMap<u32, Duration>> {
    let mut times = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let entry = entry.ok()?;
        let thread = entry.file_name().to_str()?.parse().ok()?;
        // A thread may end between the listing and this line; it is then missing, which `since` notices.
        if let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) {
            times.insert(thread, schedstat(&text)?);
        }
    }
    Some(times)
}

/// The first number of a schedstat line: nanoseconds on a CPU.
fn schedstat(line: &str) -> Option<Duration> {
    line.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// utime and stime of a stat line. The command name before them may hold blanks and parentheses.
fn ticks(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.checked_add(system)?)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn time(threads: &[(u32, u64)], total_ms: u64) -> CpuTime {
        let threads = threads.iter().map(|(id, ns)| (*id, Duration::from_nanos(*ns))).collect();
        CpuTime { threads, total: Duration::from_millis(total_ms) }
    }

    #[test]
    fn stat_is_read_past_a_name_with_blanks_and_parentheses() {
        let line = "7 (a b) (c)) S 1 7 7 0 -1 4194560 10 0 0 0 123 77 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(line), Some(Duration::from_secs(2)));
        assert_eq!(ticks("7 (short) S 1"), None);
    }

    #[test]
    fn schedstat_is_its_first_number() {
        assert_eq!(schedstat("1010099 308725 3\n"), Some(Duration::from_nanos(1_010_099)));
        assert_eq!(schedstat(""), None);
    }

    #[test]
    fn resident_memory_is_in_bytes() {
        assert_eq!(parse_resident("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2 << 20));
        assert_eq!(parse_resident("Name:\tx\n"), None);
    }

    #[test]
    fn threads_give_the_difference_and_new_ones_count_in_full() {
        let used = time(&[(1, 150), (2, 300), (3, 7)], 20).since(&time(&[(1, 100), (2, 300)], 10));
        assert_eq!(used, Duration::from_nanos(57));
    }

    #[test]
    fn a_thread_that_ended_makes_the_process_total_count() {
        let used = time(&[(1, 150)], 40).since(&time(&[(1, 100), (2, 300)], 10));
        assert_eq!(used, Duration::from_millis(30));
    }

    #[test]
    fn a_kernel_without_schedstat_makes_the_process_total_count() {
        assert_eq!(time(&[], 40).since(&time(&[], 10)), Duration::from_millis(30));
    }

    #[test]
    fn this_process_has_used_something() {
        let me = std::process::id();
        assert!(resident(me).unwrap() > 0);
        // Looking is work, too, until the coarsest of the clocks has seen it.
        let (begun, limit) = (CpuTime::of(me).unwrap(), Instant::now() + Duration::from_secs(60));
        while CpuTime::of(me).unwrap().since(&begun) == Duration::ZERO {
            assert!(Instant::now() < limit, "{begun:?} does not grow");
        }
    }
}
