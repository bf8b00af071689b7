//! Rough figures of this crate's fast paths, for a developer's eye: `cargo run --release -p ennead-sync --example measure`.
//! Serious ones come from `ennead-bench sync`.

use std::time::{Duration, Instant};

use ennead_sync::{
    Event, EventOptions, MutexOptions, Outcome, SemaphoreOptions, Wait, Waitable, wait_all, wait_any,
};
use ennead_sys::cpu;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mutex = MutexOptions::new().unnamed()?;
    measure("mutex, wait and release, uncontended", 1_000_000, || {
        mutex.wait(Wait::Forever).map(drop)?;
        mutex.release().map_err(Into::into)
    })?;
    let event = EventOptions::new().unnamed()?;
    measure("event, set and wait, nobody sleeps", 1_000_000, || {
        event.set()?;
        event.wait(Wait::Forever).map(drop).map_err(Into::into)
    })?;
    let semaphore = SemaphoreOptions::new(0, 9).unnamed()?;
    measure("semaphore, release and wait, nobody sleeps", 1_000_000, || {
        semaphore.release(1)?;
        semaphore.wait(Wait::Forever).map(drop).map_err(Into::into)
    })?;
    let events: Vec<Event> = (0..64).map(|_| EventOptions::new().unnamed()).collect::<Result<_, _>>()?;
    let all: Vec<&dyn Waitable> = events.iter().map(|event| event as &dyn Waitable).collect();
    measure("wait_any over 64, the last one is signaled", 200_000, || {
        events[63].set()?;
        wait_any(&all, Wait::Forever).map(drop).map_err(Into::into)
    })?;
    measure("wait_any over 64, none is", 200_000, || {
        wait_any(&all, Wait::Never).map(drop).map_err(Into::into)
    })?;
    measure("wait_all over 8, all are signaled", 200_000, || {
        events[..8].iter().try_for_each(Event::set)?;
        wait_all(&all[..8], Wait::Forever).map(drop).map_err(Into::into)
    })?;
    for cpus in [[0, 0], [0, 1]] {
        ping_pong(cpus, 1)?;
        ping_pong(cpus, 64)?;
    }
    Ok(())
}

type Failure = Box<dyn std::error::Error>;

fn measure(what: &str, count: u32, mut once: impl FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    // The best of several rounds: others may want the processor too.
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        for _ in 0..count / 20 {
            once()?;
        }
        best = best.min(start.elapsed() / (count / 20));
    }
    println!("{what}: {best:?}");
    Ok(())
}

/// Two threads on these CPUs set each other's event; each waits for any of `count`, of which the other sets the last.
fn ping_pong(cpus: [u32; 2], count: usize) -> Result<(), Failure> {
    const ROUNDS: u32 = 20_000;
    let side = || (0..count).map(|_| EventOptions::new().unnamed()).collect::<Result<Vec<Event>, _>>();
    let (here, there) = (side()?, side()?);
    let go = |own: &[Event], other: &[Event], first: bool, cpu: u32| -> Duration {
        let _ = cpu::pin(cpu);
        let objects: Vec<&dyn Waitable> = own.iter().map(|event| event as &dyn Waitable).collect();
        let start = Instant::now();
        for _ in 0..ROUNDS {
            if first {
                let _ = other[count - 1].set();
            }
            let outcome = wait_any(&objects, Wait::Forever);
            assert!(matches!(outcome, Ok(Outcome::Signaled(_))), "{outcome:?}");
            if !first {
                let _ = other[count - 1].set();
            }
        }
        start.elapsed() / ROUNDS
    };
    let trip = std::thread::scope(|scope| {
        let other = scope.spawn(|| go(&there, &here, false, cpus[1]));
        let trip = scope.spawn(|| go(&here, &there, true, cpus[0])).join();
        let _ = other.join();
        trip
    });
    println!("round trip of events, any of {count}, on CPUs {cpus:?}: {:?}", trip.unwrap_or_default());
    Ok(())
}
