//! A value that one process writes and many read, without waiting and without tearing: a price, a telemetry page.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

use ennead_sys::plain::{Plain, bytes_of, bytes_of_mut, zeroed};

use crate::error::{During, Operation, Reason, Result, ViewError};
use crate::mapping::Claim;
use crate::view::View;

/// What the cell begins with; the value's two places follow, each a multiple of [`LINE`] bytes.
///
/// | offset | bytes | field, in the machine's byte order |
/// |---|---|---|
/// | 0 | 4 | magic `SEQ1`; 0 in a cell that nobody has written |
/// | 4 | 4 | the value's size in bytes |
/// | 8 | 8 | how often it was written; the newest value is in place `count % 2` |
const HEAD: usize = LINE;
const LINE: usize = 64;
const MAGIC: u32 = u32::from_ne_bytes(*b"SEQ1");
const COUNT: usize = 8;

/// A place in a view that holds a value of one writer's, for any number of readers.
///
/// Two copies, and a counter that says which is the newer one: the writer changes the other one, then counts. So a reader always finds a whole value, also when
/// the writer was killed in the middle of the next one, and neither ever waits. A reader that meets two writes during one copy copies again. The cell takes [`SeqCell::size`] bytes.
///
/// ```
/// use ennead_mapping::{MappingOptions, SeqCell, ViewAccess};
/// # use std::sync::Arc;
///
/// let board = MappingOptions::memory(4096).create_unnamed()?;
/// let view = Arc::new(board.view(ViewAccess::Write)?);
/// let cell = SeqCell::<[u32; 16]>::new(&view, 0)?;
/// let mut writer = cell.writer()?;
/// writer.write(&[7; 16])?;
/// assert_eq!(cell.read()?, [7; 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SeqCell<T> {
    view: Arc<View>,
    offset: usize,
    of: PhantomData<fn() -> T>,
}

/// The right to write a cell, which one writer has at a time, in whatever process; it falls with this value, or with the process.
pub struct SeqWriter<T> {
    cell: SeqCell<T>,
    count: u64,
    _claim: Claim,
}

impl<T: Plain> SeqCell<T> {
    /// How many bytes a cell takes.
    #[must_use]
    pub const fn size() -> usize {
        HEAD + 2 * size_of::<T>().next_multiple_of(LINE)
    }

    /// The cell at `offset` of a view, a multiple of 64: zeros are a cell whose value is all zeros.
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER: not within the view, or askew; ERROR_INVALID_DATA: a cell of values of another size, or something else, is there.
    pub fn new(view: &Arc<View>, offset: usize) -> Result<Self> {
        Self::at(view, offset).during(Operation::Part)
    }

    fn at(view: &Arc<View>, offset: usize) -> std::result::Result<Self, Reason> {
        let fits = view.len().checked_sub(offset).is_some_and(|rest| rest >= Self::size());
        if !fits || !offset.is_multiple_of(LINE) || u32::try_from(size_of::<T>()).is_err() {
            return Err(Reason::Parameter("the cell does not fit the view at that offset"));
        }
        let magic = view.load::<AtomicU32>(offset)?;
        let size = view.load::<AtomicU32>(offset + 4)?;
        if (magic, size) != (0, 0) && (magic, size as usize) != (MAGIC, size_of::<T>()) {
            return Err(Reason::Damaged("what lies there is no such cell"));
        }
        Ok(Self { view: Arc::clone(view), offset, of: PhantomData })
    }

    /// The newest value. Never blocks; copies again where the writer was faster.
    ///
    /// # Errors
    /// [`ViewError::Broken`], [`ViewError::NotCommitted`].
    #[inline]
    pub fn read(&self) -> std::result::Result<T, ViewError> {
        self.read_counted().map(|(value, _)| value)
    }

    /// The newest value, and how often the cell had been written by then: who remembers that sees whether something is new.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    #[inline]
    pub fn read_counted(&self) -> std::result::Result<(T, u64), ViewError> {
        let mut value = zeroed();
        let count = self.read_into(&mut value)?;
        Ok((value, count))
    }

    /// Reads the newest value to where it is wanted, without a further copy, and says how often the cell had been written by then.
    ///
    /// # Errors
    /// As for [`read`](Self::read); then `value` means nothing.
    #[inline]
    pub fn read_into(&self, value: &mut T) -> std::result::Result<u64, ViewError> {
        let mut count = self.count()?;
        loop {
            self.view.read(self.place(count), bytes_of_mut(value))?;
            // The copy is done before the counter is looked at again.
            fence(Acquire);
            let now = self.count()?;
            if now == count {
                return Ok(count);
            }
            count = now;
        }
    }

    /// How often it was written.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    #[inline]
    pub fn count(&self) -> std::result::Result<u64, ViewError> {
        self.view.load::<AtomicU64>(self.offset + COUNT)
    }

    /// The right to write.
    ///
    /// # Errors
    /// ERROR_BUSY: somebody has it; ERROR_NOACCESS: the view is for reading only; else what the system says.
    pub fn writer(&self) -> Result<SeqWriter<T>> {
        self.claim_writer().during(Operation::Part)
    }

    fn claim_writer(&self) -> std::result::Result<SeqWriter<T>, Reason> {
        let word = |at| self.view.atomic::<AtomicU32>(self.offset + at);
        let (magic, size) = (word(0)?, word(4)?);
        let claimed = self.view.claim(self.offset).map_err(Reason::system("take the writer's lock"))?;
        let claim = claimed.ok_or(Reason::Taken("another writer has the cell"))?;
        // INVARIANT: it fitted 32 bits when the cell was made.
        size.store(size_of::<T>() as u32, Relaxed);
        magic.store(MAGIC, Release);
        let cell = Self { view: Arc::clone(&self.view), offset: self.offset, of: PhantomData };
        Ok(SeqWriter { count: cell.count()?, cell, _claim: claim })
    }

    #[inline]
    fn place(&self, count: u64) -> usize {
        self.offset + HEAD + (count % 2) as usize * size_of::<T>().next_multiple_of(LINE)
    }
}

impl<T: Plain> SeqWriter<T> {
    /// Makes this the newest value. Never blocks.
    ///
    /// # Errors
    /// [`ViewError::Broken`], [`ViewError::NotCommitted`]: nobody sees it.
    #[inline]
    pub fn write(&mut self, value: &T) -> std::result::Result<(), ViewError> {
        let next = self.count.wrapping_add(1);
        // What readers of this place saw is older than the last count, which they look at after they copied.
        fence(Release);
        self.cell.view.write(self.cell.place(next), bytes_of(value))?;
        self.cell.view.atomic::<AtomicU64>(self.cell.offset + COUNT)?.store(next, Release);
        self.count = next;
        if self.cell.view.is_broken() { Err(ViewError::Broken) } else { Ok(()) }
    }

    /// The cell.
    #[must_use]
    pub fn cell(&self) -> &SeqCell<T> {
        &self.cell
    }
}

impl<T> Clone for SeqCell<T> {
    fn clone(&self) -> Self {
        Self { view: Arc::clone(&self.view), offset: self.offset, of: PhantomData }
    }
}

impl<T> fmt::Debug for SeqCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqCell").field("view", &self.view).field("offset", &self.offset).finish()
    }
}

impl<T> fmt::Debug for SeqWriter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeqWriter").field("cell", &self.cell).field("count", &self.count).finish()
    }
}
