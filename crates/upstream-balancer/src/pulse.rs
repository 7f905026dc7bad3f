//! When to ping a connection, and when to give it up: a pure machine, asked twice a second.
//!
//! etcd ends connections that ping more than once in 5 seconds, or at all while they carry no stream
//! (`--grpc-keepalive-min-time`), so by default a ping goes out only where calls wait on a silent connection.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Keepalive;

/// Just above etcd's enforcement of 5 seconds, so that a late clock does not count as a strike.
const MIN_PING_INTERVAL: Duration = Duration::from_millis(5_200);
/// With calls waiting, a connection that is silent for so long is worth a ping.
const DEFAULT_SILENCE: Duration = Duration::from_secs(2);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);

/// The liveness of one connection.
#[derive(Debug)]
pub(crate) struct Pulse {
    silence: Duration,
    timeout: Duration,
    without_stream: bool,
    bytes_seen: u64,
    last_heard: Instant,
    last_ping: Instant,
    waiting: bool,
}

/// What to do with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    Fine,
    Ping,
    Dead,
}

impl Pulse {
    /// The pulse of a connection whose first ping was just answered.
    pub(crate) fn new(keepalive: Option<Keepalive>, now: Instant) -> Self {
        Self {
            silence: keepalive.map_or(DEFAULT_SILENCE, |keepalive| keepalive.interval),
            timeout: keepalive.map_or(DEFAULT_TIMEOUT, |keepalive| keepalive.timeout),
            without_stream: keepalive.is_some_and(|keepalive| keepalive.permit_without_stream),
            bytes_seen: 0,
            last_heard: now,
            last_ping: now,
            waiting: false,
        }
    }

    /// Judges the connection, which has received `bytes` so far and carries calls or does not.
    pub(crate) fn beat(&mut self, now: Instant, bytes: u64, carries_calls: bool) -> Beat {
        if bytes != self.bytes_seen {
            self.bytes_seen = bytes;
            self.last_heard = now;
            self.waiting = false;
        }
        if self.waiting {
            return if now >= self.last_ping + self.timeout { Beat::Dead } else { Beat::Fine };
        }
        let silent = now >= self.last_heard + self.silence;
        let allowed = now >= self.last_ping + MIN_PING_INTERVAL;
        if silent && allowed && (carries_calls || self.without_stream) {
            self.last_ping = now;
            self.waiting = true;
            return Beat::Ping;
        }
        Beat::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(
        pulse: &mut Pulse,
        start: Instant,
        seconds: u64,
        bytes: u64,
        carries_calls: bool,
    ) -> Vec<(u64, Beat)> {
        (1..=seconds)
            .map(|second| (second, pulse.beat(start + Duration::from_secs(second), bytes, carries_calls)))
            .filter(|(_, beat)| *beat != Beat::Fine)
            .collect()
    }

    #[test]
    fn a_black_hole_is_found_within_ten_seconds_with_default_flags() {
        let start = Instant::now();
        let mut pulse = Pulse::new(None, start);
        assert_eq!(beats(&mut pulse, start, 9, 0, true), [(6, Beat::Ping), (9, Beat::Dead)]);
    }

    #[test]
    fn an_idle_connection_is_never_pinged_by_default() {
        let start = Instant::now();
        assert_eq!(beats(&mut Pulse::new(None, start), start, 60, 0, false), []);
    }

    #[test]
    fn an_answered_ping_gives_the_connection_another_round() {
        let start = Instant::now();
        let mut pulse = Pulse::new(None, start);
        assert_eq!(beats(&mut pulse, start, 6, 0, true), [(6, Beat::Ping)]);
        let answered = start + Duration::from_secs(7);
        assert_eq!(pulse.beat(answered, 17, true), Beat::Fine);
        assert_eq!(beats(&mut pulse, answered, 4, 17, true), []);
        assert_eq!(beats(&mut pulse, answered, 5, 17, true), [(5, Beat::Ping)]);
    }

    #[test]
    fn pings_stay_below_etcds_enforcement_whatever_the_flags_say() {
        let start = Instant::now();
        let eager = Keepalive {
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            permit_without_stream: true,
        };
        let mut pulse = Pulse::new(Some(eager), start);
        let mut pings = Vec::new();
        for second in 1..=30 {
            // Every ping is answered at once.
            if pulse.beat(start + Duration::from_secs(second), pings.len() as u64, false) == Beat::Ping {
                pings.push(second);
            }
        }
        assert!(pings.windows(2).all(|pair| pair[1] - pair[0] >= 6), "{pings:?}");
        assert!(pings.len() >= 4, "{pings:?}");
    }

    #[test]
    fn the_operators_timeout_replaces_the_default() {
        let start = Instant::now();
        let patient = Keepalive {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(20),
            permit_without_stream: false,
        };
        let mut pulse = Pulse::new(Some(patient), start);
        assert_eq!(beats(&mut pulse, start, 30, 0, true), [(10, Beat::Ping), (30, Beat::Dead)]);
    }
}
