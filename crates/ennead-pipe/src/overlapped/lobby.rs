//! Connects that wait for a client. All instances of a pipe in this process have one door, and so one lobby before it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;

use ennead_porter::{Next, Watch, Watched};
use ennead_sys::readiness::WatchSet;

use crate::named::{Connected, Error, Instance, Reason};

use super::completion::Completion;
use super::ticket::{Home, Ticket};

/// See the module. Part of a pipe's service; the porter watches the door exactly while somebody waits here.
#[derive(Debug, Default)]
pub(crate) struct Lobby(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    line: VecDeque<Connect>,
    watch: Option<Watch>,
}

struct Connect {
    instance: Weak<Instance>,
    ticket: Arc<Ticket>,
}

impl Lobby {
    /// Connects `instance` now or when a client comes; the first that waits gets the first that comes.
    pub(super) fn connect(self: &Arc<Self>, instance: &Arc<Instance>, ticket: Arc<Ticket>) {
        let mut waiting = self.lock();
        // Even if others wait: it may have a client already.
        if settle(&ticket, instance.try_connect()) {
            return;
        }
        waiting.line.push_back(Connect { instance: Arc::downgrade(instance), ticket });
        if waiting.watch.is_some() {
            return;
        }
        // The door stays readable while somebody is there, so one that has just come is not missed.
        let watched: Arc<dyn Watched> =
            Arc::new(Doorman { door: instance.service.watched(), lobby: Arc::clone(self) });
        match ennead_porter::watch(&watched) {
            Ok(watch) => waiting.watch = Some(watch),
            Err(error) => waiting.fail_all(&error),
        }
    }

    /// Completes with `reason` what waits for `instance`, or what of it `issuer` has started; says how many.
    pub(super) fn fail(
        &self,
        instance: &Arc<Instance>,
        issuer: Option<ThreadId>,
        reason: impl Fn() -> Reason,
    ) -> usize {
        self.take_out(
            |connect| {
                std::ptr::eq(connect.instance.as_ptr(), Arc::as_ptr(instance))
                    && connect.ticket.is_from(issuer)
            },
            reason,
        )
    }

    fn take_out(&self, is_meant: impl Fn(&Connect) -> bool, reason: impl Fn() -> Reason) -> usize {
        let mut waiting = self.lock();
        let before = waiting.line.len();
        waiting.line.retain(|connect| {
            let meant = is_meant(connect);
            if meant {
                connect.ticket.fail(reason(), Completion::default());
            }
            !meant
        });
        let failed = before - waiting.line.len();
        waiting.stop_watching_if_idle();
        failed
    }

    /// Lets in whom the door has.
    fn admit(&self) {
        let mut waiting = self.lock();
        let mut deliveries = Vec::new();
        while let Some(connect) = waiting.line.front() {
            let done = match connect.instance.upgrade() {
                None => {
                    connect.ticket.fail(Reason::Cancelled, Completion::default());
                    true
                }
                // It began to wait before the client came, however quickly that one has gone again.
                Some(instance) => settle(&connect.ticket, now(instance.try_connect())),
            };
            if !done {
                break;
            }
            deliveries.extend(waiting.line.pop_front().map(|connect| connect.ticket));
        }
        waiting.stop_watching_if_idle();
        drop(waiting);
        for ticket in deliveries {
            ticket.run_deliveries();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completes a connect that does not have to wait; `false` if it has to.
fn settle(ticket: &Ticket, outcome: Result<Option<Connected>, Error>) -> bool {
    match outcome {
        Ok(None) => return false,
        Ok(connected) => ticket.complete(Completion { connected, ..Completion::default() }),
        Err(error) => ticket.complete(Completion { error: Some(error), ..Completion::default() }),
    }
    true
}

fn now(outcome: Result<Option<Connected>, Error>) -> Result<Option<Connected>, Error> {
    outcome.map(|connected| connected.map(|_| Connected::Now))
}

impl Waiting {
    fn stop_watching_if_idle(&mut self) {
        if self.line.is_empty()
            && let Some(watch) = self.watch.take()
        {
            watch.release();
        }
    }

    fn fail_all(&mut self, error: &io::Error) {
        for connect in self.line.drain(..) {
            let source = io::Error::new(error.kind(), error.to_string());
            connect.ticket.fail(Reason::System { step: "watch the door", source }, Completion::default());
        }
    }
}

impl Home for Lobby {
    fn cancel(&self, ticket: &Ticket) -> bool {
        self.take_out(|connect| std::ptr::eq(Arc::as_ptr(&connect.ticket), ticket), || Reason::Cancelled) > 0
    }
}

/// Keeps neither the pipe's service nor an instance: their last owner's drop must free the name at once, whatever the porter
/// is doing.
struct Doorman {
    door: Arc<WatchSet>,
    lobby: Arc<Lobby>,
}

impl Watched for Doorman {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.door.as_fd()
    }

    fn ready(&self) -> Next {
        self.lobby.admit();
        Next::Keep
    }
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect").finish_non_exhaustive()
    }
}
