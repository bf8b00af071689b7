//! Signals that ask the tour to end become events of the conductor.

use std::sync::mpsc;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::conductor::{Event, Events};
use crate::failure::Failure;

/// Starts to watch for them.
pub fn watch() -> Result<Events, Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::system("cannot watch for signals", &error))?;
    let (sender, receiver) = mpsc::channel();
    let signalled = sender.clone();
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if signalled.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(Events { sender, receiver })
}

/// One that has come already.
pub fn pending(events: &Events) -> Option<i32> {
    events.receiver.try_iter().find_map(|event| match event {
        Event::Signal(signal) => Some(signal),
        _ => None,
    })
}
