//! What the system says about this process, under the names that Prometheus' libraries give it.
//!
//! Read from `/proc`; where there is none, the names have no samples.

use std::fs;

use crate::registry::{Kind, Registry};

/// `USER_HZ`, which is part of Linux' interface.
const TICKS_PER_SECOND: f64 = 100.0;
const KIB: f64 = 1024.0;

type Look = fn() -> Option<f64>;

#[rustfmt::skip]
const NAMES: [(&str, Kind, &str, Look); 9] = [
    ("process_cpu_seconds_total", Kind::Counter, "Total user and system CPU time spent in seconds.", cpu_seconds),
    ("process_max_fds", Kind::Gauge, "Maximum number of open file descriptors.", || limit("Max open files")),
    ("process_network_receive_bytes_total", Kind::Counter, "Number of bytes received by the process over the network.", || octets("InOctets")),
    ("process_network_transmit_bytes_total", Kind::Counter, "Number of bytes sent by the process over the network.", || octets("OutOctets")),
    ("process_open_fds", Kind::Gauge, "Number of open file descriptors.", open_fds),
    ("process_resident_memory_bytes", Kind::Gauge, "Resident memory size in bytes.", resident_bytes),
    ("process_start_time_seconds", Kind::Gauge, "Start time of the process since unix epoch in seconds.", start_time),
    ("process_virtual_memory_bytes", Kind::Gauge, "Virtual memory size in bytes.", || status("VmSize:")),
    ("process_virtual_memory_max_bytes", Kind::Gauge, "Maximum amount of virtual memory available in bytes.", || limit("Max address space")),
];

/// Registers `process_*`.
pub fn register_process(registry: &Registry) {
    for (name, kind, help, look) in NAMES {
        registry.read(name, kind, help, &[], move |samples| {
            if let Some(value) = look() {
                samples.push(&[], value);
            }
        });
    }
}

/// The fields of `/proc/self/stat` after the name, which may itself contain spaces. The first is field 3 of proc(5).
fn stat(field: usize) -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(field.checked_sub(3)?)?.parse().ok()
}

/// Seconds of processors that this process has used.
pub fn cpu_seconds() -> Option<f64> {
    Some((stat(14)? + stat(15)?) / TICKS_PER_SECOND)
}

/// Bytes of memory that this process has resident.
pub fn resident_bytes() -> Option<f64> {
    status("VmRSS:")
}

fn start_time() -> Option<f64> {
    let machine = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + stat(22)? / TICKS_PER_SECOND)
}

/// A line of `/proc/self/status`, which is in kibibytes.
fn status(name: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.split_whitespace().next()?.parse::<f64>().ok()? * KIB)
}

/// The soft limit. Go's library shows the largest number there is for one that is unlimited.
fn limit(name: &str) -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let soft = limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX as f64) } else { soft.parse().ok() }
}

fn open_fds() -> Option<f64> {
    // The folder that is read here is open too.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

/// A number of `/proc/self/net/netstat`: a line of names, then a line of values.
fn octets(name: &str) -> Option<f64> {
    let netstat = fs::read_to_string("/proc/self/net/netstat").ok()?;
    let mut lines = netstat.lines().filter(|line| line.starts_with("IpExt:"));
    let place = lines.next()?.split_whitespace().position(|found| found == name)?;
    lines.next()?.split_whitespace().nth(place)?.parse().ok()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_sample() {
        let registry = Registry::default();
        register_process(&registry);
        let page = registry.render();
        for (name, ..) in NAMES {
            let sample = page.lines().find(|line| line.starts_with(&format!("{name} ")));
            let value = sample.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok());
            assert!(value.is_some_and(|value: f64| value >= 0.0), "{name} in {page}");
        }
    }

    #[test]
    fn this_process_has_begun_in_the_past_and_has_memory() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let began = start_time().unwrap();
        assert!(began <= now + 1.0 && began > now - 24.0 * 3600.0, "{began} {now}");
        assert!(status("VmRSS:").unwrap() <= status("VmSize:").unwrap());
    }
}
