//! Hearing of an owner's death while sleeping upon several words.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::page::Page;
use super::slow;
use super::word::Owner;
use crate::pidfd;

/// Who owned a word when it was asked for.
#[derive(Debug)]
pub struct OwnerWatch {
    owner: Option<Owner>,
    descriptor: Option<OwnedFd>,
}

impl OwnerWatch {
    pub(super) fn new(page: &Page) -> io::Result<Self> {
        loop {
            let seen = page.state();
            let owner = seen.owner();
            let descriptor = match owner {
                Owner::Nobody => return Ok(Self { owner: None, descriptor: None }),
                // The transaction's own liveness is what counts.
                Owner::Pledged(_) => None,
                Owner::Slow(_) => {
                    slow::watch(page)?;
                    None
                }
                // A sibling's end is told to everybody; and ids of a foreign namespace lead nowhere.
                Owner::Thread(_) if page.is_owned_here() || !page.is_at_home() => None,
                Owner::Thread(tid) => {
                    match pidfd::of_thread_or_its_process(tid, pidfd::threads_have_them()) {
                        Ok(descriptor) => Some(descriptor),
                        Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => {
                            page.heal(seen, tid);
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                }
            };
            // Was it this very owner's id when the descriptor was opened? While the word says so, the kernel cannot have given the id away.
            if page.state().owner() == owner {
                return Ok(Self { owner: Some(owner), descriptor });
            }
        }
    }

    pub(super) fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Readable once the owner has died; `None` if there is nothing to watch, because its end will be told on the words themselves.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// The descriptor, to keep.
    #[must_use]
    pub fn into_descriptor(self) -> Option<OwnedFd> {
        self.descriptor
    }
}
