//! Functions queued to a thread, which an alertable wait of that thread runs.
//!
//! Page: [Asynchronous Procedure Calls](https://learn.microsoft.com/windows/win32/sync/asynchronous-procedure-calls).

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ennead_sys::futex::{self, Scope};

type Function = Box<dyn FnOnce() + Send>;

thread_local! {
    static OWN: OnceCell<Own> = const { OnceCell::new() };
}

/// A thread's queue. Clones are the same queue.
#[derive(Clone)]
pub struct Alerts(Arc<Queue>);

#[derive(Default)]
struct Queue {
    /// Counts the functions that were queued. What the thread sleeps on.
    queued: AtomicU32,
    /// Whether the thread sleeps on it.
    listening: AtomicU32,
    functions: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Function>,
    /// The thread has ended.
    closed: bool,
}

/// Closes the queue when its thread ends.
struct Own(Alerts);

impl Drop for Own {
    fn drop(&mut self) {
        let left = {
            let mut state = self.0.0.functions.lock().unwrap_or_else(PoisonError::into_inner);
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        // Outside the lock: dropping a function may queue another.
        drop(left);
    }
}

impl Alerts {
    /// The calling thread's.
    #[must_use]
    pub fn of_this_thread() -> Self {
        // A thread that is just ending gets one that nobody will look at.
        OWN.try_with(|own| own.get_or_init(|| Own(Self::open())).0.clone()).unwrap_or_else(|_| Self::open())
    }

    fn open() -> Self {
        Self(Arc::default())
    }

    /// Queues a function (`QueueUserAPC`): the thread runs it in its next alertable wait, or in the one in which it is. It must not
    /// panic. False where the thread has ended; then the function is dropped.
    pub fn queue(&self, function: impl FnOnce() + Send + 'static) -> bool {
        {
            let mut state = self.0.functions.lock().unwrap_or_else(PoisonError::into_inner);
            if state.closed {
                return false;
            }
            state.waiting.push_back(Box::new(function));
        }
        self.0.queued.fetch_add(1, Ordering::SeqCst);
        if self.0.listening.load(Ordering::SeqCst) != 0 {
            futex::wake(&self.0.queued, u32::MAX, Scope::Private);
        }
        true
    }

    /// Runs what is queued, in order, what those functions queue themselves included; whether there was anything.
    pub(crate) fn run(&self) -> bool {
        let mut any = false;
        while let Some(function) = self.next() {
            any = true;
            function();
        }
        any
    }

    fn next(&self) -> Option<Function> {
        self.0.functions.lock().unwrap_or_else(PoisonError::into_inner).waiting.pop_front()
    }

    /// The word that changes when something is queued, its value, and what says that the thread listens. Where something is
    /// queued already, the value is one that the word does not have.
    pub(crate) fn listen(&self) -> (&AtomicU32, u32, Listening<'_>) {
        self.0.listening.store(1, Ordering::SeqCst);
        let value = self.0.queued.load(Ordering::SeqCst);
        let empty = self.0.functions.lock().unwrap_or_else(PoisonError::into_inner).waiting.is_empty();
        (&self.0.queued, if empty { value } else { value.wrapping_sub(1) }, Listening(self))
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alerts").field("queued", &self.0.queued).finish_non_exhaustive()
    }
}

/// The thread listens until this is dropped.
pub(crate) struct Listening<'a>(&'a Alerts);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.0.listening.store(0, Ordering::SeqCst);
    }
}
