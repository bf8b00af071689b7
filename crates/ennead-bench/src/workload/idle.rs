//! One busy client beside idle ones, each of which is blocked in a read of its own.

use std::thread;

use anyhow::{Result, ensure};

use super::{End, Role, round_trip, say, say_value, wait_for_go};
use crate::plan::{IDLE_CLIENTS, Unit};

pub fn run(end: &End<'_>, role: Role) -> Result<()> {
    match role {
        Role::Server => serve(end),
        Role::Client => {
            let (ready, idle_ones_are_ready) = std::sync::mpsc::channel();
            // A server takes clients in their order; the busy one comes last.
            thread::scope(|scope| {
                let idle: Vec<_> = (0..IDLE_CLIENTS)
                    .map(|_| {
                        let ready = ready.clone();
                        scope.spawn(move || -> Result<()> {
                            let connection = end.connect();
                            // The receiver is gone only when another one has failed.
                            let _ = ready.send(connection.is_ok());
                            let mut byte = vec![0; end.shape.length];
                            ensure!(connection?.receive(&mut byte)? == 0, "an idle client got a message");
                            Ok(())
                        })
                    })
                    .collect();
                ensure!(
                    idle_ones_are_ready.iter().take(IDLE_CLIENTS).all(|ok| ok),
                    "an idle client cannot connect"
                );
                let mut busy = end.connect()?;
                wait_for_go()?;
                say_value(Unit::Nanoseconds, round_trip::ask(end, busy.as_mut())?)?;
                drop(busy);
                for client in idle {
                    match client.join() {
                        Ok(outcome) => outcome?,
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
                Ok(())
            })
        }
    }
}

fn serve(end: &End<'_>) -> Result<()> {
    let mut listener = end.peer.listen(&end.task.place, &end.shape)?;
    say("listening")?;
    let _idle = (0..IDLE_CLIENTS).map(|_| listener.accept()).collect::<Result<Vec<_>>>()?;
    let mut busy = listener.accept()?;
    round_trip::answer(end, busy.as_mut())
}
