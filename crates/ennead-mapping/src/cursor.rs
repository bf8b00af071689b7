//! A view as a stream.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::view::View;

/// A position in a view. Reading ends at the view's end; a write that would go past it is cut short there.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'v> {
    view: &'v View,
    at: usize,
}

impl<'v> Cursor<'v> {
    pub(crate) fn new(view: &'v View) -> Self {
        Self { view, at: 0 }
    }

    fn room(&self, wanted: usize) -> usize {
        wanted.min(self.view.len().saturating_sub(self.at))
    }
}

impl Read for Cursor<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let len = self.room(to.len());
        if len > 0 {
            self.view.read(self.at, &mut to[..len])?;
        }
        self.at += len;
        Ok(len)
    }
}

impl Write for Cursor<'_> {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let len = self.room(from.len());
        if len > 0 {
            self.view.write(self.at, &from[..len])?;
        }
        self.at += len;
        Ok(len)
    }

    /// Nothing to do: every view sees it already. [`View::flush`] is for the disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => i128::from(at),
            SeekFrom::End(by) => self.view.len() as i128 + i128::from(by),
            SeekFrom::Current(by) => self.at as i128 + i128::from(by),
        };
        self.at = usize::try_from(at).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(self.at as u64)
    }
}
