//! Making and opening: where the bytes of a file mapping come from.

use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use ennead_namespace::{CreateOptions, Created, Entry, Kind, Wanted};
use ennead_security::AccessMask;
use ennead_sync::{ObjectName, Place};
use ennead_sys::file::{self, Access, FileKind};
use ennead_sys::folder::Folder;
use ennead_sys::{memfd, memory, process};

use crate::PageProtection;
use crate::error::Reason;
use crate::layout::{GRANULARITY, HEADER, Header, HeaderError, LAYOUT, MOST_RESERVED, TAG};
use crate::mapping::{Backing, FileMapping, Inner};
use crate::options::MappingOptions;
use crate::rights::{self, ALL_ACCESS, EXECUTE, WRITE};

/// From here on the system is asked what it has before memory is set aside: Linux would take it from programs that run.
const LARGE: u64 = 1 << 20;

pub(crate) fn unnamed(options: &MappingOptions<'_>) -> Result<FileMapping, Reason> {
    if options.large_pages {
        return large(options);
    }
    if let Some(file) = options.file {
        let (file, size) = of_file(file, options)?;
        return Ok(fresh(Inner::new(Backing::File { file, entry: None }, size, options.protection, None)));
    }
    let header = header_of_memory(options)?;
    let total = header.total().and_then(|total| usize::try_from(total).ok());
    let total = total.ok_or(Reason::TooBig("no memory can be that large"))?;
    let file = memfd::create_sealed("ennead-mapping", total).map_err(shortage("make a memory file"))?;
    let file = File::from(file);
    if !options.reserve {
        promise(header.size)?;
        file::allocate_range(&file, header.data, header.size).map_err(shortage("set memory aside"))?;
    }
    file::write_at(&file, &header.encode(), 0).map_err(shortage("write the header"))?;
    Ok(fresh(Inner::of_memory(Backing::Memory { file, huge: None }, header, 0, None)))
}

pub(crate) fn named(options: &MappingOptions<'_>, target: ObjectName) -> Result<FileMapping, Reason> {
    if options.large_pages {
        check_large(options)?;
        return Err(Reason::NoLargePages("the kernel has large pages for memory without a name only"));
    }
    let place = options.place.clone().unwrap_or_else(Place::of_process);
    let descriptor = options.security.clone().unwrap_or_else(rights::default_descriptor);
    let protection = rights::protection(&descriptor);
    let (header, path, opened) = match options.file {
        Some(file) => {
            let (file, size) = of_file(file, options)?;
            let path = path_of(&file)?;
            let status = file::status(&file).map_err(Reason::system("look at the file"))?;
            let at = (status.device, status.inode);
            let header = Header::of_file(size, options.protection.bits(), at, path.len() as u32);
            (header, path, Some(file))
        }
        None => (header_of_memory(options)?, Vec::new(), None),
    };
    let total = header.total().ok_or(Reason::TooBig("no memory can be that large"))?;
    let commits = opened.is_none() && !options.reserve;
    if commits {
        promise(header.size)?;
    }
    let initial = [&header.encode()[..], &path].concat();
    let writes = options.protection.is_writable();
    let entry = CreateOptions::new(&protection)
        .body(TAG, LAYOUT, total)
        .initial(&initial)
        .align(GRANULARITY)
        .allocate(if opened.is_some() {
            0..total
        } else if commits {
            header.data..total
        } else {
            0..0
        })
        .wanted(if writes { Wanted::ReadWrite } else { Wanted::Read });
    match target.root(&place)?.create(Kind::OBJECT, target.name(), &entry) {
        Ok(Created::New(entry)) => {
            let inner = match opened {
                Some(file) => {
                    let backing = Backing::File { file, entry: Some(entry) };
                    Inner::new(backing, header.size, options.protection, Some(target))
                }
                None => {
                    let start = entry.header().body.0;
                    Inner::of_memory(Backing::Named { entry }, header, start, Some(target))
                }
            };
            Ok(fresh(inner))
        }
        Ok(Created::Existing(entry)) => {
            let (inner, granted) = existing(entry, options.protection.access(), target)?;
            Ok(FileMapping::of(inner, granted, true))
        }
        Err(error) => Err(named_shortage(error)),
    }
}

pub(crate) fn open(
    place: Option<&Place>,
    target: ObjectName,
    access: AccessMask,
) -> Result<FileMapping, Reason> {
    let place = place.cloned().unwrap_or_else(Place::of_process);
    let access = rights::MAPPING.map(access);
    let wanted = if access.contains(AccessMask::MAXIMUM_ALLOWED) {
        Wanted::Most
    } else if access.intersects(WRITE) {
        Wanted::ReadWrite
    } else {
        Wanted::Read
    };
    let entry = target.root(&place)?.open(Kind::OBJECT, target.name(), wanted)?;
    let (inner, granted) = existing(entry, access, target)?;
    Ok(FileMapping::of(inner, granted, false))
}

/// What somebody else made. Everything that is read of it is checked.
fn existing(entry: Entry, access: AccessMask, target: ObjectName) -> Result<(Inner, AccessMask), Reason> {
    if entry.body_tag() != TAG {
        return Err(Reason::OtherKind);
    }
    let mut granted = rights::check(entry.descriptor(), access)?;
    if !entry.is_writable() {
        // The kernel has the last word, whatever the maximum of the descriptor is.
        granted = granted.without(WRITE);
    }
    if entry.body_version() != LAYOUT {
        return Err(HeaderError::Layout { found: entry.body_version() }.into());
    }
    let (start, len) = entry.header().body;
    let mut bytes = [0; HEADER];
    let read = file::read_at(entry.file(), &mut bytes, start).map_err(Reason::system("read the header"))?;
    let header = Header::decode(&bytes[..read], len)?;
    let Some(id) = header.file else {
        // Data is mapped at the granularity whatever a co-writer made of the entry's front.
        if !start.is_multiple_of(GRANULARITY) {
            return Err(HeaderError::Extent { part: "data" }.into());
        }
        return Ok((Inner::of_memory(Backing::Named { entry }, header, start, Some(target)), granted));
    };
    let protection = PageProtection::from_bits(header.protection).unwrap_or(PageProtection::ReadOnly);
    let mut path = vec![0; header.path.1 as usize];
    let at = start + u64::from(header.path.0);
    let read = file::read_at(entry.file(), &mut path, at).map_err(Reason::system("read the file's path"))?;
    path.truncate(read);
    let writes = granted.intersects(WRITE) && protection.is_writable();
    let access = if writes { Access::ReadWrite } else { Access::Read };
    let file = open_same(path, id, access, entry.owner_uid())?;
    let backing = Backing::File { file, entry: Some(entry) };
    Ok((Inner::new(backing, header.size, protection, Some(target)), granted))
}

/// Opens the file that a process of the user `maker` maps. It may have been moved, and another put in its place.
///
/// The maker says which file it is, and the caller opens it with rights of his own. So it has to be the maker's: else he could make
/// us write into a file of ours that he may not write, under a name that we take for his.
fn open_same(path: Vec<u8>, id: (u64, u64), access: Access, maker: u32) -> Result<File, Reason> {
    let path = PathBuf::from(std::ffi::OsString::from_vec(path));
    let gone = Reason::FileInvalid("the mapped file is not where it was when the mapping was made");
    // A FIFO or a terminal is not even opened.
    let is_same = |file: &std::fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        file.is_file() && (file.dev(), file.ino()) == id
    };
    match std::fs::metadata(&path) {
        Ok(found) if is_same(&found) => {}
        Ok(_) => return Err(gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(gone),
        Err(error) => return Err(Reason::System { step: "look at the mapped file", source: error }),
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(gone) };
    // Does not wait, should somebody have put a FIFO there just now.
    let opened = Folder::open(parent).and_then(|folder| folder.open_file(name, access));
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Reason::Denied("the rights of the mapped file itself"),
        _ => Reason::System { step: "open the mapped file", source: error },
    })?;
    match file.metadata() {
        Ok(found) if !is_same(&found) => Err(gone),
        Ok(found) if is_maker_s(&found, maker) => Ok(file),
        Ok(_) => {
            Err(Reason::Denied("the mapped file belongs to another user than the one who made the mapping"))
        }
        Err(_) => Err(gone),
    }
}

/// Whether what `maker` says of a file need not be distrusted.
fn is_maker_s(file: &std::fs::Metadata, maker: u32) -> bool {
    use std::os::unix::fs::MetadataExt;
    maker == 0 || maker == process::effective_uid() || maker == file.uid()
}

/// Where the kernel says that an open file is.
fn path_of(file: &File) -> Result<Vec<u8>, Reason> {
    let path = file::path(file).map_err(Reason::system("find the file's path"))?;
    let bytes = path.as_os_str().as_bytes();
    if !path.is_absolute() || bytes.len() > 4096 || bytes.ends_with(b" (deleted)") && !path.exists() {
        return Err(Reason::FileInvalid("a file without a path cannot be mapped under a name"));
    }
    Ok(bytes.to_vec())
}

/// The file, its description shared, and the size of its mapping.
fn of_file(file: &File, options: &MappingOptions<'_>) -> Result<(File, u64), Reason> {
    let status = file::status(file).map_err(Reason::system("look at the file"))?;
    if status.kind != FileKind::Regular {
        return Err(Reason::NotAFile);
    }
    let writes = options.protection.is_writable();
    match file::access_of(file).map_err(Reason::system("ask what the file is open for"))? {
        Some(Access::ReadWrite) => {}
        Some(Access::Read) if !writes => {}
        _ => return Err(Reason::Denied("the file is not open for what the protection says")),
    }
    if options.size == 0 && status.size == 0 {
        return Err(Reason::FileInvalid("the file has no bytes"));
    }
    let size = if options.size == 0 { status.size } else { options.size };
    if size > status.size {
        if !writes {
            return Err(Reason::TooBig("the file is shorter, and the protection does not let it grow"));
        }
        file::grow(file, status.size, size).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Reason::DiskFull(source)
            }
            // Past what an offset can say.
            io::ErrorKind::InvalidInput => Reason::DiskFull(source),
            _ => Reason::System { step: "make the file longer", source },
        })?;
    }
    let file = file.try_clone().map_err(Reason::system("keep the file open"))?;
    Ok((file, size))
}

fn header_of_memory(options: &MappingOptions<'_>) -> Result<Header, Reason> {
    if options.size == 0 {
        return Err(Reason::Parameter("memory must have a size"));
    }
    if options.reserve && options.size > MOST_RESERVED {
        return Err(Reason::TooBig("no memory can be that large"));
    }
    if options.size > i64::MAX as u64 - 2 * GRANULARITY {
        return Err(Reason::Commitment);
    }
    Ok(Header::of_memory(options.size, options.protection.bits(), options.reserve))
}

fn large(options: &MappingOptions<'_>) -> Result<FileMapping, Reason> {
    let huge = check_large(options)?;
    let file = memfd::create_huge("ennead-mapping", options.size).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Reason::Privilege,
        _ => Reason::NoLargePages("the kernel has not so many large pages to give"),
    })?;
    let backing = Backing::Memory { file: File::from(file), huge: Some(huge) };
    Ok(fresh(Inner::new(backing, options.size, options.protection, None)))
}

/// The size of large pages, if what is asked for could be made of them.
fn check_large(options: &MappingOptions<'_>) -> Result<usize, Reason> {
    if options.file.is_some() {
        return Err(Reason::Parameter("large pages are for memory, not for files"));
    }
    if options.reserve {
        return Err(Reason::Parameter("large pages are committed at once"));
    }
    let size = memory::huge_page().map_err(Reason::system("ask for the size of large pages"))?;
    let size = size.ok_or(Reason::NoLargePages("the kernel has no large pages"))?;
    if options.size == 0 || !options.size.is_multiple_of(size as u64) {
        return Err(Reason::Parameter("the size must be a multiple of the large page's"));
    }
    Ok(size)
}

/// Whether the system could set `size` bytes aside at all.
pub(crate) fn promise(size: u64) -> Result<(), Reason> {
    if size < LARGE {
        return Ok(());
    }
    let available = memory::available().map_err(Reason::system("ask how much memory there is"))?;
    if size > available { Err(Reason::Commitment) } else { Ok(()) }
}

/// No room for memory is the commitment limit, not a full disk.
pub(crate) fn shortage(step: &'static str) -> impl FnOnce(io::Error) -> Reason {
    move |source| {
        use io::ErrorKind::{FileTooLarge, OutOfMemory, QuotaExceeded, StorageFull};
        match source.kind() {
            StorageFull | QuotaExceeded | FileTooLarge | OutOfMemory => Reason::Commitment,
            _ => Reason::System { step, source },
        }
    }
}

fn named_shortage(error: ennead_namespace::EntryError) -> Reason {
    match error {
        ennead_namespace::EntryError::System { step, source } => match shortage(step)(source) {
            Reason::System { step, source } => {
                Reason::from(ennead_namespace::EntryError::System { step, source })
            }
            limit => limit,
        },
        other => other.into(),
    }
}

fn fresh(inner: Inner) -> FileMapping {
    let run = if inner.protection.is_executable() { EXECUTE } else { AccessMask::NONE };
    FileMapping::of(inner, ALL_ACCESS | run, false)
}
