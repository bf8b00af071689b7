//! A timer's completion routine: queued to the thread that set the timer, each time it is due.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ennead_porter::{Next, Watch, Watched};
use ennead_sys::clock;
use ennead_sys::readiness::Alarm;

use super::course::{Clock, Moment};
use crate::alert::Alerts;
use crate::object::Object;

/// What a program gives to be run; it is told when the timer was due, in units of 100 ns since 1970.
pub(super) type Routine = Box<dyn FnMut(u64) + Send>;

/// One setting's alarm, with the porter.
struct Caller {
    object: Arc<Object>,
    setting: u64,
    period: u32,
    alarm: Alarm,
    due: Mutex<Moment>,
    thread: Alerts,
    routine: Arc<Mutex<Routine>>,
}

/// Has `routine` queued to the calling thread as long as the setting lasts.
pub(super) fn watch(
    object: &Arc<Object>,
    setting: u64,
    due: Moment,
    period: u32,
    routine: Routine,
) -> io::Result<Watch> {
    let alarm = if due.clock == Clock::Wall { Alarm::on_wall_clock()? } else { Alarm::new()? };
    let caller = Caller {
        object: Arc::clone(object),
        setting,
        period,
        alarm,
        due: Mutex::new(due),
        thread: Alerts::of_this_thread(),
        routine: Arc::new(Mutex::new(routine)),
    };
    caller.set(due)?;
    let caller: Arc<dyn Watched> = Arc::new(caller);
    ennead_porter::watch(&caller)
}

impl Caller {
    fn set(&self, due: Moment) -> io::Result<()> {
        match due.clock {
            Clock::Wall => self.alarm.set_at(due.since()),
            Clock::Steady => {
                let left = due.since().saturating_sub(Duration::from_nanos(clock::monotonic()));
                self.alarm.set(Some(left))
            }
        }
    }
}

impl Watched for Caller {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }

    fn ready(&self) -> Next {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if self.object.settings() != self.setting {
            return Next::Done;
        }
        if !due.is_past() {
            // A long wait goes in steps.
            return if self.set(*due).is_ok() { Next::Keep } else { Next::Done };
        }
        let (routine, at) = (Arc::clone(&self.routine), wall_time(*due));
        let call = move || (routine.lock().unwrap_or_else(PoisonError::into_inner))(at);
        if !self.thread.queue(call) || self.period == 0 {
            return Next::Done;
        }
        *due = due.next(self.period);
        if self.set(*due).is_ok() { Next::Keep } else { Next::Done }
    }
}

/// What the wall clock shows, or showed, at that moment.
fn wall_time(moment: Moment) -> u64 {
    match moment.clock {
        Clock::Wall => moment.at,
        Clock::Steady => {
            let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
            let past = Duration::from_nanos(clock::monotonic()).saturating_sub(moment.since());
            u64::try_from(since.unwrap_or_default().saturating_sub(past).as_nanos() / 100).unwrap_or(u64::MAX)
        }
    }
}
