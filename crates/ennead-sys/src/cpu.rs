//! The processor: which one runs this thread, its cycle counter, and pinning for tests and benches.

#![allow(unsafe_code, reason = "reads the cycle counter")]

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The number of the CPU that runs this thread, a few nanoseconds with a current C library (it reads a page that the kernel keeps up to date).
#[must_use]
#[inline]
pub fn current() -> u32 {
    // SAFETY: takes no arguments.
    let cpu = unsafe { libc::sched_getcpu() };
    u32::try_from(cpu).unwrap_or(u32::MAX)
}

/// A counter of some 0.3 to 1 ns a step (x86-64: the time stamp counter) or of nanoseconds, for measuring short spans roughly; see [`TICKS_PER_MICROSECOND`].
#[must_use]
#[inline]
pub fn ticks() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // SAFETY: reads a register.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The kernel's tick that it is, a number that changes every 1 to 10 ms: the cheapest clock there is, which reads a word and not the processor's counter.
#[must_use]
#[inline]
pub fn moment() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the time. It cannot fail for this clock; should it, the answer is always the same moment.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    (now.tv_sec as u64).wrapping_mul(1 << 30) ^ now.tv_nsec as u64
}

/// Roughly how many [`ticks`] pass in a microsecond, right within a factor of two on current machines.
pub const TICKS_PER_MICROSECOND: u64 =
    if cfg!(all(target_arch = "x86_64", not(miri))) { 2_500 } else { 1_000 };

/// Lets the calling thread run only on the CPU of this number.
pub fn pin(cpu: u32) -> io::Result<()> {
    let mut set = CpuSet::new();
    let at = cpu as usize;
    if at >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    set.set(at);
    Ok(sched_setaffinity(None, &set)?)
}

/// The numbers of the CPUs that may run the calling thread.
pub fn allowed() -> io::Result<Vec<u32>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).map(|cpu| cpu as u32).collect())
}
