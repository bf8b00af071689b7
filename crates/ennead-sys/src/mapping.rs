//! Memory shared with other processes.
//!
//! What lies in a mapping may change at any instant, so no Rust reference to its bytes ever exists: words are reached as atomics, payload is copied in and
//! out by code that the compiler cannot reason about (see `shared_copy.rs`).

#![allow(unsafe_code, reason = "maps memory and copies to and from it")]

use std::ffi::c_void;
use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::mm::{MapFlags, ProtFlags};

use crate::fault::Registration;
use crate::shared_copy;

/// A file's pages, mapped shared, readable and writable. Unmapped on drop.
#[derive(Debug)]
pub struct Mapping(Pages);

/// A file's pages, mapped shared and readable only. Unmapped on drop.
#[derive(Debug)]
pub struct ReadOnlyMapping(Pages);

impl Mapping {
    /// Maps the first `len` bytes of `file`.
    ///
    /// The caller makes sure that the file cannot shrink below `len` (a seal, or a file system object of its own making): an access past the end of the
    /// file raises SIGBUS.
    pub fn new(file: impl AsFd, len: usize) -> io::Result<Self> {
        Pages::map(file, len, ProtFlags::READ | ProtFlags::WRITE).map(Self)
    }

    /// The same of a file that others may shrink: a page that is lost so is one of zeros from then on, which nobody else sees, and [`Mapping::is_broken`].
    pub fn surviving(file: impl AsFd, len: usize) -> io::Result<Self> {
        let mut pages = Pages::map(file, len, ProtFlags::READ | ProtFlags::WRITE)?;
        let page = rustix::param::page_size();
        let start = pages.start.as_ptr() as usize;
        // SAFETY: whole pages, mapped just now and ours; the registration falls before they are unmapped.
        pages.registration =
            Some(unsafe { Registration::new(start, len.next_multiple_of(page), page, true) }?);
        Ok(Self(pages))
    }

    /// Takes the pages out of `self`, which has none from then on: every access to it panics.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self(std::mem::replace(
            &mut self.0,
            Pages { start: NonNull::dangling(), len: 0, tail: 0, registration: None },
        ))
    }

    /// Maps `len` bytes of `file` from `offset` on, both whole pages, and behind them one private page: see `robust.rs`. What the safe functions reach ends with the
    /// shared part.
    pub(crate) fn with_private_page(file: impl AsFd, offset: u64, len: usize) -> io::Result<Self> {
        Pages::map_before_private_page(file, offset, len).map(Self)
    }

    /// The private page's first byte, valid for reads and writes of a page for as long as the mapping lives; only for a mapping made `with_private_page`.
    pub(crate) fn private_page(&self) -> *mut u8 {
        debug_assert_ne!(self.0.tail, 0);
        // SAFETY: one past the shared part, which the private page follows.
        unsafe { self.0.start.as_ptr().add(self.0.len) }
    }

    /// Whether a page of a mapping of an object that somebody may truncate was lost, because somebody truncated the file or its file system is full: zeros that nobody shares are there now.
    #[must_use]
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.0.registration.as_ref().is_some_and(Registration::is_broken)
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether its pages were taken; an empty file cannot be mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len == 0
    }

    /// The 32-bit word at `offset`.
    ///
    /// # Panics
    /// If the word is not inside the mapping, or `offset` is not a multiple of 4.
    #[must_use]
    #[inline]
    pub fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        self.0.atomic_u32(offset)
    }

    /// The 64-bit word at `offset`.
    ///
    /// # Panics
    /// If the word is not inside the mapping, or `offset` is not a multiple of 8.
    #[must_use]
    #[inline]
    pub fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        self.0.atomic_u64(offset)
    }

    /// Copies the bytes from `offset` on into `to`. Bytes that somebody else writes meanwhile arrive in any mixture of old and new.
    ///
    /// # Panics
    /// If the range is not inside the mapping.
    #[inline]
    pub fn copy_out(&self, offset: usize, to: &mut [u8]) {
        self.0.copy_out(offset, to);
    }

    /// Copies `from` to `offset`.
    ///
    /// # Panics
    /// If the range is not inside the mapping.
    #[inline]
    pub fn copy_in(&self, offset: usize, from: &[u8]) {
        let at = self.0.at(offset, from.len());
        // SAFETY: `at` points to `from.len()` mapped, writable bytes (checked by `at`, and the mapping outlives the call); `from` is a live slice.
        unsafe { shared_copy::copy_in(at, from.as_ptr(), from.len()) }
    }

    /// Tells the processor that the cache line at `offset` will soon be written, so that it can be fetched from another core's cache meanwhile. Only a hint; no
    /// page is touched.
    ///
    /// # Panics
    /// If `offset` is not inside the mapping.
    #[inline]
    pub fn expect_write(&self, offset: usize) {
        let at = self.0.at(offset, 1);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: a prefetch accesses nothing that the program can observe and never faults.
        unsafe {
            std::arch::asm!("prefetchw [{at}]", at = in(reg) at, options(nostack, preserves_flags));
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = at;
    }

    /// Tells the processor that the cache line at `offset` will soon be read, so that it can be fetched while others are waited for. Only a hint.
    ///
    /// # Panics
    /// If `offset` is not inside the mapping.
    #[inline]
    pub fn expect_read(&self, offset: usize) {
        let at = self.0.at(offset, 1);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: a prefetch accesses nothing that the program can observe and never faults.
        unsafe {
            std::arch::asm!("prefetcht0 [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
        }
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly));
        }
        #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
        let _ = at;
    }

    /// How many of the pages lie in memory (mincore), for tests and for `ennead top`.
    pub fn resident_pages(&self) -> io::Result<usize> {
        self.0.resident_pages()
    }
}

impl ReadOnlyMapping {
    /// Maps the first `len` bytes of `file`; the caveat of [`Mapping::new`] holds here too.
    pub fn new(file: impl AsFd, len: usize) -> io::Result<Self> {
        Pages::map(file, len, ProtFlags::READ).map(Self)
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Always false: an empty file cannot be mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The 32-bit word at `offset`, for loads and futex waits only: a store faults.
    ///
    /// # Panics
    /// If the word is not inside the mapping, or `offset` is not a multiple of 4.
    #[must_use]
    #[inline]
    pub fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        self.0.atomic_u32(offset)
    }

    /// The 64-bit word at `offset`, for loads only: a store faults.
    ///
    /// # Panics
    /// If the word is not inside the mapping, or `offset` is not a multiple of 8.
    #[must_use]
    #[inline]
    pub fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        self.0.atomic_u64(offset)
    }

    /// Copies the bytes from `offset` on into `to`. Bytes that somebody else writes meanwhile arrive in any mixture of old and new.
    ///
    /// # Panics
    /// If the range is not inside the mapping.
    #[inline]
    pub fn copy_out(&self, offset: usize, to: &mut [u8]) {
        self.0.copy_out(offset, to);
    }
}

/// The pages of either kind.
#[derive(Debug)]
struct Pages {
    /// INVARIANT: the start of `len` mapped bytes, page-aligned, owned by this value alone; nothing is mapped if `len` is 0.
    start: NonNull<u8>,
    len: usize,
    /// How many private bytes are mapped behind, ours too.
    tail: usize,
    /// Where lost pages are to be replaced (see `fault.rs`): only in files that others may truncate.
    registration: Option<Registration>,
}

impl Pages {
    fn map(file: impl AsFd, len: usize, protection: ProtFlags) -> io::Result<Self> {
        if len == 0 || isize::try_from(len).is_err() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: a fresh mapping at an address of the kernel's choice replaces nothing.
        let start =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), len, protection, MapFlags::SHARED, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, len, tail: 0, registration: None })
    }

    fn map_before_private_page(file: impl AsFd, offset: u64, len: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let whole = len.checked_add(page).filter(|whole| isize::try_from(*whole).is_ok());
        let whole =
            whole.filter(|_| len > 0 && len.is_multiple_of(page) && offset.is_multiple_of(page as u64));
        let whole = whole.ok_or(io::ErrorKind::InvalidInput)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice replaces nothing.
        let start = unsafe {
            rustix::mm::mmap_anonymous(std::ptr::null_mut(), whole, protection, MapFlags::PRIVATE)
        }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        // From here on dropped, hence unmapped, on failure.
        let mut pages = Self { start, len, tail: page, registration: None };
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        // SAFETY: replaces the first `len` bytes of the mapping made just now, which nobody else knows of.
        unsafe { rustix::mm::mmap(start.as_ptr().cast(), len, protection, flags, file, offset) }?;
        // SAFETY: the shared part, whole pages of ours; the registration falls before they are unmapped.
        pages.registration = Some(unsafe { Registration::new(start.as_ptr() as usize, len, page, true) }?);
        Ok(pages)
    }

    /// The address of `len` bytes at `offset`, after checking that they are all inside.
    #[inline]
    fn at(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset <= self.len && len <= self.len - offset, "a range outside the mapping");
        // SAFETY: `offset` is at most the mapping's length.
        unsafe { self.start.as_ptr().add(offset) }
    }

    #[inline]
    fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4), "a misaligned word");
        // SAFETY: four mapped bytes, aligned (the start is page-aligned), alive as long as `self`, only ever accessed atomically or by opaque copies.
        unsafe { AtomicU32::from_ptr(self.at(offset, 4).cast()) }
    }

    #[inline]
    fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8), "a misaligned word");
        // SAFETY: eight mapped bytes, aligned (the start is page-aligned), alive as long as `self`, only ever accessed atomically or by opaque copies.
        unsafe { AtomicU64::from_ptr(self.at(offset, 8).cast()) }
    }

    #[inline]
    fn copy_out(&self, offset: usize, to: &mut [u8]) {
        let at = self.at(offset, to.len());
        // SAFETY: `at` points to `to.len()` mapped, readable bytes; `to` is a live, exclusive slice.
        unsafe { shared_copy::copy_out(to.as_mut_ptr(), at, to.len()) }
    }

    fn resident_pages(&self) -> io::Result<usize> {
        let mut pages = vec![0u8; self.len.div_ceil(rustix::param::page_size())];
        // SAFETY: the range is mapped and the vector holds one byte a page.
        let outcome = unsafe { libc::mincore(self.start.as_ptr().cast(), self.len, pages.as_mut_ptr()) };
        if outcome != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(pages.iter().filter(|page| **page & 1 != 0).count())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        self.registration = None;
        // SAFETY: the range was mapped by `map` and nothing borrows from it any more. An error would leave it mapped, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast::<c_void>(), self.len + self.tail) };
    }
}

// SAFETY: the pages are reached through atomics and opaque copies only, from any thread.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::memfd;

    #[test]
    fn copies_of_every_length_and_alignment_arrive() {
        let file = memfd::create_sealed("mapping-test", 8192).unwrap();
        let mapping = Mapping::new(&file, 8192).unwrap();
        let view = ReadOnlyMapping::new(&file, 8192).unwrap();
        let source: Vec<u8> = (0..4096u32).map(|n| (n * 7 + 3) as u8).collect();
        for len in (0..300).chain([511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 3500, 4000]) {
            for shift in 0..17 {
                mapping.copy_in(0, &vec![0xee; len + 64]);
                mapping.copy_in(16 + shift, &source[shift..shift + len]);
                let mut back = vec![0; len + 2];
                view.copy_out(15 + shift, &mut back);
                assert_eq!(&back[1..=len], &source[shift..shift + len], "length {len}, shift {shift}");
                assert_eq!((back[0], back[len + 1]), (0xee, 0xee), "length {len}, shift {shift}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "outside the mapping")]
    fn a_mapping_whose_pages_were_taken_has_none() {
        let file = memfd::create_sealed("mapping-test", 4096).unwrap();
        let mut mapping = Mapping::new(&file, 4096).unwrap();
        let taken = mapping.take();
        taken.atomic_u64(0).store(7, Relaxed);
        assert!(mapping.is_empty() && !taken.is_empty());
        mapping.copy_out(0, &mut [0]);
    }

    #[test]
    fn words_are_shared() {
        let file = memfd::create_sealed("mapping-test", 4096).unwrap();
        let one = Mapping::new(&file, 4096).unwrap();
        let two = ReadOnlyMapping::new(&file, 4096).unwrap();
        one.atomic_u64(4088).store(7, Relaxed);
        assert_eq!(two.atomic_u64(4088).load(Relaxed), 7);
        one.atomic_u32(4).store(9, Relaxed);
        assert_eq!(two.atomic_u32(4).load(Relaxed), 9);
    }

    #[test]
    #[should_panic(expected = "outside the mapping")]
    fn a_word_past_the_end_is_refused() {
        let file = memfd::create_sealed("mapping-test", 4096).unwrap();
        let _ = Mapping::new(&file, 4096).unwrap().atomic_u64(4096);
    }
}
