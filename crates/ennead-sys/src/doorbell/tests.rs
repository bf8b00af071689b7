use super::*;
use std::time::Duration;

fn bell(style: Style, ringing: Ringing) -> (Listener, Ringer) {
    let (reader, writer) = pair().unwrap();
    (Listener::adopt_with(reader, style).unwrap(), Ringer::adopt_with(writer, ringing).unwrap())
}

/// Every combination that the running kernel has; the older kernels' ways are there always.
fn ways() -> Vec<(Style, Ringing)> {
    let styles = [Style::NonBlocking, default_style()];
    let ringings = [Ringing::ByDescription, default_ringing()];
    styles.into_iter().flat_map(|style| ringings.map(|ringing| (style, ringing))).collect()
}

#[test]
fn an_adopted_end_can_be_asked_without_waiting() {
    let (reader, writer) = pair().unwrap();
    let (listener, ringer) = (Listener::adopt(reader).unwrap(), Ringer::adopt(writer).unwrap());
    assert_eq!(listener.take().unwrap(), None);
    ringer.ring();
    assert_eq!(listener.take().unwrap(), Some(Heard::Ring));
    ringer.ring();
    assert_eq!(listener.wait().unwrap(), Heard::Ring);
    drop(ringer);
    assert_eq!(listener.wait().unwrap(), Heard::End);
}

#[test]
fn a_ring_is_heard_and_the_end_stays() {
    for (style, ringing) in ways() {
        let (listener, ringer) = bell(style, ringing);
        assert_eq!(listener.take().unwrap(), None);
        ringer.ring();
        assert_eq!(listener.wait().unwrap(), Heard::Ring);
        ringer.ring();
        assert_eq!(listener.wait_with(None, Some(Instant::now())).unwrap(), Heard::Ring);
        let soon = Instant::now() + Duration::from_millis(1);
        assert_eq!(listener.wait_with(None, Some(soon)).unwrap(), Heard::TimedOut);
        drop(ringer);
        assert_eq!(listener.wait().unwrap(), Heard::End);
        assert_eq!(listener.take().unwrap(), Some(Heard::End));
    }
}

#[test]
fn ringing_never_blocks_and_never_signals() {
    for (style, ringing) in ways() {
        let (listener, ringer) = bell(style, ringing);
        for _ in 0..70_000 {
            ringer.ring();
        }
        drop(listener);
        ringer.ring();
    }
}

#[test]
fn ringing_never_blocks_whatever_the_giver_does_with_the_description() {
    for (style, ringing) in ways() {
        let (reader, writer) = pair().unwrap();
        let givers = writer.try_clone().unwrap();
        let ringer = Ringer::adopt_with(writer, ringing).unwrap();
        let _listener = Listener::adopt_with(reader, style).unwrap();
        fcntl_setfl(&givers, OFlags::empty()).unwrap();
        for _ in 0..70_000 {
            ringer.ring();
        }
    }
}

#[test]
fn a_look_never_blocks_whatever_the_giver_does_with_the_description() {
    for (style, _) in ways() {
        let (reader, writer) = pair().unwrap();
        let givers = reader.try_clone().unwrap();
        let listener = Listener::adopt_with(reader, style).unwrap();
        fcntl_setfl(&givers, OFlags::NONBLOCK).unwrap();
        fcntl_setfl(&givers, OFlags::empty()).unwrap();
        assert_eq!(listener.take().unwrap(), None);
        // And a wait waits.
        fcntl_setfl(&givers, OFlags::NONBLOCK).unwrap();
        let ringer = Ringer::adopt(writer).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| listener.wait().unwrap());
            ringer.ring();
            assert_eq!(waiter.join().unwrap(), Heard::Ring);
        });
    }
}

#[test]
fn ends_that_their_giver_had_opened_anew_work() {
    let (reader, writer) = pair().unwrap();
    let theirs = reopen(reader.as_fd(), OFlags::RDONLY).unwrap();
    let listener = Listener::adopt(theirs).unwrap();
    drop(reader);
    assert_eq!(listener.take().unwrap(), None);
    let ringer = Ringer::adopt(reopen(writer.as_fd(), OFlags::WRONLY).unwrap()).unwrap();
    drop(writer);
    ringer.ring();
    assert_eq!(listener.wait().unwrap(), Heard::Ring);
    drop(ringer);
    assert_eq!(listener.wait().unwrap(), Heard::End);
}

#[test]
fn our_own_ring_is_heard() {
    let (listener, _ringer) = bell(default_style(), default_ringing());
    listener.ring_self().unwrap();
    assert_eq!(listener.wait().unwrap(), Heard::Ring);
    assert_eq!(listener.take().unwrap(), None, "the transient writer left no end behind");
}

#[test]
fn only_the_right_end_of_a_pipe_is_adopted() {
    let (reader, writer) = pair().unwrap();
    assert!(Ringer::adopt(reader).is_err());
    assert!(Listener::adopt(writer.try_clone().unwrap()).is_err());
    let both = Ringer::adopt_with(writer, Ringing::ByDescription).unwrap();
    assert!(Listener::adopt(both.into()).is_err(), "a listener that could write would never see the end");
    let null = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
    assert!(Ringer::adopt(null.into()).is_err());
    assert!(Listener::adopt(std::fs::File::open("/dev/null").unwrap().into()).is_err());
}
