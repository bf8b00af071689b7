//! Views: parts of files mapped at an offset, shared or copied on writing, that survive what happens to their files.
//!
//! The bytes of a view may change at any instant, so no Rust reference to them ever exists, other than to atomics. Every access is checked, and one that meets a lost page
//! (truncated, no room, broken disk) ends in [`AccessError::Broken`]; see `fault.rs` for how.

#![allow(unsafe_code, reason = "maps memory and hands out atomics in it")]

use std::error::Error;
use std::ffi::c_void;
use std::fmt;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64,
};

use rustix::mm::{MapFlags, MsyncFlags, ProtFlags};

use crate::fault::Registration;
use crate::plain::Plain;
use crate::shared_copy;

/// What may be done through a view, and where its stores go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Loads only.
    Read,
    /// Loads and stores that everybody sees.
    ReadWrite,
    /// Loads, and stores that only this view sees.
    CopyOnWrite,
}

/// How a view is mapped.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What it is for.
    pub mode: Mode,
    /// Whether its bytes may be run as code.
    pub execute: bool,
    /// Where it has to begin, a multiple of its page size; the kernel's choice if not said.
    pub address: Option<NonZeroAddress>,
    /// Its page size in bytes where that is not the system's: a file of huge pages.
    pub page: Option<usize>,
}

/// An address to map at.
pub type NonZeroAddress = std::num::NonZeroUsize;

impl Request {
    /// Just this mode.
    #[must_use]
    pub const fn new(mode: Mode) -> Self {
        Self { mode, execute: false, address: None, page: None }
    }
}

/// An access that did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessError {
    /// The bytes are not all within the view.
    OutOfBounds,
    /// The address is not a multiple of the word's size.
    Misaligned,
    /// The view is for reading only.
    ReadOnly,
    /// A page of the view was lost: its file was truncated, had no room, or could not be read. Zeros are in its place, for this view only, and for good.
    Broken,
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfBounds => "the bytes are not within the view",
            Self::Misaligned => "the offset is not a multiple of the word's size",
            Self::ReadOnly => "the view is for reading only",
            Self::Broken => {
                "a page of the view was lost: the file was truncated, had no room, or could not be read"
            }
        })
    }
}

impl Error for AccessError {}

/// A mapped part of a file. Unmapped on drop.
#[derive(Debug)]
pub struct View {
    /// Declared first, dropped first: no handler may map over a range that is not ours any more.
    registration: Registration,
    /// INVARIANT: the start of at least `len` mapped bytes that belong to this value alone.
    range: Mapped,
    len: usize,
    mode: Mode,
}

#[derive(Debug)]
struct Mapped {
    start: NonNull<u8>,
    len: usize,
}

impl View {
    /// Maps `len` bytes of `file` from `offset`, a multiple of the page size. The file need not be that long: a byte past its end reads as lost.
    ///
    /// # Errors
    /// `InvalidInput` for no bytes, more than the address space or an unaligned offset, else what the system says: `AlreadyExists` where the asked-for address is
    /// in use.
    pub fn map(file: impl AsFd, offset: u64, len: usize, request: Request) -> io::Result<Self> {
        let page = request.page.unwrap_or_else(rustix::param::page_size);
        let whole = len.checked_next_multiple_of(page).filter(|&whole| isize::try_from(whole).is_ok());
        let Some(whole) = whole.filter(|_| len > 0) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let mut protection = ProtFlags::READ;
        let mut flags = MapFlags::SHARED;
        match request.mode {
            Mode::Read => {}
            Mode::ReadWrite => protection |= ProtFlags::WRITE,
            Mode::CopyOnWrite => {
                protection |= ProtFlags::WRITE;
                flags = MapFlags::PRIVATE;
            }
        }
        if request.execute {
            protection |= ProtFlags::EXEC;
        }
        let wanted = match request.address {
            Some(address) => {
                flags |= MapFlags::FIXED_NOREPLACE;
                ptr::with_exposed_provenance_mut::<c_void>(address.get())
            }
            None => ptr::null_mut(),
        };
        // SAFETY: a fresh mapping, which replaces nothing: the kernel chooses the address or refuses one that is in use.
        let start = unsafe { rustix::mm::mmap(wanted, whole, protection, flags, file, offset) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let range = Mapped { start, len: whole };
        // SAFETY: the range was just mapped, is a multiple of its pages, belongs to us, and is unmapped only after the registration fell.
        let registration =
            unsafe { Registration::new(start.as_ptr() as usize, whole, page, request.mode != Mode::Read) }?;
        Ok(Self { registration, range, len, mode: request.mode })
    }

    /// The length in bytes, as asked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: no bytes cannot be mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// What it is for.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Where it begins. What lies there may change at any instant, and may be lost: a dereference of one's own does not say so.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.range.start.as_ptr()
    }

    /// Whether a page was lost.
    #[inline]
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.registration.is_broken()
    }

    /// Copies the bytes from `offset` on into `to`. Bytes that somebody else writes meanwhile arrive in any mixture of old and new.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`], or [`AccessError::Broken`], when what is in `to` means nothing.
    #[inline]
    pub fn copy_out(&self, offset: usize, to: &mut [u8]) -> Result<(), AccessError> {
        let at = self.at(offset, to.len())?;
        // SAFETY: `at` points to `to.len()` mapped, readable bytes; `to` is a live, exclusive slice.
        unsafe { shared_copy::copy_out(to.as_mut_ptr(), at, to.len()) };
        self.intact()
    }

    /// A copy of the value at `offset`, aligned or not.
    ///
    /// # Errors
    /// As for [`Self::copy_out`].
    #[inline]
    pub fn get<T: Plain>(&self, offset: usize) -> Result<T, AccessError> {
        let mut value = MaybeUninit::<T>::uninit();
        let at = self.at(offset, size_of::<T>())?;
        // SAFETY: `at` points to mapped, readable bytes of the value's size, all of which are written to the value's own place.
        unsafe { shared_copy::copy_out(value.as_mut_ptr().cast(), at, size_of::<T>()) };
        self.intact()?;
        // SAFETY: every byte was written, and any bytes are a value.
        Ok(unsafe { value.assume_init() })
    }

    /// Copies `from` to `offset`.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`], [`AccessError::ReadOnly`], or [`AccessError::Broken`], when some of the bytes are lost.
    #[inline]
    pub fn copy_in(&self, offset: usize, from: &[u8]) -> Result<(), AccessError> {
        self.writable()?;
        let at = self.at(offset, from.len())?;
        // SAFETY: `at` points to `from.len()` mapped, writable bytes; `from` is a live slice.
        unsafe { shared_copy::copy_in(at, from.as_ptr(), from.len()) };
        self.intact()
    }

    /// The word at `offset`, for loads and stores. A word on a page that is lost later reads as zero, and [`View::is_broken`] then says so.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`], [`AccessError::Misaligned`], or [`AccessError::ReadOnly`]: see [`View::load`].
    #[inline]
    pub fn atomic<A: Atomic>(&self, offset: usize) -> Result<&A, AccessError> {
        self.writable()?;
        self.word(offset)
    }

    /// The value of the word at `offset`, loaded with acquire ordering; for views of any mode.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`], [`AccessError::Misaligned`] or [`AccessError::Broken`].
    #[inline]
    pub fn load<A: Atomic>(&self, offset: usize) -> Result<A::Value, AccessError> {
        let value = self.word::<A>(offset)?.load_acquire();
        self.intact()?;
        Ok(value)
    }

    /// The 32-bit word at `offset` for a futex wait, which only loads: for views of any mode.
    ///
    /// # Errors
    /// [`AccessError::OutOfBounds`] or [`AccessError::Misaligned`].
    pub fn wait_word(&self, offset: usize) -> Result<WaitWord<'_>, AccessError> {
        self.word(offset).map(WaitWord)
    }

    /// Has the changed pages of a range written to the file's storage, and waits for that; neither the file's metadata nor what the disk holds in a cache of
    /// its own. `file` is the file that is mapped, `file_offset` where the view begins in it.
    ///
    /// # Errors
    /// `InvalidInput` for bytes that are not within the view, else what the system says.
    pub fn flush(&self, file: &File, file_offset: u64, range: Range<usize>) -> io::Result<()> {
        let len = range.end.checked_sub(range.start).ok_or(io::ErrorKind::InvalidInput)?;
        self.at(range.start, len).map_err(|_| io::ErrorKind::InvalidInput)?;
        if self.mode != Mode::ReadWrite || len == 0 {
            return Ok(());
        }
        if sync_file_range(file, file_offset + range.start as u64, len as u64).is_ok() {
            return Ok(());
        }
        // A file system that cannot do just that does more.
        let page = rustix::param::page_size();
        let start = range.start - range.start % page;
        // SAFETY: a page-aligned range of our own mapping; writing it out changes nothing that a reference sees.
        unsafe {
            let at = self.range.start.as_ptr().add(start).cast();
            rustix::mm::msync(at, range.end - start, MsyncFlags::SYNC)
        }?;
        Ok(())
    }

    /// How many of the view's pages lie in memory (mincore).
    ///
    /// # Errors
    /// What the system says.
    pub fn resident_pages(&self) -> io::Result<usize> {
        let mut pages = vec![0u8; self.range.len.div_ceil(rustix::param::page_size())];
        // SAFETY: the range is mapped and the vector holds one byte a page.
        let outcome =
            unsafe { libc::mincore(self.range.start.as_ptr().cast(), self.range.len, pages.as_mut_ptr()) };
        if outcome != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(pages.iter().filter(|page| **page & 1 != 0).count())
    }

    #[inline]
    fn writable(&self) -> Result<(), AccessError> {
        if self.mode == Mode::Read { Err(AccessError::ReadOnly) } else { Ok(()) }
    }

    #[inline]
    fn intact(&self) -> Result<(), AccessError> {
        if self.is_broken() { Err(AccessError::Broken) } else { Ok(()) }
    }

    #[inline]
    fn at(&self, offset: usize, len: usize) -> Result<*mut u8, AccessError> {
        if offset > self.len || len > self.len - offset {
            return Err(AccessError::OutOfBounds);
        }
        // SAFETY: `offset` is at most the view's length.
        Ok(unsafe { self.range.start.as_ptr().add(offset) })
    }

    #[inline]
    fn word<A: Atomic>(&self, offset: usize) -> Result<&A, AccessError> {
        let at = self.at(offset, size_of::<A>())?;
        if !offset.is_multiple_of(align_of::<A>()) {
            return Err(AccessError::Misaligned);
        }
        // SAFETY: mapped bytes of the word's size, aligned (the start is page-aligned), alive as long as `self`, only ever accessed atomically or by opaque copies. The
        // trait is sealed: atomics of integers only, for which any bytes are a value. Callers that hand it out allow stores in writable views only.
        Ok(unsafe { &*at.cast::<A>() })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `View::map` and nothing borrows from it any more. An error would leave it mapped, which is harmless.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast::<c_void>(), self.len) };
    }
}

// SAFETY: the pages are reached through atomics and opaque copies only, from any thread.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

/// A word of a view that may be read and waited for, but not changed.
#[derive(Clone, Copy, Debug)]
pub struct WaitWord<'a>(&'a AtomicU32);

impl WaitWord<'_> {
    /// Its value, with acquire ordering.
    #[must_use]
    pub fn load(self) -> u32 {
        self.0.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Sleeps while it is `expected`, until somebody wakes it or `deadline` passes; as [`crate::futex::wait`] on a shared word.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait(
        self,
        expected: u32,
        deadline: Option<std::time::Instant>,
    ) -> io::Result<crate::futex::Woken> {
        crate::futex::wait(self.0, expected, crate::futex::Scope::Shared, deadline)
    }
}

/// The atomic integers that a view can hand out. Sealed.
pub trait Atomic: sealed::Sealed + 'static {
    /// The integer.
    type Value: Copy;
    #[doc(hidden)]
    fn load_acquire(&self) -> Self::Value;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! atomics {
    ($($atomic:ty = $value:ty),* $(,)?) => {$(
        impl sealed::Sealed for $atomic {}
        impl Atomic for $atomic {
            type Value = $value;
            #[inline]
            fn load_acquire(&self) -> $value {
                self.load(std::sync::atomic::Ordering::Acquire)
            }
        }
    )*};
}

atomics!(
    AtomicU8 = u8,
    AtomicU16 = u16,
    AtomicU32 = u32,
    AtomicU64 = u64,
    AtomicI8 = i8,
    AtomicI16 = i16,
    AtomicI32 = i32,
    AtomicI64 = i64,
);

fn sync_file_range(file: &File, offset: u64, len: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let (offset, len) = (i64::try_from(offset).map_err(invalid)?, i64::try_from(len).map_err(invalid)?);
    let flags =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    // SAFETY: takes a descriptor that is open for the call, and integers.
    if unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, flags) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests;
