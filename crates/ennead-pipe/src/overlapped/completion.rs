//! How an operation came out.

use ennead_status::Win32Error;

use crate::named::{Connected, Error};

/// How an operation came out, and the buffers that were given to it.
#[derive(Debug, Default)]
pub struct Completion {
    /// The buffer that was read into (for a transaction: the answer's), or the data that was written; as long as it was given.
    pub buffer: Vec<u8>,
    /// A transaction's request; else empty.
    pub request: Vec<u8>,
    /// How many bytes were moved (`GetOverlappedResult`: *lpNumberOfBytesTransferred*), also by an operation that failed or was
    /// cancelled: so much of a message or stream has been taken from the pipe, or can be read at the other end.
    pub bytes: usize,
    /// Bytes of the message that are still to be read: ERROR_MORE_DATA if there are any.
    pub left_in_message: usize,
    /// How a connect came out.
    pub connected: Option<Connected>,
    /// Why the operation failed, if it did.
    pub error: Option<Error>,
}

impl Completion {
    /// What was read, or what of the data was written.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.buffer[..self.bytes.min(self.buffer.len())]
    }

    /// The code that `GetLastError` gives after `GetOverlappedResult`: ERROR_SUCCESS; ERROR_MORE_DATA after a part of a message;
    /// the error's, ERROR_OPERATION_ABORTED if it was cancelled; for a connect that found a client, what
    /// [`Connected::win32`] says.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match (&self.error, self.connected) {
            (Some(error), _) => error.win32(),
            (None, Some(connected)) => connected.win32(),
            (None, None) if self.left_in_message > 0 => Win32Error::MORE_DATA,
            (None, None) => Win32Error::SUCCESS,
        }
    }

    /// The number of bytes moved, or why the operation failed.
    ///
    /// # Errors
    /// The operation's.
    pub fn result(&self) -> Result<usize, &Error> {
        self.error.as_ref().map_or(Ok(self.bytes), Err)
    }
}
