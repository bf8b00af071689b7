//! As many places at the listening sockets as instances listen, guests counted in.

use std::cmp::Ordering;
use std::sync::atomic::Ordering as Order;

use ennead_namespace::SocketName;
use ennead_sys::process;

use super::super::error::Reason;
use super::super::layout::{Record, Records};
use super::super::service::Table;
use super::{Desk, Door, Inner, bind, turn_away_surplus};

impl Door {
    /// Makes the desks offer as many places as instances listen and guests do not occupy.
    pub(super) fn settle(&self, inner: &mut Inner) -> Result<(), Reason> {
        turn_away_surplus(inner);
        let wanted = inner.listening.saturating_sub(inner.guests.len() as u32);
        let offered: u32 = inner.desks.iter().map(|desk| desk.places).sum();
        match wanted.cmp(&offered) {
            Ordering::Equal => Ok(()),
            Ordering::Less => self.lower(inner, offered - wanted),
            Ordering::Greater => {
                self.raise(inner, wanted - offered)?;
                self.call_in();
                Ok(())
            }
        }
    }

    fn raise(&self, inner: &mut Inner, mut more: u32) -> Result<(), Reason> {
        for desk in &mut inner.desks {
            let step = more.min(self.most_waiting.saturating_sub(desk.places));
            if step > 0 {
                desk.listener
                    .admit(desk.places + step)
                    .map_err(Reason::system("raise the listening socket"))?;
                desk.places += step;
                more -= step;
            }
        }
        while more > 0 {
            let places = more.min(self.most_waiting);
            let desk = self.set_up(inner, places)?;
            inner.desks.push(desk);
            more -= places;
        }
        Ok(())
    }

    /// A client beyond the places that are left, connected already, waits for the next instance; with the last place it is
    /// turned away, as its instance is gone.
    fn lower(&self, inner: &mut Inner, mut less: u32) -> Result<(), Reason> {
        while less > 0 {
            let Some(desk) = inner.desks.last_mut() else { break };
            if desk.places > less {
                desk.listener
                    .admit(desk.places - less)
                    .map_err(Reason::system("lower the listening socket"))?;
                desk.places -= less;
                break;
            }
            less -= desk.places;
            if let Some(desk) = inner.desks.pop() {
                self.close(inner, &desk);
            }
        }
        Ok(())
    }

    fn set_up(&self, inner: &mut Inner, places: u32) -> Result<Desk, Reason> {
        let records = Records(self.entry.body().map_err(Reason::Namespace)?);
        let record = match inner.spare.pop() {
            Some(record) => record,
            None => Table::lock(&self.entry)?.take_record(None)?,
        };
        let made = (|| {
            let token = process::random_u64().map_err(Reason::system("get random bits"))?.max(1);
            let name = SocketName { token, slot: record, ..self.room_name };
            let listener = bind(&self.sockets, &self.protection, &name)?;
            listener.admit(places).map_err(Reason::system("listen"))?;
            self.set.add(&listener).map_err(Reason::system("watch the listening socket"))?;
            Ok(Desk { record, name, listener, places })
        })();
        match made {
            Ok(desk) => {
                if record != self.home {
                    let fields = Record {
                        listener: 0,
                        room: 0,
                        uid: self.room_name.uid,
                        instances: 0,
                        pid: process::id(),
                    };
                    records.write(record, &fields);
                }
                records.listener(record).store(desk.name.token, Order::Release);
                Ok(desk)
            }
            Err(reason) => {
                inner.spare.push(record);
                Err(reason)
            }
        }
    }

    /// Takes a desk's name away; its socket closes with it, and who waits there is turned away.
    pub(super) fn close(&self, inner: &mut Inner, desk: &Desk) {
        if let Ok(body) = self.entry.body() {
            Records(body).listener(desk.record).store(0, Order::Release);
        }
        // What stays is swept with the entry.
        let _ = self.sockets.remove(&desk.name);
        inner.spare.push(desk.record);
    }
}
