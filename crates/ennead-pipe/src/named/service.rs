//! What one process does for one pipe: the entry it holds, its listening sockets, its clients at the door.
//!
//! All instances of a pipe in a process share one service; the last one closes it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ennead_channel::Reserve;
use ennead_namespace::{CreateOptions, Created, Entry, Kind, Name, Protection, Roots, Scope};
use ennead_security::SecurityDescriptor;
use ennead_sys::process;
use ennead_sys::readiness::WatchSet;

use super::door::Door;
use super::error::Reason;
use super::layout::{self, RECORDS, Record, Records, TABLE_SLOT, Traits, UNLIMITED};
use super::patience::Patience;
use super::security;

/// How many connections' memory stays mapped after they are over, for clients that come again.
const MOST_KEPT: usize = 16;

/// A pipe as this process serves it.
#[derive(Debug)]
pub(crate) struct Service {
    /// The clients that wait, and who may come. Dropped first: it removes the sockets' names.
    pub(super) door: Door,
    /// The overlapped connects that wait.
    pub lobby: Arc<crate::overlapped::Lobby>,
    pub traits: Traits,
    pub descriptor: SecurityDescriptor,
    /// What is still mapped of connections that are over.
    pub(super) reserve: Arc<Reserve>,
    /// The record that counts this process's instances.
    home: u32,
    entry: Arc<Entry>,
    process: u32,
}

/// What a server asks for when it creates an instance.
pub(super) struct Request<'a> {
    pub name: &'a Name,
    /// It begins with `LOCAL\`: never published in `Global`.
    pub local: bool,
    pub traits: Traits,
    pub descriptor: Option<&'a SecurityDescriptor>,
    pub first: bool,
    pub access: ennead_security::AccessMask,
}

/// The record that whoever makes a pipe has from the beginning.
const FIRST_RECORD: u32 = 0;

/// The services of this process by their entries' ids. Held while one is made, so that a pipe has one only.
static SERVICES: Mutex<Option<HashMap<u64, Weak<Service>>>> = Mutex::new(None);

fn services() -> MutexGuard<'static, Option<HashMap<u64, Weak<Service>>>> {
    SERVICES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// The service of the pipe that is asked for, with one instance more, which listens unless `disconnected`.
    pub(super) fn admit(roots: &Roots, request: &Request<'_>) -> Result<Arc<Self>, Reason> {
        let mut guard = services();
        let known = guard.get_or_insert_default();
        known.retain(|_, service| service.strong_count() > 0);
        let mut patience = Patience::new();
        loop {
            let (scope, created) = create_entry(roots, request)?;
            let service = match created {
                Created::New(entry) => {
                    let root = roots.of(scope).ok_or(Reason::NotFound)?;
                    Arc::new(Self::begin(root, entry, request.traits, Some(FIRST_RECORD))?)
                }
                Created::Existing(entry) => {
                    // A service whose last instance is being dropped right now counts as gone.
                    let alive = known.get(&entry.id()).and_then(Weak::upgrade);
                    let alive = alive.filter(|service| service.process == process::id());
                    if alive.is_none() && !any_server(&entry)? {
                        // Its servers are gone, and a client is just looking at it; a moment later the name is free.
                        drop(entry);
                        patience.wait()?;
                        continue;
                    }
                    may_join(&entry, request)?;
                    match alive {
                        Some(service) => service,
                        None => {
                            let root = roots.of(scope).ok_or(Reason::NotFound)?;
                            let traits = Traits::read(&entry)?;
                            Arc::new(Self::begin(root, entry, traits, None)?)
                        }
                    }
                }
            };
            service.count_instance()?;
            known.insert(service.entry.id(), Arc::downgrade(&service));
            return Ok(service);
        }
    }

    /// `home` is the record that the process holds already, if it made the entry.
    fn begin(
        root: &ennead_namespace::Root,
        entry: Entry,
        traits: Traits,
        home: Option<u32>,
    ) -> Result<Self, Reason> {
        let descriptor = security::of_entry(entry.descriptor())?;
        let protection = security::protection(&descriptor);
        let sockets = root.own_sockets(Kind::PIPE).map_err(Reason::Namespace)?;
        let entry = Arc::new(entry);
        let table = Table::lock(&entry)?;
        let home = table.take_record(home)?;
        let door = Door::open(Arc::clone(&entry), sockets, protection, home)?;
        drop(table);
        Ok(Self {
            door,
            lobby: Arc::default(),
            traits,
            descriptor,
            reserve: Arc::new(Reserve::new(MOST_KEPT)),
            home,
            entry,
            process: process::id(),
        })
    }

    /// One more instance, if there may be one.
    fn count_instance(&self) -> Result<(), Reason> {
        let table = Table::lock(&self.entry)?;
        if self.traits.max_instances != UNLIMITED && table.instances()? >= self.traits.max_instances {
            return Err(Reason::TooManyInstances);
        }
        table.records()?.instances(self.home).fetch_add(1, std::sync::atomic::Ordering::AcqRel);
        Ok(())
    }

    /// One instance less.
    pub fn forget_instance(&self) {
        // Without the table's lock: only this process writes this count, and one too many for a moment harms nobody.
        if let Ok(body) = self.entry.body() {
            let count = Records(body).instances(self.home);
            let _ = count.fetch_update(
                std::sync::atomic::Ordering::AcqRel,
                std::sync::atomic::Ordering::Acquire,
                |count| count.checked_sub(1),
            );
        }
    }

    /// The descriptor that is readable while a client may be at the door.
    pub fn watched(&self) -> Arc<WatchSet> {
        self.door.watched()
    }

    /// How many instances the pipe has in all processes.
    pub fn instances(&self) -> Result<u32, Reason> {
        instances(&self.entry)
    }
}

fn create_entry(roots: &Roots, request: &Request<'_>) -> Result<(Scope, Created), Reason> {
    let default;
    let descriptor = match request.descriptor {
        Some(descriptor) => descriptor,
        None => {
            default = security::default_descriptor();
            &default
        }
    };
    let protection: Protection = security::protection(descriptor);
    let initial = request.traits.encode();
    // The record is held before anybody can open the entry, and so before a reader can put a lock of theirs in its way.
    let options = CreateOptions::new(&protection)
        .body(layout::TAG, layout::VERSION, layout::LEN)
        .initial(&initial)
        .slot(FIRST_RECORD);
    let made = if request.local {
        roots.local.create(Kind::PIPE, request.name, &options).map(|created| (Scope::Local, created))
    } else {
        roots.create_entry(Kind::PIPE, request.name, &options)
    };
    made.map_err(Reason::from_open)
}

/// Whether this process may create another instance of the pipe that `entry` is.
fn may_join(entry: &Entry, request: &Request<'_>) -> Result<(), Reason> {
    let traits = Traits::read(entry)?;
    let descriptor = security::of_entry(entry.descriptor())?;
    let rights = request.access | security::CREATE_INSTANCE;
    security::check(&descriptor, &security::own_token(), rights)?;
    if request.first {
        return Err(Reason::NotFirst);
    }
    let asked = &request.traits;
    let same =
        [(traits.pipe_type == asked.pipe_type, "type"), (traits.direction == asked.direction, "direction")];
    let mismatch =
        |same: &[(bool, &'static str)]| same.iter().find(|(same, _)| !same).map(|(_, attribute)| *attribute);
    if let Some(attribute) = mismatch(&same) {
        return Err(Reason::Mismatch(attribute));
    }
    // Who asks for another maximum of a pipe that is full hears that it is full.
    if traits.max_instances != UNLIMITED && instances(entry)? >= traits.max_instances {
        return Err(Reason::TooManyInstances);
    }
    let same = [
        (traits.max_instances == asked.max_instances, "maximum of instances"),
        (traits.default_timeout == asked.default_timeout, "default time-out"),
    ];
    if let Some(attribute) = mismatch(&same) {
        return Err(Reason::Mismatch(attribute));
    }
    if !entry.is_writable() {
        return Err(Reason::Denied("the pipe's entry cannot be written"));
    }
    Ok(())
}

/// Whether any process serves the pipe.
pub(super) fn any_server(entry: &Entry) -> Result<bool, Reason> {
    // Whoever is about to take its first record holds the table.
    if entry.slot_is_held(TABLE_SLOT).map_err(Reason::Namespace)? {
        return Ok(true);
    }
    let records = Records(entry.body().map_err(Reason::Namespace)?);
    for n in 0..RECORDS {
        if records.read(n).is_used() && entry.slot_is_held(n).map_err(Reason::Namespace)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many instances live processes have of the pipe that `entry` is.
pub(super) fn instances(entry: &Entry) -> Result<u32, Reason> {
    let records = Records(entry.body().map_err(Reason::Namespace)?);
    let mut sum = 0u32;
    for n in 0..RECORDS {
        let record = records.read(n);
        if record.instances > 0 && entry.slot_is_held(n).map_err(Reason::Namespace)? {
            sum = sum.saturating_add(record.instances);
        }
    }
    Ok(sum)
}

/// The lock under which records come into use and instances are counted.
pub(super) struct Table<'a> {
    entry: &'a Entry,
}

impl<'a> Table<'a> {
    /// Waits for it, a moment as a rule.
    pub fn lock(entry: &'a Entry) -> Result<Self, Reason> {
        let mut patience = Patience::new();
        while !entry.lock_slot(TABLE_SLOT).map_err(Reason::Namespace)? {
            patience.wait()?;
        }
        Ok(Self { entry })
    }

    /// Takes a record that nobody alive has: `held`, if the entry was made with it.
    pub fn take_record(&self, held: Option<u32>) -> Result<u32, Reason> {
        let records = self.records()?;
        for n in 0..RECORDS {
            if held == Some(n) || self.entry.lock_slot(n).map_err(Reason::Namespace)? {
                records.write(n, &Record { listener: 0, room: 0, uid: 0, instances: 0, pid: process::id() });
                return Ok(n);
            }
        }
        Err(Reason::TooManyInstances)
    }

    fn instances(&self) -> Result<u32, Reason> {
        instances(self.entry)
    }

    fn records(&self) -> Result<Records<'a>, Reason> {
        Ok(Records(self.entry.body().map_err(Reason::Namespace)?))
    }
}

impl Drop for Table<'_> {
    fn drop(&mut self) {
        // It cannot fail on an open file; if it did, dropping the entry does the same.
        let _ = self.entry.unlock_slot(TABLE_SLOT);
    }
}
