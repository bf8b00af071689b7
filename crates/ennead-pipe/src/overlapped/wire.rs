//! A pipe's connection, watched by the porter.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};

use ennead_porter::{Next, Watch, Watched};
use ennead_sys::eventfd::EventFd;

use crate::named::{Arming, Connection, Interest, Reason, Received};

use super::traffic::{Traffic, Wire};

impl Wire for Connection {
    type Watch = Watch;

    fn read(&self, buffer: &mut [u8]) -> Result<Received, Reason> {
        self.try_read(buffer)
    }

    fn write(&self, data: &[u8], written: &mut usize) -> Result<(), Reason> {
        self.try_write_part(data, written)
    }

    fn abandon(&self, written: usize) {
        self.abandon_part(written);
    }

    fn arm(&self, interest: Interest) -> Arming {
        Self::arm(self, interest)
    }

    fn watch(traffic: &Arc<Traffic<Self>>) -> io::Result<Watch> {
        let bell: Arc<dyn Watched> = Arc::new(Bell(Arc::clone(traffic)));
        ennead_porter::watch(&bell)
    }

    fn call_again(traffic: &Arc<Traffic<Self>>) -> io::Result<Watch> {
        let event = EventFd::new()?;
        event.set();
        let reminder: Arc<dyn Watched> = Arc::new(Reminder { event, traffic: Arc::downgrade(traffic) });
        ennead_porter::watch(&reminder)
    }

    fn release(watch: Watch) {
        watch.release();
    }

    fn close(&self) {
        Self::close(self);
    }
}

/// Keeps the connection's descriptor open while it is watched; the traffic lets go of the watch when nobody is in line.
struct Bell(Arc<Traffic<Connection>>);

impl Watched for Bell {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.wire().as_fd()
    }

    fn ready(&self) -> Next {
        self.0.advance();
        // If there is nothing left to watch for, the watch has been released by now.
        Next::Keep
    }
}

struct Reminder {
    event: EventFd,
    traffic: Weak<Traffic<Connection>>,
}

impl Watched for Reminder {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }

    fn ready(&self) -> Next {
        if let Some(traffic) = self.traffic.upgrade() {
            traffic.advance();
        }
        Next::Done
    }
}
