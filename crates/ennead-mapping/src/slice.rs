//! Parts of a view with a length and, if they like, a type.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use ennead_sys::plain::Plain;

use crate::error::ViewError;
use crate::view::View;

/// Bytes of a view that others may change at any instant.
#[derive(Clone, Copy, Debug)]
pub struct VolatileSlice<'v> {
    view: &'v View,
    start: usize,
    len: usize,
}

impl<'v> VolatileSlice<'v> {
    pub(crate) fn new(view: &'v View, range: Range<usize>) -> Result<Self, ViewError> {
        if range.start > range.end || range.end > view.len() {
            return Err(ViewError::OutOfBounds);
        }
        Ok(Self { view, start: range.start, len: range.end - range.start })
    }

    /// How many bytes.
    #[must_use]
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// A part of it.
    ///
    /// # Errors
    /// [`ViewError::OutOfBounds`].
    pub fn slice(self, range: Range<usize>) -> Result<Self, ViewError> {
        if range.start > range.end || range.end > self.len {
            return Err(ViewError::OutOfBounds);
        }
        Ok(Self { start: self.start + range.start, len: range.end - range.start, ..self })
    }

    /// Copies bytes out, from `at` in the slice.
    ///
    /// # Errors
    /// As for [`View::read`].
    pub fn read(self, at: usize, to: &mut [u8]) -> Result<(), ViewError> {
        let start = self.within(at, to.len())?;
        self.view.read(start, to)
    }

    /// Copies bytes in, to `at` in the slice.
    ///
    /// # Errors
    /// As for [`View::write`].
    pub fn write(self, at: usize, from: &[u8]) -> Result<(), ViewError> {
        let start = self.within(at, from.len())?;
        self.view.write(start, from)
    }

    /// Sets every byte.
    ///
    /// # Errors
    /// As for [`View::write`].
    pub fn fill(self, byte: u8) -> Result<(), ViewError> {
        let piece = vec![byte; self.len.min(4096)];
        let mut at = 0;
        while at < self.len {
            let len = piece.len().min(self.len - at);
            self.write(at, &piece[..len])?;
            at += len;
        }
        Ok(())
    }

    /// A private copy of all of it.
    ///
    /// # Errors
    /// As for [`View::read`].
    pub fn to_vec(self) -> Result<Vec<u8>, ViewError> {
        self.view.to_vec(self.start, self.len)
    }

    fn within(self, at: usize, len: usize) -> Result<usize, ViewError> {
        if at > self.len || len > self.len - at {
            return Err(ViewError::OutOfBounds);
        }
        Ok(self.start + at)
    }
}

/// Values of one type in a view, one behind the other, that others may change at any instant. Each is copied out and in whole; whether another sees half of a change is for a
/// mutex to decide, or for [`View::atomic`].
pub struct SharedSlice<'v, T> {
    bytes: VolatileSlice<'v>,
    count: usize,
    of: PhantomData<T>,
}

impl<'v, T: Plain> SharedSlice<'v, T> {
    pub(crate) fn new(view: &'v View, offset: usize, count: usize) -> Result<Self, ViewError> {
        let len = count.checked_mul(size_of::<T>()).ok_or(ViewError::OutOfBounds)?;
        let end = offset.checked_add(len).ok_or(ViewError::OutOfBounds)?;
        Ok(Self { bytes: VolatileSlice::new(view, offset..end)?, count, of: PhantomData })
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A copy of a value.
    ///
    /// # Errors
    /// As for [`View::read`].
    pub fn get(&self, index: usize) -> Result<T, ViewError> {
        self.bytes.view.get(self.at(index)?)
    }

    /// Puts a value.
    ///
    /// # Errors
    /// As for [`View::write`].
    pub fn set(&self, index: usize, value: &T) -> Result<(), ViewError> {
        self.bytes.view.put(self.at(index)?, value)
    }

    /// Copies of all, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, ViewError>> + '_ {
        (0..self.count).map(|index| self.get(index))
    }

    fn at(&self, index: usize) -> Result<usize, ViewError> {
        if index >= self.count {
            return Err(ViewError::OutOfBounds);
        }
        Ok(self.bytes.start + index * size_of::<T>())
    }
}

impl<T> Clone for SharedSlice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedSlice<'_, T> {}

impl<T> fmt::Debug for SharedSlice<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSlice").field("bytes", &self.bytes).field("count", &self.count).finish()
    }
}
