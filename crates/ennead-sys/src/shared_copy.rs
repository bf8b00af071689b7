//! Copies between private memory and memory that other processes may change meanwhile.
//!
//! An ordinary `memcpy` would be a data race, and a compiler may read a source twice. On x86-64 the copies are inline assembly, whose accesses the compiler
//! cannot see; elsewhere they are relaxed atomic accesses on the shared side.

#![allow(unsafe_code, reason = "copies through raw pointers into shared memory")]

/// Copies `len` bytes from private memory at `from` to shared memory at `to`.
///
/// # Safety
/// `to` must be valid for writes and `from` for reads of `len` bytes, and the two must not overlap.
#[inline]
pub(crate) unsafe fn copy_in(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { imp::copy_in(to, from, len) }
}

/// Copies `len` bytes from shared memory at `from` to private memory at `to`.
///
/// # Safety
/// `to` must be valid for writes and `from` for reads of `len` bytes, and the two must not overlap.
#[inline]
pub(crate) unsafe fn copy_out(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { imp::copy_out(to, from, len) }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod imp {
    use std::arch::asm;

    pub(super) use copy as copy_out;

    /// From this length on the microcode's string copy wins over a loop of 32 bytes a turn.
    const STRING: usize = 512;

    /// How much is written between two requests for the next lines.
    const BLOCK: usize = 1024;

    /// Asks for the lines of the next block before it writes one: as a rule the reader has them, and the string copy waits for each. 64 KiB at a time through a ring
    /// of 256 KiB between two cores: 12 GB/s instead of 9.4.
    ///
    /// # Safety
    /// As for [`super::copy_in`].
    #[inline]
    pub(super) unsafe fn copy_in(to: *mut u8, from: *const u8, len: usize) {
        let mut done = 0;
        while len - done > BLOCK {
            let next = done + BLOCK;
            for line in (next..len.min(next + BLOCK)).step_by(64) {
                // SAFETY: `line` is below `len`; a prefetch accesses nothing that the program can observe and never faults.
                unsafe {
                    asm!("prefetchw [{at}]", at = in(reg) to.add(line), options(nostack, preserves_flags));
                }
            }
            // SAFETY: `BLOCK` bytes from `done` on lie inside `len`.
            unsafe { string(to.add(done), from.add(done), BLOCK) };
            done = next;
        }
        // SAFETY: the rest of `len` bytes.
        unsafe { copy(to.add(done), from.add(done), len - done) }
    }

    /// # Safety
    /// As for [`super::copy_in`].
    #[inline]
    pub(super) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
        // SAFETY: each helper touches `len` bytes at either address, no more.
        unsafe {
            if len >= STRING {
                string(to, from, len);
            } else if len >= 16 {
                vectors(to, from, len);
            } else {
                words(to, from, len);
            }
        }
    }

    /// # Safety
    /// As for [`super::copy_in`].
    #[inline]
    unsafe fn string(to: *mut u8, from: *const u8, len: usize) {
        // SAFETY: the caller's promise; the ABI keeps the direction flag clear.
        unsafe {
            asm!("rep movsb", inout("rdi") to => _, inout("rsi") from => _, inout("rcx") len => _, options(nostack, preserves_flags));
        }
    }

    /// 16 bytes a step; the last step overlaps the one before. `len` is at least 16.
    ///
    /// # Safety
    /// As for [`super::copy_in`].
    #[inline]
    unsafe fn vectors(to: *mut u8, from: *const u8, len: usize) {
        let last = len - 16;
        // SAFETY: offsets 0, 16, … below `last`, then `last` itself: 16 bytes from each lie inside `len`.
        unsafe {
            asm!(
                "xor {at:e}, {at:e}",
                "test {last}, {last}",
                "jz 3f",
                "2:",
                "movups {v}, [{from} + {at}]",
                "movups [{to} + {at}], {v}",
                "add {at}, 16",
                "cmp {at}, {last}",
                "jb 2b",
                "3:",
                "movups {v}, [{from} + {last}]",
                "movups [{to} + {last}], {v}",
                at = out(reg) _,
                v = out(xmm_reg) _,
                from = in(reg) from,
                to = in(reg) to,
                last = in(reg) last,
                options(nostack),
            );
        }
    }

    /// Fewer than 16 bytes: two overlapping words, or single bytes.
    ///
    /// # Safety
    /// As for [`super::copy_in`].
    #[inline]
    unsafe fn words(to: *mut u8, from: *const u8, len: usize) {
        // SAFETY: every access lies inside `len` bytes.
        unsafe {
            if len >= 8 {
                asm!(
                    "mov {a}, [{from}]", "mov {b}, [{from} + {last}]", "mov [{to}], {a}", "mov [{to} + {last}], {b}",
                    a = out(reg) _, b = out(reg) _, from = in(reg) from, to = in(reg) to, last = in(reg) len - 8,
                    options(nostack, preserves_flags),
                );
            } else if len >= 4 {
                asm!(
                    "mov {a:e}, [{from}]", "mov {b:e}, [{from} + {last}]", "mov [{to}], {a:e}", "mov [{to} + {last}], {b:e}",
                    a = out(reg) _, b = out(reg) _, from = in(reg) from, to = in(reg) to, last = in(reg) len - 4,
                    options(nostack, preserves_flags),
                );
            } else {
                for at in 0..len {
                    asm!(
                        "mov {a}, [{from} + {at}]", "mov [{to} + {at}], {a}",
                        a = out(reg_byte) _, from = in(reg) from, to = in(reg) to, at = in(reg) at,
                        options(nostack, preserves_flags),
                    );
                }
            }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod imp {
    use std::sync::atomic::Ordering::Relaxed;
    use std::sync::atomic::{AtomicU8, AtomicU64};

    /// # Safety
    /// As for [`super::copy_in`].
    pub(super) unsafe fn copy_in(to: *mut u8, from: *const u8, len: usize) {
        for_each_step(to as usize, len, |at, word| {
            // SAFETY: `at` (and 8 bytes from it for a word) lies inside `len`; a word is aligned on the shared side.
            unsafe {
                if word {
                    AtomicU64::from_ptr(to.add(at).cast())
                        .store(from.add(at).cast::<u64>().read_unaligned(), Relaxed);
                } else {
                    AtomicU8::from_ptr(to.add(at)).store(from.add(at).read(), Relaxed);
                }
            }
        });
    }

    /// # Safety
    /// As for [`super::copy_out`].
    pub(super) unsafe fn copy_out(to: *mut u8, from: *const u8, len: usize) {
        for_each_step(from as usize, len, |at, word| {
            let from = from.cast_mut();
            // SAFETY: `at` (and 8 bytes from it for a word) lies inside `len`; a word is aligned on the shared side.
            unsafe {
                if word {
                    to.add(at)
                        .cast::<u64>()
                        .write_unaligned(AtomicU64::from_ptr(from.add(at).cast()).load(Relaxed));
                } else {
                    to.add(at).write(AtomicU8::from_ptr(from.add(at)).load(Relaxed));
                }
            }
        });
    }

    /// Walks `len` bytes whose shared side begins at `address`: bytes up to the first multiple of 8, words, bytes.
    fn for_each_step(address: usize, len: usize, mut step: impl FnMut(usize, bool)) {
        let mut at = 0;
        while at < len {
            let word = (address + at).is_multiple_of(8) && len - at >= 8;
            step(at, word);
            at += if word { 8 } else { 1 };
        }
    }
}
