//! Counts on four threads while a fifth reads.

use std::thread;

use counts::Count;

#[derive(Debug, Default)]
struct Counters {
    /// Gauge: threads at work.
    busy: Count,
    /// Counter: what they have done.
    done: Count,
}

fn main() {
    let counters = Counters::default();
    counters.busy.set(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..1_000_000).for_each(|_| counters.done.increment());
                counters.busy.sub(1);
            });
        }
        while counters.busy.get() > 0 {
            println!("{} at work, {} done", counters.busy.get(), counters.done.get());
            thread::yield_now();
        }
    });
    println!("{} done", counters.done.get());
}
