//! Entries as a mechanism uses them.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use ennead_security::{FormatError, SecurityDescriptor};
use ennead_sys::file::{self, Access};
use ennead_sys::lock::{self, Holder, LockMode};
use ennead_sys::mapping::{Mapping, ReadOnlyMapping};
use ennead_sys::process;

use crate::claim::{self, Outcome};
use crate::error::EntryError;
use crate::header::{FIXED, Header, LONGEST_DESCRIPTOR};
use crate::name::{Kind, Name};
use crate::owner::{self, OwnerId};
use crate::patience::Patience;
use crate::protection::Protection;
use crate::root::{Root, Scope};
use crate::shelf::{Draft, Held, Shelf};

/// The first byte whose locks are slots. Far past any body; locks need no bytes under them.
pub(crate) const SLOTS: u64 = 1 << 40;

/// What a holder wants to do with an existing entry's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Read and write it, else only read it.
    #[default]
    Most,
    /// Read it.
    Read,
    /// Read and write it; refused where the descriptor allows less.
    ReadWrite,
}

impl Wanted {
    fn accesses(self) -> &'static [Access] {
        match self {
            Wanted::Most => &[Access::ReadWrite, Access::Read],
            Wanted::Read => &[Access::Read],
            Wanted::ReadWrite => &[Access::ReadWrite],
        }
    }
}

/// How an entry is made.
#[derive(Debug, Clone)]
pub struct CreateOptions<'a> {
    protection: &'a Protection,
    body_tag: u32,
    body_version: u32,
    body_len: u64,
    body_align: u64,
    initial: &'a [u8],
    slot: Option<u32>,
    exclusive: bool,
    wanted: Wanted,
}

impl<'a> CreateOptions<'a> {
    /// An entry with this protection and no body.
    pub fn new(protection: &'a Protection) -> Self {
        CreateOptions {
            protection,
            body_tag: 0,
            body_version: 0,
            body_len: 0,
            body_align: 64,
            initial: &[],
            slot: None,
            exclusive: false,
            wanted: Wanted::Most,
        }
    }

    /// The body: the mechanism's tag and layout version, both of which an opener must compare, and its length in bytes. All its
    /// room is really allocated (ERROR_DISK_FULL), and zero where `initial` does not fill it.
    #[must_use]
    pub fn body(mut self, tag: u32, version: u32, len: u64) -> Self {
        (self.body_tag, self.body_version, self.body_len) = (tag, version, len);
        self
    }

    /// The body's first bytes, in place before anybody can see the entry.
    #[must_use]
    pub fn initial(mut self, bytes: &'a [u8]) -> Self {
        self.initial = bytes;
        self
    }

    /// A power of two that the body's offset in the file is a multiple of: 64 if not said.
    #[must_use]
    pub fn align(mut self, align: u64) -> Self {
        self.body_align = align;
        self
    }

    /// Holds this slot before anybody can see the entry.
    #[must_use]
    pub fn slot(mut self, slot: u32) -> Self {
        self.slot = Some(slot);
        self
    }

    /// [`EntryError::AlreadyExists`] instead of an existing entry.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// What is wanted of an existing entry.
    #[must_use]
    pub fn wanted(mut self, wanted: Wanted) -> Self {
        self.wanted = wanted;
        self
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Whether it is held is all that an exclusive creator asks.
    pub(crate) fn wanted_of_existing(&self) -> Wanted {
        if self.exclusive { Wanted::Most } else { self.wanted }
    }

    pub(crate) fn protection(&self) -> &'a Protection {
        self.protection
    }

    pub(crate) fn accesses(&self) -> &'static [Access] {
        self.wanted_of_existing().accesses()
    }
}

/// What a create came to.
#[derive(Debug)]
pub enum Created {
    /// The name was free; the entry is as the options say.
    New(Entry),
    /// Somebody held the name; the entry is as they made it. (ERROR_ALREADY_EXISTS beside a valid handle, on Windows.)
    Existing(Entry),
}

impl Created {
    /// The entry, whoever made it.
    pub fn into_entry(self) -> Entry {
        match self {
            Created::New(entry) | Created::Existing(entry) => entry,
        }
    }
}

/// A held name. Dropping it lets go; when the last holder does, the name is free and the file removed.
///
/// To hold it longer, share it in an `Arc`. Every entry has its own description, so its locks are its own.
#[derive(Debug)]
pub struct Entry {
    // Declared first, dropped first: a mapping keeps its description's locks.
    mapping: OnceLock<Pages>,
    held: Held,
    kind: Kind,
    name: Name,
    header: Header,
    descriptor: Vec<u8>,
    slots: Mutex<BTreeSet<u32>>,
}

#[derive(Debug)]
enum Pages {
    Shared(Mapping),
    ReadOnly(ReadOnlyMapping),
}

impl Root {
    /// Makes an entry, or opens the one that holds the name.
    ///
    /// Does not block, but for a moment while another process is at the same name. Files of dead holders are replaced.
    pub fn create(
        &self,
        kind: Kind,
        name: &Name,
        options: &CreateOptions<'_>,
    ) -> Result<Created, EntryError> {
        let file_name = name.file_name(kind.case());
        let prepared = Prepared::new(name, options)?;
        let own = self.own_shelf(kind)?;
        let outcome = match self.scope() {
            Scope::Local => claim::create_alone(&own, &file_name, &prepared, options)?,
            Scope::Global => {
                claim::create_among(&own, || self.shelves(kind), &file_name, &prepared, options)?
            }
        };
        match outcome {
            Outcome::Created(held) => {
                let entry = Entry::read(held, kind, name)?;
                entry.slots.lock().unwrap_or_else(PoisonError::into_inner).extend(options.slot);
                Ok(Created::New(entry))
            }
            Outcome::Existing(_) if options.exclusive => Err(EntryError::AlreadyExists),
            Outcome::Existing(held) => match Entry::read(held, kind, name) {
                Ok(entry) => Ok(Created::Existing(entry)),
                Err(EntryError::NotFound) => Err(EntryError::HashCollision),
                Err(error) => Err(error),
            },
        }
    }

    /// Opens the entry that holds the name. [`EntryError::NotFound`] if nobody does.
    pub fn open(&self, kind: Kind, name: &Name, wanted: Wanted) -> Result<Entry, EntryError> {
        let file_name = name.file_name(kind.case());
        let mut patience = Patience::default();
        let shelves = self.shelves(kind)?;
        let held = claim::open_among(&shelves, &file_name, wanted.accesses(), &mut patience).inspect_err(|e| {
            if matches!(e, EntryError::AccessDenied) {
                tracing::warn!(target: "ennead::audit", kind = kind.folder(), %name, "refused: the entry's rights");
            }
        })?;
        Entry::read(held, kind, name)
    }
}

impl Entry {
    fn read(held: Held, kind: Kind, name: &Name) -> Result<Entry, EntryError> {
        let (header, stored, descriptor) = read_front(&held.file)?;
        if !stored.is_same(name, kind.case()) {
            return Err(EntryError::NotFound);
        }
        Ok(Entry {
            mapping: OnceLock::new(),
            held,
            kind,
            name: stored,
            header,
            descriptor,
            slots: Mutex::default(),
        })
    }

    /// The name as its creator wrote it.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The kind that it was opened as.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its random id, never used again.
    pub fn id(&self) -> u64 {
        self.header.entry
    }

    /// Its fixed part, as it was when opened.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The process that made it (which may be gone).
    pub fn creator(&self) -> OwnerId {
        OwnerId::from_u64(self.header.owner)
    }

    /// The user whose folder it lies in: the kernel's word, not the entry's.
    pub fn owner_uid(&self) -> u32 {
        self.held.shelf.owner
    }

    /// The mechanism's tag. Compare it before the body is read: kinds share folders.
    pub fn body_tag(&self) -> u32 {
        self.header.body_tag
    }

    /// The mechanism's layout version.
    pub fn body_version(&self) -> u32 {
        self.header.body_version
    }

    /// The exact security descriptor in self-relative form.
    pub fn descriptor(&self) -> &[u8] {
        &self.descriptor
    }

    /// The same, parsed.
    pub fn security_descriptor(&self) -> Result<SecurityDescriptor, FormatError> {
        SecurityDescriptor::from_bytes(&self.descriptor)
    }

    /// Whether this holder may write the body and lock slots.
    pub fn is_writable(&self) -> bool {
        self.held.access == Access::ReadWrite
    }

    /// Whether other holders live.
    pub fn is_shared(&self) -> Result<bool, EntryError> {
        self.held.is_shared().map_err(EntryError::system("ask who holds the entry"))
    }

    /// The file, for a mechanism that maps parts of it itself, beginning at the header's `body.0`.
    pub fn file(&self) -> &File {
        &self.held.file
    }

    /// The body, mapped at the first call.
    pub fn body(&self) -> Result<Body<'_>, EntryError> {
        let pages = match self.mapping.get() {
            Some(pages) => pages,
            None => {
                let pages = self.map().map_err(EntryError::system("map the entry"))?;
                self.mapping.get_or_init(|| pages)
            }
        };
        // Both fit: the whole file was mapped, and it ends behind the body.
        Ok(Body { pages, start: self.header.body.0 as usize, len: self.header.body.1 as usize })
    }

    fn map(&self) -> std::io::Result<Pages> {
        let end = self.header.body.0 + self.header.body.1;
        let len = usize::try_from(end).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        // A holder may have truncated it since: then the load would be a SIGBUS.
        if file::status(&self.held.file)?.size < end {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(match self.held.access {
            Access::ReadWrite => Pages::Shared(Mapping::new(&self.held.file, len)?),
            Access::Read => Pages::ReadOnly(ReadOnlyMapping::new(&self.held.file, len)?),
        })
    }

    /// Takes slot `n` for this entry value; `false` if anybody has it, this value included. It falls with the entry value, or
    /// the process. Needs the right to write ([`Entry::is_writable`]).
    pub fn lock_slot(&self, n: u32) -> Result<bool, EntryError> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.contains(&n) {
            return Ok(false);
        }
        let locked = lock::try_lock(&self.held.file, LockMode::Write, SLOTS + u64::from(n), 1)
            .map_err(EntryError::system("take a slot's lock"))?;
        if locked {
            slots.insert(n);
        }
        Ok(locked)
    }

    /// Takes the first free slot of `0..count`.
    pub fn lock_any_slot(&self, count: u32) -> Result<Option<u32>, EntryError> {
        for n in 0..count {
            if self.lock_slot(n)? {
                return Ok(Some(n));
            }
        }
        Ok(None)
    }

    /// Lets slot `n` go, if this entry value has it.
    pub fn unlock_slot(&self, n: u32) -> Result<(), EntryError> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.remove(&n) {
            lock::unlock(&self.held.file, SLOTS + u64::from(n), 1)
                .map_err(EntryError::system("release a slot's lock"))?;
        }
        Ok(())
    }

    /// Whether anybody has slot `n`, this value included. Takes no lock.
    pub fn slot_is_held(&self, n: u32) -> Result<bool, EntryError> {
        if self.slots.lock().unwrap_or_else(PoisonError::into_inner).contains(&n) {
            return Ok(true);
        }
        query_slot(&self.held.file, n)
    }
}

pub(crate) fn query_slot(file: &File, n: u32) -> Result<bool, EntryError> {
    let holder =
        lock::query(file, SLOTS + u64::from(n), 1).map_err(EntryError::system("ask for a slot's lock"))?;
    Ok(holder != Holder::Nobody)
}

/// The mapped body of an entry. Offsets count from the body's beginning.
///
/// What lies there may change at any instant: read each word once, check it, then use it.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    pages: &'a Pages,
    start: usize,
    len: usize,
}

impl<'a> Body<'a> {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it may be written. A store into the words of one that may not be faults.
    pub fn is_writable(&self) -> bool {
        matches!(self.pages, Pages::Shared(_))
    }

    /// The 32-bit word at `offset`.
    ///
    /// # Panics
    /// If it is not within the body, or not aligned: the mechanism's own layout is wrong.
    #[inline]
    pub fn atomic_u32(&self, offset: usize) -> &'a AtomicU32 {
        let at = self.at(offset, 4);
        match self.pages {
            Pages::Shared(pages) => pages.atomic_u32(at),
            Pages::ReadOnly(pages) => pages.atomic_u32(at),
        }
    }

    /// The 64-bit word at `offset`.
    ///
    /// # Panics
    /// If it is not within the body, or not aligned.
    #[inline]
    pub fn atomic_u64(&self, offset: usize) -> &'a AtomicU64 {
        let at = self.at(offset, 8);
        match self.pages {
            Pages::Shared(pages) => pages.atomic_u64(at),
            Pages::ReadOnly(pages) => pages.atomic_u64(at),
        }
    }

    /// Copies bytes out.
    ///
    /// # Panics
    /// If they are not within the body.
    pub fn copy_out(&self, offset: usize, to: &mut [u8]) {
        let at = self.at(offset, to.len());
        match self.pages {
            Pages::Shared(pages) => pages.copy_out(at, to),
            Pages::ReadOnly(pages) => pages.copy_out(at, to),
        }
    }

    /// Copies bytes in. [`EntryError::OutOfBody`] where the body may not be written.
    ///
    /// # Panics
    /// If they are not within the body.
    pub fn copy_in(&self, offset: usize, from: &[u8]) -> Result<(), EntryError> {
        let at = self.at(offset, from.len());
        match self.pages {
            Pages::Shared(pages) => pages.copy_in(at, from),
            Pages::ReadOnly(_) => return Err(EntryError::OutOfBody),
        }
        Ok(())
    }

    #[inline]
    fn at(&self, offset: usize, len: usize) -> usize {
        assert!(offset <= self.len && len <= self.len - offset, "bytes outside the entry's body");
        self.start + offset
    }
}

/// Everything of an entry that does not depend on the attempt.
pub(crate) struct Prepared<'a> {
    front: Vec<u8>,
    total: u64,
    body: u64,
    options: &'a CreateOptions<'a>,
}

impl<'a> Prepared<'a> {
    fn new(name: &Name, options: &'a CreateOptions<'a>) -> Result<Prepared<'a>, EntryError> {
        let descriptor = options.protection.descriptor();
        if descriptor.len() > LONGEST_DESCRIPTOR
            || options.initial.len() as u64 > options.body_len
            || !options.body_align.is_power_of_two()
        {
            return Err(EntryError::TooLarge);
        }
        let name_bytes: Vec<u8> = name.as_wide().iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let name_extent = (FIXED as u32, name_bytes.len() as u32);
        // Descriptors are parsed in place by some readers: keep theirs aligned.
        let descriptor_extent =
            ((name_extent.0 + name_extent.1).next_multiple_of(8), descriptor.len() as u32);
        let front_len = u64::from(descriptor_extent.0 + descriptor_extent.1);
        let body =
            front_len.checked_next_multiple_of(options.body_align.max(8)).ok_or(EntryError::TooLarge)?;
        let total = body
            .checked_add(options.body_len)
            .filter(|&total| total <= i64::MAX as u64)
            .ok_or(EntryError::TooLarge)?;
        let header = Header {
            mode: options.protection.mode(),
            entry: owner::random().map_err(EntryError::system("get random bits"))?,
            owner: OwnerId::current().map_err(EntryError::system("get random bits"))?.as_u64(),
            pid: process::id(),
            uid: process::effective_uid(),
            command: padded(&process::command()),
            created: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64),
            body_tag: options.body_tag,
            body_version: options.body_version,
            name: name_extent,
            descriptor: descriptor_extent,
            body: (body, options.body_len),
            writer: padded(env!("CARGO_PKG_VERSION").as_bytes()),
        };
        let mut front = header.encode().to_vec();
        front.extend(name_bytes);
        front.resize(descriptor_extent.0 as usize, 0);
        front.extend(descriptor);
        Ok(Prepared { front, total, body, options })
    }

    /// Writes it all into a locked file without a name.
    pub(crate) fn draft(&self, shelf: &Shelf) -> Result<Draft, EntryError> {
        let draft = shelf.draft()?;
        match self.fill(&draft.file) {
            Ok(()) => Ok(draft),
            Err(error) => {
                shelf.discard(&draft);
                Err(error)
            }
        }
    }

    fn fill(&self, file: &File) -> Result<(), EntryError> {
        file::allocate(file, self.total).map_err(EntryError::system("allocate the entry"))?;
        file::write_at(file, &self.front, 0).map_err(EntryError::system("write the entry"))?;
        file::write_at(file, self.options.initial, self.body)
            .map_err(EntryError::system("write the entry"))?;
        self.options.protection.apply(file).map_err(EntryError::system("protect the entry"))?;
        if let Some(slot) = self.options.slot {
            lock::try_lock(file, LockMode::Write, SLOTS + u64::from(slot), 1)
                .map_err(EntryError::system("take a slot's lock"))?;
        }
        Ok(())
    }
}

/// The checked front of an entry's file: header, name, descriptor. Never reads the body, nor more than the longest front.
pub(crate) fn read_front(file: &File) -> Result<(Header, Name, Vec<u8>), EntryError> {
    let step = EntryError::system;
    let size = file::status(file).map_err(step("look at the entry"))?.size;
    let mut fixed = [0; FIXED];
    let read = file::read_at(file, &mut fixed, 0).map_err(step("read the entry"))?;
    let header = Header::decode(&fixed[..read], size).map_err(EntryError::Header)?;
    let part = |part: &'static str, (at, len): (u32, u32)| {
        let mut bytes = vec![0; len as usize];
        let read = file::read_at(file, &mut bytes, u64::from(at)).map_err(step("read the entry"))?;
        // Truncated since its length was asked.
        if read < bytes.len() {
            return Err(EntryError::Header(crate::header::HeaderError::Extent { part }));
        }
        Ok(bytes)
    };
    let name_bytes = part("name", header.name)?;
    let descriptor = part("descriptor", header.descriptor)?;
    let units: Vec<u16> = name_bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect();
    let name = Name::from_wide(&units)
        .map_err(|_| EntryError::Header(crate::header::HeaderError::Extent { part: "name" }))?;
    Ok((header, name, descriptor))
}

fn padded(text: &[u8]) -> [u8; 16] {
    let mut field = [0; 16];
    let len = text.len().min(15);
    field[..len].copy_from_slice(&text[..len]);
    field
}
