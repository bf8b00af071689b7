//! What an entry's file holds: written before it has a name, checked whenever it is read.

use std::fs::File;
use std::time::{SystemTime, UNIX_EPOCH};

use ennead_sys::file;
use ennead_sys::lock::{self, LockMode};
use ennead_sys::process;

use super::{CreateOptions, SLOTS};
use crate::error::EntryError;
use crate::header::{FIXED, Header, LONGEST_DESCRIPTOR};
use crate::name::Name;
use crate::owner::{self, OwnerId};
use crate::shelf::{Draft, Shelf, mark_slot, protect_key};

/// Up to here an alignment leaves no hole of whole pages worth having.
const PAGE: u64 = 4096;

/// Everything of an entry that does not depend on the attempt.
pub(crate) struct Prepared<'a> {
    front: Vec<u8>,
    total: u64,
    body: u64,
    options: &'a CreateOptions<'a>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(name: &Name, options: &'a CreateOptions<'a>) -> Result<Prepared<'a>, EntryError> {
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
        match self.fill(&draft) {
            Ok(()) => Ok(draft),
            Err(error) => {
                shelf.discard(&draft);
                Err(error)
            }
        }
    }

    /// What is to have room has it before anybody can map it. Between the front and an aligned body lies a hole.
    fn allocate(&self, file: &File) -> std::io::Result<()> {
        let (from, to) = self.options.allocated;
        let to = to.min(self.options.body_len);
        if self.options.body_align <= PAGE && from == 0 && to == self.options.body_len {
            return file::allocate(file, self.total);
        }
        file::set_len(file, self.total)?;
        file::allocate_range(file, 0, self.front.len() as u64)?;
        if from < to { file::allocate_range(file, self.body + from, to - from) } else { Ok(()) }
    }

    fn fill(&self, draft: &Draft) -> Result<(), EntryError> {
        let file = &draft.file;
        self.allocate(file).map_err(EntryError::system("allocate the entry"))?;
        file::write_at(file, &self.front, 0).map_err(EntryError::system("write the entry"))?;
        file::write_at(file, self.options.initial, self.body)
            .map_err(EntryError::system("write the entry"))?;
        self.options.protection.apply(file).map_err(EntryError::system("protect the entry"))?;
        if let Some(key) = &draft.key {
            protect_key(key, self.options.protection)?;
        }
        if let Some(slot) = self.options.slot {
            let locks = draft.key.as_ref().unwrap_or(file);
            lock::try_lock(locks, LockMode::Write, SLOTS + u64::from(slot), 1)
                .map_err(EntryError::system("take a slot's lock"))?;
            if draft.key.is_some() {
                mark_slot(file, slot, true);
            }
        }
        Ok(())
    }
}

/// How much of an entry's file is read at once: most fronts.
const AT_ONCE: usize = 1024;

/// The checked front of an entry's file: header, name, descriptor. Never gives the body, nor more than the longest front.
pub(crate) fn read_front(file: &File) -> Result<(Header, Name, Vec<u8>), EntryError> {
    let step = EntryError::system;
    let size = file::status(file).map_err(step("look at the entry"))?.size;
    let mut begin = [0; AT_ONCE];
    let wanted = AT_ONCE.min(usize::try_from(size).unwrap_or(AT_ONCE));
    let read = file::read_at(file, &mut begin[..wanted], 0).map_err(step("read the entry"))?;
    let header = Header::decode(&begin[..read.min(FIXED)], size).map_err(EntryError::Header)?;
    let part = |part: &'static str, (at, len): (u32, u32)| {
        let at_once =
            (at as usize).checked_add(len as usize).and_then(|end| begin[..read].get(at as usize..end));
        if let Some(bytes) = at_once {
            return Ok(bytes.to_vec());
        }
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
