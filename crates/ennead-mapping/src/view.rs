//! Views: the part of the address space through which a process uses a file mapping.
//!
//! Page: [Creating a File View](https://learn.microsoft.com/windows/win32/memory/creating-a-file-view).

mod options;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ennead_security::AccessMask;
use ennead_sys::plain::{Plain, bytes_of};
use ennead_sys::robust::RobustWord;
use ennead_sys::view::{self, Mode, Request};
use ennead_sys::{file, memory};

pub use ennead_sys::view::Atomic;

pub use self::options::ViewOptions;

use crate::commit::CommitMap;
use crate::create::{promise, shortage};
use crate::error::{During, Operation, Reason, Result, ViewError};
use crate::layout::{COMMIT_UNIT, GRANULARITY};
use crate::mapping::{Claim, Inner};
use crate::rights::{READ, WRITE};
use crate::{Cursor, SharedSlice, ViewAccess, VolatileSlice};

/// A view of a file mapping. It keeps the object, and so its name, alive; dropping it unmaps it (`UnmapViewOfFile`).
///
/// Bytes are copied, words are atomics: see the crate's documentation. Offsets count from the view's beginning. Several views of one object, in one process or many,
/// show the same bytes, and so do `read` and `write` on the file itself: Linux keeps both in the same pages, which Windows does not promise.
#[derive(Debug)]
pub struct View {
    // Declared first, dropped first: nothing is unmapped after the name was let go.
    view: view::View,
    commit: Option<CommitMap>,
    access: ViewAccess,
    /// Where it begins in the file mapping.
    offset: u64,
    inner: Arc<Inner>,
}

impl View {
    pub(crate) fn map(
        inner: &Arc<Inner>,
        granted: AccessMask,
        options: &ViewOptions,
    ) -> std::result::Result<Self, Reason> {
        let granularity = inner.huge().map_or(GRANULARITY, |huge| huge as u64);
        let address_is_askew =
            options.address.is_some_and(|address| !(address.get() as u64).is_multiple_of(granularity));
        if !options.offset.is_multiple_of(granularity) || address_is_askew {
            return Err(Reason::Alignment);
        }
        let rest = inner.size.checked_sub(options.offset).filter(|&rest| rest > 0);
        let rest = rest.ok_or(Reason::ViewSize)?;
        let len = if options.len == 0 { rest } else { options.len as u64 };
        if len > rest {
            return Err(Reason::ViewSize);
        }
        if inner.huge().is_some() && !len.is_multiple_of(granularity) {
            return Err(Reason::Parameter("the length must be a multiple of the large page's"));
        }
        check_access(inner, granted, options)?;
        let too_big = || Reason::TooBig("the view does not fit the address space");
        let len = usize::try_from(len).map_err(|_| too_big())?;
        let mode = match options.access {
            ViewAccess::Read => Mode::Read,
            ViewAccess::Write => Mode::ReadWrite,
            ViewAccess::Copy => Mode::CopyOnWrite,
        };
        let request =
            Request { mode, execute: options.execute, address: options.address, page: inner.huge() };
        let at = inner.file_offset(options.offset);
        let view = view::View::map(inner.file(), at, len, request).map_err(|source| {
            use std::io::ErrorKind::{AlreadyExists, InvalidInput, OutOfMemory, PermissionDenied};
            match source.kind() {
                AlreadyExists => Reason::AddressInUse,
                OutOfMemory | InvalidInput => too_big(),
                PermissionDenied => Reason::Denied("the file system does not allow such a view"),
                _ => Reason::System { step: "map the view", source },
            }
        })?;
        let commit = inner.commit_map(granted.intersects(WRITE))?;
        Ok(Self { view, commit, access: options.access, offset: options.offset, inner: Arc::clone(inner) })
    }

    /// The length in bytes.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Always false: there is no view of nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Where it begins in the file mapping, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What it is mapped for.
    #[must_use]
    pub fn access(&self) -> ViewAccess {
        self.access
    }

    /// Where it begins in this process's memory, for code that needs a pointer. What it reads there may change at any instant, and be zeros in place of a lost page,
    /// of which only [`is_broken`](Self::is_broken) tells.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.view.as_ptr()
    }

    /// Whether a page of this view was lost ([`ViewError::Broken`]).
    #[must_use]
    #[inline]
    pub fn is_broken(&self) -> bool {
        self.view.is_broken()
    }

    /// Copies the bytes from `offset` on into `to`. Of bytes that somebody else writes meanwhile some are old and some new.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`], [`ViewError::NotCommitted`], or [`ViewError::Broken`]: then what is in `to` means nothing.
    #[inline]
    pub fn read(&self, offset: usize, to: &mut [u8]) -> std::result::Result<(), ViewError> {
        self.committed(offset, to.len())?;
        self.view.copy_out(offset, to).map_err(|error| self.failed(error))
    }

    /// Copies `from` to `offset`.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`], [`ViewError::ReadOnly`], [`ViewError::NotCommitted`], or [`ViewError::Broken`]: then some of the bytes are lost.
    #[inline]
    pub fn write(&self, offset: usize, from: &[u8]) -> std::result::Result<(), ViewError> {
        self.committed(offset, from.len())?;
        self.view.copy_in(offset, from).map_err(|error| self.failed(error))
    }

    /// A private copy of `len` bytes.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn to_vec(&self, offset: usize, len: usize) -> std::result::Result<Vec<u8>, ViewError> {
        if offset > self.len() || len > self.len() - offset {
            return Err(ViewError::OutOfBounds);
        }
        let mut bytes = vec![0; len];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// A copy of the value at `offset`, which need not be aligned.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    #[inline]
    pub fn get<T: Plain>(&self, offset: usize) -> std::result::Result<T, ViewError> {
        self.committed(offset, size_of::<T>())?;
        self.view.get(offset).map_err(|error| self.failed(error))
    }

    /// Puts a value at `offset`, which need not be aligned.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    #[inline]
    pub fn put<T: Plain>(&self, offset: usize, value: &T) -> std::result::Result<(), ViewError> {
        self.write(offset, bytes_of(value))
    }

    /// The word at `offset` as an atomic, for views that may be written: `AtomicU8` to `AtomicI64`. On a page that is lost later it reads as zero, and
    /// [`is_broken`](Self::is_broken) says so.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`], [`ViewError::Misaligned`], [`ViewError::NotCommitted`], or [`ViewError::ReadOnly`]: see [`load`](Self::load).
    #[inline]
    pub fn atomic<A: Atomic>(&self, offset: usize) -> std::result::Result<&A, ViewError> {
        self.committed(offset, size_of::<A>())?;
        Ok(self.view.atomic(offset)?)
    }

    /// The value of the word at `offset`, with acquire ordering; for views of any access.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`], [`ViewError::Misaligned`], [`ViewError::NotCommitted`] or [`ViewError::Broken`].
    #[inline]
    pub fn load<A: Atomic>(&self, offset: usize) -> std::result::Result<A::Value, ViewError> {
        self.committed(offset, size_of::<A>())?;
        self.view.load::<A>(offset).map_err(|error| self.failed(error))
    }

    /// Bytes that several may change, as one thing with a length.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`].
    pub fn bytes(&self, range: Range<usize>) -> std::result::Result<VolatileSlice<'_>, ViewError> {
        VolatileSlice::new(self, range)
    }

    /// `count` values of one type, one behind the other from `offset`.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`].
    pub fn values<T: Plain>(
        &self,
        offset: usize,
        count: usize,
    ) -> std::result::Result<SharedSlice<'_, T>, ViewError> {
        SharedSlice::new(self, offset, count)
    }

    /// A position in the view that reads, writes and seeks as a file does.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self)
    }

    /// Has the changed pages of a range written to the file's storage, and waits until the device has them (`FlushViewOfFile`). Neither the file's metadata nor
    /// what a disk keeps in a cache of its own: that is [`FileMapping::flush_file`](crate::FileMapping::flush_file). Nothing to do for memory and for views that are not written.
    ///
    /// Page: [FlushViewOfFile](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-flushviewoffile).
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER: not within the view; else what the system says.
    pub fn flush(&self, range: Range<usize>) -> Result<()> {
        let at = self.inner.file_offset(self.offset);
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::InvalidInput => Reason::View(ViewError::OutOfBounds),
            _ => Reason::System { step: "write the pages", source },
        };
        self.view.flush(self.inner.file(), at, range).map_err(failed).during(Operation::Flush)
    }

    /// Commits the pages that hold `range` (`VirtualAlloc` with `MEM_COMMIT` in a view of reserved memory), for all views at once and for good. Pages that are committed
    /// already stay as they are. Nothing to do where nothing was reserved.
    ///
    /// # Errors
    /// - ERROR_COMMITMENT_LIMIT: the system has not so much memory;
    /// - ERROR_INVALID_PARAMETER: not within the view;
    /// - ERROR_ACCESS_DENIED: the handle was not opened for writing.
    pub fn commit(&self, range: Range<usize>) -> Result<()> {
        self.commit_range(range).during(Operation::Commit)
    }

    fn commit_range(&self, range: Range<usize>) -> std::result::Result<(), Reason> {
        if range.start > range.end || range.end > self.len() {
            return Err(ViewError::OutOfBounds.into());
        }
        let Some(map) = &self.commit else { return Ok(()) };
        if range.is_empty() {
            return Ok(());
        }
        // Whole pages, of the system's size where that is the larger one.
        let unit = COMMIT_UNIT.max(memory::page() as u64);
        let (from, to) = (self.offset + range.start as u64, self.offset + range.end as u64);
        let from = from - from % unit;
        let to = to.next_multiple_of(unit).min(self.inner.size);
        if map.covers(from..to)? {
            return Ok(());
        }
        promise(to - from)?;
        file::allocate_range(self.inner.file(), self.inner.file_offset(from), to - from).map_err(
            |source| match source.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    Reason::Denied("only a handle for writing can commit pages")
                }
                _ if source.raw_os_error() == Some(BAD_DESCRIPTOR) => {
                    Reason::Denied("only a handle for writing can commit pages")
                }
                _ => shortage("set memory aside")(source),
            },
        )?;
        match map.set(from..to) {
            Err(ViewError::ReadOnly) => Err(Reason::Denied("only a handle for writing can commit pages")),
            other => Ok(other?),
        }
    }

    /// The state of the page at `offset`, and where the run of pages that are like it ends in the view (`VirtualQuery`): whether committed.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`].
    pub fn committed_run(&self, offset: usize) -> std::result::Result<(bool, usize), ViewError> {
        if offset >= self.len() {
            return Err(ViewError::OutOfBounds);
        }
        let Some(map) = &self.commit else { return Ok((true, self.len())) };
        let (committed, end) = map.run(self.offset + offset as u64, self.offset + self.len() as u64)?;
        // Within the view, so it fits.
        Ok((committed, (end - self.offset) as usize))
    }

    /// How many of the view's pages lie in memory.
    ///
    /// # Errors
    /// What the system says.
    pub fn resident_pages(&self) -> Result<usize> {
        self.view
            .resident_pages()
            .map_err(Reason::system("ask for the pages in memory"))
            .during(Operation::Map)
    }

    /// Has a place for this process alone; see [`Inner::claim`].
    pub(crate) fn claim(&self, offset: usize) -> std::io::Result<Option<Claim>> {
        self.inner.claim(self.offset + offset as u64)
    }

    /// Whether stores are seen by all.
    pub(crate) fn is_shared_for_writing(&self) -> bool {
        self.view.mode() == Mode::ReadWrite
    }

    /// The mutex in the last bytes of some of the view's pages.
    pub(crate) fn robust_word(&self, offset: usize, len: usize) -> std::result::Result<RobustWord, Reason> {
        let at = self.inner.file_offset(self.offset + offset as u64);
        RobustWord::map(self.inner.file(), at, len).map_err(Reason::system("map the mutex"))
    }

    #[inline]
    fn committed(&self, offset: usize, len: usize) -> std::result::Result<(), ViewError> {
        match &self.commit {
            None => Ok(()),
            Some(map) => self.covered(map, offset, len),
        }
    }

    #[cold]
    fn covered(&self, map: &CommitMap, offset: usize, len: usize) -> std::result::Result<(), ViewError> {
        if offset > self.len() || len > self.len() - offset {
            return Err(ViewError::OutOfBounds);
        }
        let from = self.offset + offset as u64;
        if map.covers(from..from + len as u64)? { Ok(()) } else { Err(ViewError::NotCommitted) }
    }

    #[cold]
    fn failed(&self, error: view::AccessError) -> ViewError {
        if error == view::AccessError::Broken {
            self.inner.broken.store(true, Relaxed);
        }
        error.into()
    }
}

/// EBADF: the descriptor is not open for writing.
const BAD_DESCRIPTOR: i32 = 9;

fn check_access(
    inner: &Inner,
    granted: AccessMask,
    options: &ViewOptions,
) -> std::result::Result<(), Reason> {
    let needed = options.access.needs(options.execute);
    // FILE_MAP_WRITE "allows mapping of read-only, copy-on-write, or read/write views".
    let has = if granted.intersects(WRITE) { granted | READ } else { granted };
    if !has.contains(needed) {
        return Err(Reason::Denied("the handle was not opened for such a view"));
    }
    let allowed = match options.access {
        ViewAccess::Write => inner.protection.is_writable(),
        ViewAccess::Read | ViewAccess::Copy => true,
    };
    if !allowed || options.execute && !inner.protection.is_executable() {
        return Err(Reason::Parameter("the file mapping's protection does not allow such a view"));
    }
    Ok(())
}
