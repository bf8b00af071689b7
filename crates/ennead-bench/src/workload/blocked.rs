//! What a reader costs that has nothing to read: CPU time of the whole process while it is blocked.

use anyhow::{Result, ensure};
use rustix::time::{ClockId, clock_gettime};

use super::round_trip::Talk;
use super::{End, Role, say_value, wait_for_go};
use crate::pattern::Direction;
use crate::plan::Unit;

pub fn run(end: &End<'_>, role: Role) -> Result<()> {
    let mut talk = Talk::new(end);
    match role {
        Role::Server => {
            let mut connection = end.accept_one()?;
            // One message each way first: the connection is in use, and an adaptive wait has seen it answer fast.
            ensure!(talk.receive(connection.as_mut(), Direction::ToServer)?, "the client ended at once");
            talk.send(connection.as_mut(), Direction::ToClient)?;
            let before = cpu_time();
            ensure!(talk.receive(connection.as_mut(), Direction::ToServer)?, "the client ended early");
            say_value(Unit::Nanoseconds, cpu_time() - before)
        }
        Role::Client => {
            let mut connection = end.connect()?;
            wait_for_go()?;
            talk.send(connection.as_mut(), Direction::ToServer)?;
            ensure!(talk.receive(connection.as_mut(), Direction::ToClient)?, "the server ended at once");
            std::thread::sleep(end.task.blocked_for);
            talk.send(connection.as_mut(), Direction::ToServer)
        }
    }
}

/// Nanoseconds of CPU time that this process has used.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
