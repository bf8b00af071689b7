//! The porter's thread and its list of guests.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use ennead_sys::readiness;

use crate::{Next, Watched};

/// How many ready descriptors one look at the kernel brings.
const EVENTS: usize = 64;

static CURRENT: Mutex<Option<Arc<Porter>>> = Mutex::new(None);

pub(crate) struct Porter {
    /// The process that the thread lives in: a forked child inherits this value, but not the thread.
    process: u32,
    polled: readiness::WatchSet,
    guests: Mutex<Guests>,
    /// Signalled whenever a callback has returned.
    returned: Condvar,
}

#[derive(Default)]
struct Guests {
    by_token: HashMap<u64, Arc<dyn Watched>>,
    last_token: u64,
    /// The callback that is running now, and where.
    running: Option<(u64, ThreadId)>,
}

impl Porter {
    /// The porter of this process, started if there is none.
    pub(crate) fn of_this_process() -> io::Result<Arc<Porter>> {
        let mut current = lock(&CURRENT);
        if let Some(porter) = current.as_ref()
            && porter.process == std::process::id()
        {
            return Ok(Arc::clone(porter));
        }
        let porter = Arc::new(Porter {
            process: std::process::id(),
            polled: readiness::WatchSet::new()?,
            guests: Mutex::default(),
            returned: Condvar::new(),
        });
        let serving = Arc::clone(&porter);
        thread::Builder::new().name("ennead-porter".into()).spawn(move || serving.serve())?;
        if let Some(parents) = current.replace(Arc::clone(&porter)) {
            // After a fork its lists are as some other thread left them in mid-change: never look at them.
            std::mem::forget(parents);
        }
        Ok(porter)
    }

    pub(crate) fn admit(&self, watched: &Arc<dyn Watched>) -> io::Result<u64> {
        let mut guests = lock(&self.guests);
        guests.last_token += 1;
        let token = guests.last_token;
        // The list first: the thread may see the first event before this function returns.
        guests.by_token.insert(token, Arc::clone(watched));
        if let Err(error) = self.polled.add_marked(watched.descriptor(), token) {
            guests.by_token.remove(&token);
            return Err(error);
        }
        Ok(token)
    }

    /// Ends a watch and, if asked to, waits until its callback is not running.
    pub(crate) fn dismiss(&self, token: u64, waits: bool) {
        if self.process != std::process::id() {
            // The watch belongs to the parent's porter, and the kernel's set is the parent's too.
            return;
        }
        let mut guests = lock(&self.guests);
        let watched = guests.by_token.remove(&token);
        if let Some(watched) = &watched {
            self.stop_polling(watched.as_ref());
        }
        while waits
            && guests.running.is_some_and(|(running, on)| running == token && on != thread::current().id())
        {
            guests = self.returned.wait(guests).unwrap_or_else(PoisonError::into_inner);
        }
        drop(guests);
        // Only now: dropping the last reference may run code that comes back to the porter.
        drop(watched);
    }

    fn serve(&self) {
        let mut ready = Vec::with_capacity(EVENTS);
        loop {
            if let Err(error) = self.polled.wait(&mut ready) {
                // Only if somebody closed the descriptor behind our back: there is nothing left to serve with.
                tracing::error!(target: "ennead::porter", %error, "the porter lost its descriptor and stops");
                return;
            }
            for &token in &ready {
                self.call(token);
            }
        }
    }

    fn call(&self, token: u64) {
        let mut guests = lock(&self.guests);
        // Dismissed after the kernel reported it.
        let Some(watched) = guests.by_token.get(&token).map(Arc::clone) else { return };
        guests.running = Some((token, thread::current().id()));
        drop(guests);

        let next = catch_unwind(AssertUnwindSafe(|| watched.ready())).unwrap_or_else(|_| {
            tracing::error!(target: "ennead::porter", "a callback panicked; its watch has ended");
            Next::Done
        });

        let mut guests = lock(&self.guests);
        guests.running = None;
        let done = if next == Next::Done { guests.by_token.remove(&token) } else { None };
        if let Some(watched) = &done {
            self.stop_polling(watched.as_ref());
        }
        drop(guests);
        self.returned.notify_all();
        drop(done);
        drop(watched);
    }

    fn stop_polling(&self, watched: &dyn Watched) {
        if let Err(error) = self.polled.remove(watched.descriptor()) {
            tracing::error!(target: "ennead::porter", %error, "a watched descriptor was replaced behind the porter's back");
        }
    }
}

/// The data behind every lock here is consistent at each unlock, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
