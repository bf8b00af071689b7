//! The file mapping object, as a handle has it.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use ennead_namespace::Entry;
use ennead_security::{AccessMask, SecurityDescriptor};
use ennead_sync::{ObjectName, Place};
use ennead_sys::lock::{self, LockMode};
use ennead_sys::{file, memfd};

use crate::commit::CommitMap;
use crate::error::{During, Operation, Reason, Result};
use crate::layout::{HEADER, Header, SEC_RESERVE};
use crate::rights::{ALL_ACCESS, EXECUTE, READ, WRITE};
use crate::view::{View, ViewOptions};
use crate::{PageProtection, ViewAccess, create};

/// A file mapping object (a *section*): a file, or memory that several processes share, of a size that never changes.
///
/// It lives as long as a value of this type or a [`View`] of it does, in any process; then its name is free and its memory returned. When its last user is killed,
/// the name is free at once, and the memory of a named one is returned at the next create, open or list of an object in its namespace by somebody who may, or by `ennead sweep`.
///
/// Page: [File Mapping](https://learn.microsoft.com/windows/win32/memory/file-mapping).
#[derive(Clone, Debug)]
pub struct FileMapping {
    inner: Arc<Inner>,
    granted: AccessMask,
    existed: bool,
}

/// What all handles and views in this process share.
#[derive(Debug)]
pub(crate) struct Inner {
    backing: Backing,
    pub(crate) size: u64,
    pub(crate) protection: PageProtection,
    /// Where byte 0 lies in the file.
    base: u64,
    reserve: Option<Reserve>,
    target: Option<ObjectName>,
    pub(crate) broken: AtomicBool,
    /// Places that this process has for itself, by their lock's byte.
    pub(crate) claims: Mutex<BTreeSet<u64>>,
}

/// Where the commit bitmap is.
#[derive(Clone, Copy, Debug)]
struct Reserve {
    file_offset: u64,
    bitmap: (u64, u64),
}

/// Where the bytes are.
#[derive(Debug)]
pub(crate) enum Backing {
    /// In the entry's own file.
    Named { entry: Entry },
    /// In a memory file; of pages of this size.
    Memory { file: File, huge: Option<usize> },
    /// In a file of somebody's; the entry holds the name.
    File { file: File, entry: Option<Entry> },
}

impl Inner {
    /// Bytes that lie at the beginning of their file.
    pub(crate) fn new(
        backing: Backing,
        size: u64,
        protection: PageProtection,
        target: Option<ObjectName>,
    ) -> Self {
        Self {
            backing,
            size,
            protection,
            base: 0,
            reserve: None,
            target,
            broken: AtomicBool::new(false),
            claims: Mutex::default(),
        }
    }

    /// Memory with a checked header at `start` of its file.
    pub(crate) fn of_memory(
        backing: Backing,
        header: Header,
        start: u64,
        target: Option<ObjectName>,
    ) -> Self {
        let reserve = (header.attributes == SEC_RESERVE)
            .then_some(Reserve { file_offset: start, bitmap: header.bitmap });
        let protection = PageProtection::from_bits(header.protection).unwrap_or(PageProtection::ReadOnly);
        Self { base: start + header.data, reserve, ..Self::new(backing, header.size, protection, target) }
    }

    pub(crate) fn file(&self) -> &File {
        match &self.backing {
            Backing::Named { entry } => entry.file(),
            Backing::Memory { file, .. } | Backing::File { file, .. } => file,
        }
    }

    /// Where byte `offset` lies in the file.
    pub(crate) fn file_offset(&self, offset: u64) -> u64 {
        self.base + offset
    }

    pub(crate) fn huge(&self) -> Option<usize> {
        match self.backing {
            Backing::Memory { huge, .. } => huge,
            _ => None,
        }
    }

    fn entry(&self) -> Option<&Entry> {
        match &self.backing {
            Backing::Named { entry } => Some(entry),
            Backing::File { entry, .. } => entry.as_ref(),
            Backing::Memory { .. } => None,
        }
    }

    /// Whether stores reach a file that others have by a path, so that it can be truncated.
    pub(crate) fn is_reserving(&self) -> bool {
        self.reserve.is_some()
    }
}

impl FileMapping {
    pub(crate) fn of(inner: Inner, granted: AccessMask, existed: bool) -> Self {
        Self { inner: Arc::new(inner), granted, existed }
    }

    /// Opens the file mapping of a name, for `access`: [`rights::READ`](crate::rights::READ), [`WRITE`], [`EXECUTE`], [`ALL_ACCESS`], generic rights, or
    /// [`AccessMask::MAXIMUM_ALLOWED`]. Does not block.
    ///
    /// Page: [OpenFileMapping](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-openfilemappingw).
    ///
    /// # Errors
    /// - ERROR_FILE_NOT_FOUND: nobody holds one of that name;
    /// - ERROR_ACCESS_DENIED: its descriptor does not grant the access;
    /// - ERROR_INVALID_HANDLE: the name is that of an object of another kind;
    /// - ERROR_INVALID_NAME, ERROR_FILENAME_EXCED_RANGE, ERROR_PATH_NOT_FOUND: what cannot be a name;
    /// - ERROR_FILE_INVALID: it maps a file that is not where it was.
    pub fn open(name: &str, access: AccessMask) -> Result<Self> {
        Self::open_in(None, name, access)
    }

    /// The same in other namespaces than the process's own.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_in(place: Option<&Place>, name: &str, access: AccessMask) -> Result<Self> {
        let target = ObjectName::parse(name).during(Operation::Open)?;
        create::open(place, target, access).during(Operation::Open)
    }

    /// Its size in bytes: as asked for by whoever created it. Views round nothing up.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.inner.size
    }

    /// What its views may be mapped for.
    #[must_use]
    pub fn protection(&self) -> PageProtection {
        self.inner.protection
    }

    /// Whether it was there before [`create`](crate::MappingOptions::create): ERROR_ALREADY_EXISTS beside a good handle.
    #[must_use]
    pub fn already_existed(&self) -> bool {
        self.existed
    }

    /// What this handle may be used for.
    #[must_use]
    pub fn granted(&self) -> AccessMask {
        self.granted
    }

    /// Its name with its namespace, as `Local\x`; `None` for one without a name.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.inner.target.as_ref().map(ToString::to_string)
    }

    /// Its security descriptor; `None` for one without a name.
    #[must_use]
    pub fn security_descriptor(&self) -> Option<SecurityDescriptor> {
        self.inner.entry()?.security_descriptor().ok()
    }

    /// Whether pages must be committed before use (`SEC_RESERVE`).
    #[must_use]
    pub fn is_reserving(&self) -> bool {
        self.inner.is_reserving()
    }

    /// The size of its large pages in bytes; `None` for ordinary ones.
    #[must_use]
    pub fn large_page(&self) -> Option<usize> {
        self.inner.huge()
    }

    /// Whether a view in this process has met a lost page. Views that are mapped from now on may work all the same.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.inner.broken.load(Relaxed)
    }

    /// Whether other handles or views exist, in this process (other than clones) or another; `false` for one without a name, of which nobody knows that.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_shared(&self) -> Result<bool> {
        self.inner.entry().map_or(Ok(false), Entry::is_shared).during(Operation::Open)
    }

    /// Maps all of it, from the beginning.
    ///
    /// # Errors
    /// As for [`view_with`](Self::view_with).
    pub fn view(&self, access: ViewAccess) -> Result<View> {
        self.view_with(&ViewOptions::new(access))
    }

    /// Maps a view (`MapViewOfFile`, `MapViewOfFileEx`). It keeps the object alive, also when this value is dropped.
    ///
    /// # Errors
    /// - ERROR_MAPPED_ALIGNMENT: the offset or the address is not a multiple of 64 KiB (of a large page);
    /// - ERROR_ACCESS_DENIED: past the end; or this handle was not opened for it; or the file system forbids to run what is in it (`noexec`);
    /// - ERROR_INVALID_PARAMETER: the protection does not allow it, or a length that is not a multiple of a large page's;
    /// - ERROR_NOT_ENOUGH_MEMORY: no room in the address space;
    /// - ERROR_INVALID_ADDRESS: the address is in use.
    pub fn view_with(&self, options: &ViewOptions) -> Result<View> {
        View::map(&self.inner, self.granted, options).during(Operation::Map)
    }

    /// Writes what was changed to the file's storage, with its metadata, and waits for that (`FlushFileBuffers`). Nothing to do for memory.
    ///
    /// # Errors
    /// What the system says.
    pub fn flush_file(&self) -> Result<()> {
        match &self.inner.backing {
            Backing::File { file, .. } => {
                file::sync(file).map_err(Reason::system("flush the file")).during(Operation::Flush)
            }
            _ => Ok(()),
        }
    }

    /// A second handle with less access (`DuplicateHandle`).
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED: more access than this one has.
    pub fn duplicate(&self, access: AccessMask) -> Result<Self> {
        let access = crate::rights::MAPPING.map(access);
        if !self.granted.contains(access) {
            let denied = Reason::Denied("a duplicate of a handle has no more rights than the handle");
            return Err(denied).during(Operation::Duplicate);
        }
        Ok(Self { granted: access, ..self.clone() })
    }

    /// A descriptor for another process, of memory without a name: it goes there as every descriptor does, and becomes a handle with
    /// [`from_descriptor`](Self::from_descriptor). It is a fresh description, for reading only where this handle is.
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER for anything else, which others open by its name or its path; else what the system says.
    pub fn to_descriptor(&self) -> Result<OwnedFd> {
        let Backing::Memory { file, huge: None } = &self.inner.backing else {
            let other = Reason::Parameter("only memory without a name goes to others as a descriptor");
            return Err(other).during(Operation::Duplicate);
        };
        let reopened =
            if self.granted.intersects(WRITE) { memfd::reopen(file) } else { memfd::reopen_to_read(file) };
        reopened.map_err(Reason::system("open the memory anew")).during(Operation::Duplicate)
    }

    /// The handle of a descriptor that another process made with [`to_descriptor`](Self::to_descriptor). Everything about it is checked.
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE: it is something else; ERROR_REVISION_MISMATCH or ERROR_FILE_CORRUPT: its header cannot be read.
    pub fn from_descriptor(descriptor: OwnedFd) -> Result<Self> {
        Self::adopt(File::from(descriptor)).during(Operation::Duplicate)
    }

    fn adopt(file: File) -> std::result::Result<Self, Reason> {
        let sealed = memfd::sealed(&file).filter(|_| memfd::is_in_tmpfs(&file)).ok_or(Reason::OtherKind)?;
        let mut bytes = [0; HEADER];
        let read = file::read_at(&file, &mut bytes, 0).map_err(Reason::system("read the header"))?;
        let header = Header::decode(&bytes[..read], sealed.size)?;
        if header.file.is_some() {
            return Err(Reason::OtherKind);
        }
        let access = file::access_of(&file).map_err(Reason::system("ask what it is open for"))?;
        let run = PageProtection::from_bits(header.protection).is_some_and(PageProtection::is_executable);
        let mut granted = match access {
            Some(file::Access::ReadWrite) => ALL_ACCESS,
            _ => crate::rights::QUERY | READ,
        };
        if run {
            granted |= EXECUTE;
        }
        let inner = Inner::of_memory(Backing::Memory { file, huge: None }, header, 0, None);
        Ok(Self::of(inner, granted, true))
    }
}

impl Inner {
    /// Has the place at `offset` for this process alone: a lock that falls with the claim, or with the process. `None` if somebody has it.
    pub(crate) fn claim(self: &Arc<Self>, offset: u64) -> std::io::Result<Option<Claim>> {
        let byte = CLAIMS + offset;
        // Locks of one description never meet: this process's own are told apart here.
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if claims.contains(&byte) || !lock::try_lock(self.file(), LockMode::Write, byte, 1)? {
            return Ok(None);
        }
        claims.insert(byte);
        Ok(Some(Claim { inner: Arc::clone(self), byte }))
    }

    /// The commit bitmap, mapped for this view.
    pub(crate) fn commit_map(&self, writable: bool) -> std::result::Result<Option<CommitMap>, Reason> {
        let Some(reserve) = self.reserve else { return Ok(None) };
        CommitMap::map(self.file(), reserve.file_offset, reserve.bitmap, writable).map(Some)
    }
}

/// The first byte whose locks are claims. Past any data, and past the slots of entries; locks need no bytes under them.
const CLAIMS: u64 = 1 << 61;

/// A place in a file mapping that one process has for itself.
#[derive(Debug)]
pub(crate) struct Claim {
    inner: Arc<Inner>,
    byte: u64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claims = self.inner.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if claims.remove(&self.byte) {
            // It cannot fail on an open file; if it did, closing the file does the same.
            let _ = lock::unlock(self.inner.file(), self.byte, 1);
        }
    }
}
