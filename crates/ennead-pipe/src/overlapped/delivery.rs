//! Completion routines, in the order of the completions and one at a time for each end.
//!
//! A routine may start the next operation, which may complete at once and have a routine too: that one waits in the queue
//! until the first has returned, so nothing recurses.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::completion::Completion;
use super::sync::{Mutex, lock};

/// What is called with a completed operation.
pub(super) type Routine = Box<dyn FnOnce(Completion) + Send>;

/// The routines of one end that are due.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<Due>);

#[derive(Default)]
struct Due {
    queue: VecDeque<(Routine, Completion)>,
    /// Somebody is calling them.
    running: bool,
}

impl Deliveries {
    /// Puts a routine at the end. Whoever does this calls [`Deliveries::run`] once it holds no lock.
    pub fn push(&self, routine: Routine, completion: Completion) {
        lock(&self.0).queue.push_back((routine, completion));
    }

    /// Calls what is due, unless another thread, or a caller of this one, is at it.
    pub fn run(&self) {
        let mut due = lock(&self.0);
        if due.running {
            return;
        }
        while let Some((routine, completion)) = due.queue.pop_front() {
            due.running = true;
            drop(due);
            if catch_unwind(AssertUnwindSafe(|| routine(completion))).is_err() {
                tracing::error!(target: "ennead::pipe", "a completion routine panicked");
            }
            due = lock(&self.0);
        }
        due.running = false;
    }
}
