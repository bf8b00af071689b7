//! What the ends of processes and threads have in common: an unnamed event of this process, which the porter sets when a descriptor says that it is over.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use ennead_porter::{Next, Watch, Watched};
use ennead_security::AccessMask;
use ennead_sys::poll::{self, Interest};

use crate::error::ObjectError;
use crate::layout::{MANUAL, Tag};
use crate::object::{New, Object};
use crate::place::Place;
use crate::rights;
use crate::state::Change;
use crate::waiting::Source;

/// Signaled once the descriptor is readable, for good.
#[derive(Debug)]
pub(crate) struct Ending {
    latch: Arc<Latch>,
    _watch: Watch,
}

#[derive(Debug)]
struct Latch {
    object: Object,
    end: OwnedFd,
}

impl Ending {
    pub(crate) fn new(place: &Place, end: OwnedFd) -> Result<Self, ObjectError> {
        let latch = Arc::new(Latch { object: event(place)?, end });
        let watched: Arc<dyn Watched> = Arc::<Latch>::clone(&latch);
        let watch = ennead_porter::watch(&watched).map_err(ObjectError::system("watch for an end"))?;
        Ok(Self { latch, _watch: watch })
    }

    pub(crate) fn source(&self) -> Source<'_> {
        // The porter may not have run yet.
        if self.is_over() {
            self.latch.set();
        }
        Source::new(&self.latch.object, AccessMask::SYNCHRONIZE)
    }

    pub(crate) fn is_over(&self) -> bool {
        let mut watches = [poll::Watch::new(&self.latch.end, Interest::Readable)];
        poll::wait(&mut watches, Some(Instant::now())).unwrap_or(false)
    }
}

/// An event that stays set, for this process.
pub(crate) fn event(place: &Place) -> Result<Object, ObjectError> {
    let new = New {
        tag: Tag::EVENT,
        flags: MANUAL,
        limit: 0,
        state: 0,
        descriptor: None,
        mapping: &rights::STATEFUL,
        desired: AccessMask::SYNCHRONIZE,
    };
    Object::create_unnamed(place, &new).map(|handle| handle.object)
}

impl Latch {
    fn set(&self) {
        // Nobody else has the object: it cannot be spoiled.
        let _ = self.object.change(Change::Set);
    }
}

impl Watched for Latch {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }

    fn ready(&self) -> Next {
        self.set();
        Next::Done
    }
}

/// What the kernel says of ids that nobody has: ERROR_INVALID_PARAMETER, as OpenProcess and OpenThread do.
pub(crate) fn not_found(step: &'static str) -> impl FnOnce(io::Error) -> ObjectError {
    move |error| {
        let gone = matches!(error.kind(), io::ErrorKind::NotFound) || error.raw_os_error() == Some(ESRCH);
        if gone { ObjectError::Gone } else { ObjectError::system(step)(error) }
    }
}

/// "No such process", the same number on all of Linux.
const ESRCH: i32 = 3;
