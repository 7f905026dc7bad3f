//! Something for each client, for a bounded number of clients.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use watch_coalesce::Quota;

use super::identity::ClientId;

/// Parts with a lock of their own, so that workers seldom meet.
const PARTS: usize = 16;
/// Clients that are told apart in one part. More are taken for one client.
const CLIENTS: usize = 4096;
/// Looking for those who can be forgotten takes a while, so it is not done for every stranger.
const SWEEP: Duration = Duration::from_secs(1);

/// Something that can be forgotten at times, and made anew as it was.
pub(super) trait Idle {
    fn is_idle(&self, now: Instant) -> bool;
}

/// By client.
#[derive(Debug)]
pub(super) struct Table<T> {
    parts: [Mutex<Part<T>>; PARTS],
    hash: RandomState,
}

#[derive(Debug)]
struct Part<T> {
    clients: HashMap<ClientId, T>,
    /// Of all those who found no room.
    crowd: Option<T>,
    swept: Option<Instant>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        let part = || Mutex::new(Part { clients: HashMap::new(), crowd: None, swept: None });
        Self { parts: std::array::from_fn(|_| part()), hash: RandomState::new() }
    }
}

impl<T: Idle> Table<T> {
    /// What belongs to this client, made if it is not there yet.
    pub(super) fn with<R>(
        &self,
        who: ClientId,
        now: Instant,
        make: impl FnOnce() -> T,
        look: impl FnOnce(&mut T) -> R,
    ) -> R {
        let mut part = self.part(who);
        if !part.clients.contains_key(&who) && part.clients.len() >= CLIENTS {
            part.sweep(now);
            if part.clients.len() >= CLIENTS {
                return look(part.crowd.get_or_insert_with(make));
            }
        }
        look(part.clients.entry(who).or_insert_with(make))
    }

    /// What is in it is whole after every change, so what a panicking thread left can be gone on with.
    fn part(&self, who: ClientId) -> MutexGuard<'_, Part<T>> {
        let place = self.hash.hash_one(who) as usize % PARTS;
        // The place is within the array.
        let part = self.parts.get(place).unwrap_or(&self.parts[0]);
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Idle> Part<T> {
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now.duration_since(swept) >= SWEEP) {
            self.clients.retain(|_, client| !client.is_idle(now));
            self.swept = Some(now);
        }
    }
}

impl Idle for Quota {
    fn is_idle(&self, _: Instant) -> bool {
        Self::is_idle(self)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    struct Numbered {
        number: u32,
        is_idle: bool,
    }

    impl Idle for Numbered {
        fn is_idle(&self, _: Instant) -> bool {
            self.is_idle
        }
    }

    fn ask(table: &Table<Numbered>, last: u32, now: Instant) -> u32 {
        let who = ClientId::Address(Ipv4Addr::from_bits(last).into());
        table.with(who, now, || Numbered { number: last, is_idle: false }, |found| found.number)
    }

    #[test]
    fn those_beyond_the_table_are_taken_for_one_and_the_idle_make_room() {
        const STRANGERS: u32 = 1_000_000;
        let (table, now) = (Table::default(), Instant::now());
        for last in 0..4 * (PARTS * CLIENTS) as u32 {
            ask(&table, last, now);
        }
        assert_eq!(ask(&table, 7, now), 7);
        let crowd = ask(&table, STRANGERS, now);
        assert_ne!(crowd, STRANGERS);
        for part in &table.parts {
            let mut part = part.lock().unwrap();
            assert_eq!(part.clients.len(), CLIENTS);
            part.clients.values_mut().for_each(|client| client.is_idle = client.number != 7);
        }
        assert_eq!(ask(&table, STRANGERS, now), crowd);
        assert_eq!(ask(&table, STRANGERS, now + SWEEP), STRANGERS);
        assert_eq!(ask(&table, 7, now + SWEEP), 7);
    }
}
