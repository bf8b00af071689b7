//! Mappings of real files.

mod support;

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

use ennead_mapping::{
    FileMapping, GRANULARITY, MappingOptions, PageProtection, ViewAccess, ViewError, ViewOptions, rights,
};
use ennead_status::Win32Error;
use support::Root;

const GRAIN: usize = GRANULARITY as usize;

fn code<T: std::fmt::Debug>(result: ennead_mapping::Result<T>) -> Win32Error {
    result.unwrap_err().win32()
}

#[test]
fn all_of_a_file_is_as_long_as_the_file() {
    let root = Root::new();
    let file = root.file("a", b"ten bytes!");
    let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
    assert_eq!((mapping.size(), mapping.name(), mapping.already_existed()), (10, None, false));
    let view = mapping.view(ViewAccess::Write).unwrap();
    assert_eq!(view.len(), 10);
    assert_eq!(view.to_vec(0, 10).unwrap(), b"ten bytes!");
    view.write(4, b"BYTES").unwrap();
    // Coherent with other views, of other mappings too, and with ordinary reads and writes.
    let again = MappingOptions::file(&file).protection(PageProtection::ReadOnly).create_unnamed().unwrap();
    let other = again.view(ViewAccess::Read).unwrap();
    assert_eq!(other.to_vec(0, 10).unwrap(), b"ten BYTES!");
    let mut read = [0; 10];
    file.read_exact_at(&mut read, 0).unwrap();
    assert_eq!(&read, b"ten BYTES!");
    file.write_all_at(b"one", 0).unwrap();
    assert_eq!(view.to_vec(0, 3).unwrap(), b"one");
}

#[test]
fn a_file_without_bytes_is_refused_and_a_size_makes_it_grow() {
    let root = Root::new();
    let file = root.file("a", b"");
    assert_eq!(code(MappingOptions::file(&file).create_unnamed()), Win32Error::FILE_INVALID);
    let read_only = MappingOptions::file(&file).size(100).protection(PageProtection::ReadOnly);
    assert_eq!(code(read_only.create_unnamed()), Win32Error::NOT_ENOUGH_MEMORY);
    let grown = MappingOptions::file(&file).size(100_000).create_unnamed().unwrap();
    assert_eq!(file.metadata().unwrap().len(), 100_000);
    grown.view(ViewAccess::Write).unwrap().write(99_999, b"!").unwrap();
    // A smaller mapping shows the beginning, and leaves the file as it is.
    let part = MappingOptions::file(&file).size(10).create_unnamed().unwrap();
    assert_eq!(part.view(ViewAccess::Read).unwrap().len(), 10);
    assert_eq!(file.metadata().unwrap().len(), 100_000);
    let whole = MappingOptions::file(&file).create_unnamed().unwrap();
    assert_eq!(whole.size(), 100_000);
}

#[test]
fn a_file_cannot_grow_past_the_disk() {
    let root = Root::new();
    let file = root.file("a", b"x");
    for size in [1 << 62, 1 << 63, u64::MAX] {
        let error = MappingOptions::file(&file).size(size).create_unnamed().unwrap_err();
        assert_eq!(error.win32(), Win32Error::DISK_FULL, "{size}: {error:?}");
    }
    assert_eq!(file.metadata().unwrap().len(), 1);
}

#[test]
fn the_file_must_be_open_for_what_the_protection_says() {
    let root = Root::new();
    root.file("a", b"bytes");
    let path = root.path.join("a");
    let read = std::fs::File::open(&path).unwrap();
    assert_eq!(code(MappingOptions::file(&read).create_unnamed()), Win32Error::ACCESS_DENIED);
    let write = std::fs::File::options().write(true).open(&path).unwrap();
    let reading = |file| MappingOptions::file(file).protection(PageProtection::ReadOnly);
    assert_eq!(code(reading(&write).create_unnamed()), Win32Error::ACCESS_DENIED);
    reading(&read).create_unnamed().unwrap();
    let folder = std::fs::File::open(&root.path).unwrap();
    assert_eq!(code(reading(&folder).create_unnamed()), Win32Error::BAD_EXE_FORMAT);
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(code(reading(&null).create_unnamed()), Win32Error::BAD_EXE_FORMAT);
}

/// "All mapped views of the object must be compatible with this protection."
#[test]
fn views_fit_the_protection() {
    use PageProtection::*;
    let root = Root::new();
    let file = root.file("a", b"bytes");
    let read = std::fs::File::open(root.path.join("a")).unwrap();
    for protection in [ReadOnly, ReadWrite, WriteCopy, ExecuteRead, ExecuteReadWrite, ExecuteWriteCopy] {
        let from = if protection.is_writable() { &file } else { &read };
        let mapping = MappingOptions::file(from).protection(protection).create_unnamed().unwrap();
        assert_eq!(mapping.protection(), protection);
        mapping.view(ViewAccess::Read).unwrap();
        mapping.view(ViewAccess::Copy).unwrap().write(0, b"mine").unwrap();
        let writing = mapping.view(ViewAccess::Write);
        if protection.is_writable() {
            writing.unwrap();
        } else {
            assert_eq!(code(writing), Win32Error::INVALID_PARAMETER, "{protection:?}");
        }
        let running = mapping.view_with(&ViewOptions::new(ViewAccess::Read).execute());
        match running {
            Ok(_) => assert!(protection.is_executable(), "{protection:?}"),
            // A file system that is mounted `noexec` forbids it too.
            Err(error) => assert_eq!(error.win32(), Win32Error::ACCESS_DENIED, "{protection:?}"),
        }
    }
    assert_eq!(std::fs::read(root.path.join("a")).unwrap(), b"bytes", "copies go nowhere");
}

#[test]
fn a_copy_on_write_view_is_for_itself() {
    let root = Root::new();
    let file = root.file("a", &[7; 8192]);
    let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
    let (shared, copy) = (mapping.view(ViewAccess::Write).unwrap(), mapping.view(ViewAccess::Copy).unwrap());
    let second = mapping.view(ViewAccess::Copy).unwrap();
    copy.write(0, b"mine").unwrap();
    assert_eq!(shared.to_vec(0, 4).unwrap(), [7; 4]);
    assert_eq!(second.to_vec(0, 4).unwrap(), [7; 4]);
    assert_eq!(copy.to_vec(0, 5).unwrap(), b"mine\x07");
    copy.flush(0..8192).unwrap();
    assert_eq!(std::fs::read(root.path.join("a")).unwrap(), [7; 8192]);
}

#[test]
fn offsets_and_lengths() {
    let root = Root::new();
    let content: Vec<u8> = (0..3 * GRAIN + 100).map(|n| (n / GRAIN) as u8 + b'a').collect();
    let file = root.file("a", &content);
    let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
    let view =
        |offset: u64, len| mapping.view_with(&ViewOptions::new(ViewAccess::Write).offset(offset).len(len));
    let last = view(3 * GRANULARITY, 0).unwrap();
    assert_eq!((last.len(), last.offset()), (100, 3 * GRANULARITY));
    assert_eq!(last.to_vec(0, 100).unwrap(), [b'd'; 100]);
    let some = view(GRANULARITY, GRAIN + 1).unwrap();
    assert_eq!(some.to_vec(GRAIN - 1, 2).unwrap(), b"bc");
    // Several at once, over the same bytes.
    some.write(0, b"seen").unwrap();
    assert_eq!(mapping.view(ViewAccess::Read).unwrap().to_vec(GRAIN, 4).unwrap(), b"seen");
    for askew in [1, 4096, GRANULARITY - 1, GRANULARITY + 4096, 1 << 63 | 1] {
        assert_eq!(code(view(askew, 0)), Win32Error::MAPPED_ALIGNMENT, "{askew}");
    }
    for (offset, len) in [
        (4 * GRANULARITY, 0),
        (0, content.len() + 1),
        (GRANULARITY, 2 * GRAIN + 101),
        (0, usize::MAX),
        (1 << 63, 0),
        (u64::MAX << 16, 1),
    ] {
        assert_eq!(code(view(offset, len)), Win32Error::ACCESS_DENIED, "{offset} {len}");
    }
}

#[test]
fn an_address_may_be_asked_for() {
    let root = Root::new();
    let file = root.file("a", &[1; GRAIN]);
    let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
    let at = |address| {
        let address = std::num::NonZeroUsize::new(address).unwrap();
        mapping.view_with(&ViewOptions::new(ViewAccess::Read).address(address))
    };
    // Where something was a moment ago; another test may be faster, so again.
    let view = (0..100).find_map(|_| {
        let room = MappingOptions::memory(4 * GRANULARITY).create_unnamed().unwrap();
        let free = room.view(ViewAccess::Read).unwrap().as_ptr() as usize;
        at((free + GRAIN) & !(GRAIN - 1)).ok()
    });
    let view = view.unwrap();
    let free = view.as_ptr() as usize;
    assert!(free.is_multiple_of(GRAIN));
    assert_eq!(code(at(free)), Win32Error::INVALID_ADDRESS);
    assert_eq!(code(at(free + 4096)), Win32Error::MAPPED_ALIGNMENT);
}

#[test]
fn a_view_survives_its_mapping_and_its_file_handle() {
    let root = Root::new();
    let file = root.file("a", b"first");
    let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
    let view = mapping.view(ViewAccess::Write).unwrap();
    drop((mapping, file));
    view.write(0, b"last!").unwrap();
    view.flush(0..5).unwrap();
    assert_eq!(std::fs::read(root.path.join("a")).unwrap(), b"last!");
}

#[test]
fn flushing() {
    let path = std::env::temp_dir().join(format!("ennead-mapping-flush-{}", std::process::id()));
    let file =
        std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    let mapping = MappingOptions::file(&file).size(200_000).create_unnamed().unwrap();
    let view = mapping.view_with(&ViewOptions::new(ViewAccess::Write).offset(GRANULARITY)).unwrap();
    view.write(0, b"flushed").unwrap();
    view.flush(3..7).unwrap();
    view.flush(0..view.len()).unwrap();
    assert_eq!(code(view.flush(0..view.len() + 1)), Win32Error::INVALID_PARAMETER);
    mapping.flush_file().unwrap();
    let mut read = [0; 7];
    file.read_exact_at(&mut read, GRANULARITY).unwrap();
    assert_eq!(&read, b"flushed");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_file_larger_than_memory() {
    let path = std::env::temp_dir().join(format!("ennead-mapping-large-{}", std::process::id()));
    let file =
        std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    // One byte at the end of a hole of some terabytes.
    let size = 8u64 << 40;
    file.set_len(size).unwrap();
    file.write_all_at(b"end", size - 3).unwrap();
    let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
    assert_eq!(mapping.size(), size);
    let last = (size - 1) / GRANULARITY * GRANULARITY;
    let view = mapping.view_with(&ViewOptions::new(ViewAccess::Write).offset(last)).unwrap();
    assert_eq!(view.to_vec(view.len() - 3, 3).unwrap(), b"end");
    let whole = mapping.view(ViewAccess::Write).unwrap();
    whole.write((size / 2) as usize, b"middle").unwrap();
    let mut read = [0; 6];
    file.read_exact_at(&mut read, size / 2).unwrap();
    assert_eq!(&read, b"middle");
    drop((view, whole));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_file_larger_than_the_address_space() {
    let root = Root::new();
    let file = root.file("a", b"");
    file.set_len(1 << 60).unwrap();
    let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
    assert_eq!(code(mapping.view(ViewAccess::Read)), Win32Error::NOT_ENOUGH_MEMORY);
    let part = ViewOptions::new(ViewAccess::Write).offset((1 << 60) - GRANULARITY);
    mapping.view_with(&part).unwrap().write(GRAIN - 1, b"!").unwrap();
}

/// "To guard against exceptions due to I/O errors": here they are errors.
#[test]
fn somebody_truncates_the_file() {
    let root = Root::new();
    let file = root.file("a", &[9; 3 * GRAIN]);
    let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
    let view = mapping.view(ViewAccess::Write).unwrap();
    let word = view.atomic::<std::sync::atomic::AtomicU64>(2 * GRAIN).unwrap();
    file.set_len(GRANULARITY).unwrap();
    assert_eq!(view.to_vec(0, 4).unwrap(), [9; 4], "what is left is left");
    assert_eq!(view.write(2 * GRAIN + 8, b"lost"), Err(ViewError::Broken));
    assert_eq!(ViewError::Broken.win32(), Win32Error::SWAPERROR);
    assert!(view.is_broken() && mapping.is_broken());
    assert_eq!(word.load(std::sync::atomic::Ordering::Relaxed), 0, "no crash either");
    // The other user's file is not made longer by it, and views mapped from now on work.
    assert_eq!(file.metadata().unwrap().len(), GRANULARITY);
    file.set_len(3 * GRANULARITY).unwrap();
    mapping.view(ViewAccess::Write).unwrap().write(2 * GRAIN, b"found").unwrap();
    let mut text = String::new();
    let error = view.cursor().read_to_string(&mut text).unwrap_err();
    assert_eq!(Win32Error::from(&error), Win32Error::SWAPERROR);
}

#[test]
fn a_cursor_reads_and_writes_as_a_file_does() {
    let root = Root::new();
    let file = root.file("a", b"0123456789");
    let view = MappingOptions::file(&file).create_unnamed().unwrap().view(ViewAccess::Write).unwrap();
    let mut cursor = view.cursor();
    cursor.seek(SeekFrom::End(-4)).unwrap();
    assert_eq!(cursor.write(b"abcdef").unwrap(), 4, "up to the end");
    cursor.rewind().unwrap();
    let mut text = String::new();
    cursor.read_to_string(&mut text).unwrap();
    assert_eq!(text, "012345abcd");
    assert!(cursor.seek(SeekFrom::Current(-11)).is_err());
}

#[test]
fn a_file_under_a_name() {
    let root = Root::new();
    let file = root.file("costs", b"bolts 40");
    let options = MappingOptions::file(&file).place(&root.place);
    let made = options.create("Local\\costs").unwrap();
    let opened = root.open("costs", rights::ALL_ACCESS).unwrap();
    assert_eq!((opened.size(), opened.name().as_deref()), (8, Some("Local\\costs")));
    opened.view(ViewAccess::Write).unwrap().write(6, b"41").unwrap();
    assert_eq!(std::fs::read(root.path.join("costs")).unwrap(), b"bolts 41");
    // Another file in its place is not what was mapped.
    std::fs::rename(root.path.join("costs"), root.path.join("old")).unwrap();
    assert_eq!(code(root.open("costs", rights::READ)), Win32Error::FILE_INVALID);
    root.file("costs", b"another");
    assert_eq!(code(root.open("costs", rights::READ)), Win32Error::FILE_INVALID);
    // Its views are files' views, which is what a reader of the list sees.
    let listed = ennead_mapping::list_in(&root.place).unwrap();
    assert!(listed[0].details.unwrap().is_file);
    drop((made, opened));
    assert_eq!(code(root.open("costs", rights::READ)), Win32Error::FILE_NOT_FOUND);
    // A file that has no name any more has none to give.
    std::fs::remove_file(root.path.join("old")).unwrap();
    assert_eq!(code(options.create("costs")), Win32Error::FILE_INVALID);
}

#[test]
fn nothing_stays_open() {
    let root = Root::new();
    let file = root.file("a", &[0; 100]);
    let before = support::descriptors_of(&root.path.join("a"));
    assert_eq!(before, 1);
    let inode = file.metadata().unwrap().ino();
    for _ in 0..10 {
        let mapping = MappingOptions::file(&file).create_unnamed().unwrap();
        let _view = mapping.view(ViewAccess::Write).unwrap();
        let _copy: FileMapping = mapping.duplicate(rights::READ).unwrap();
    }
    assert_eq!(support::descriptors_of(&root.path.join("a")), before);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.contains(&format!(" {inode} ")));
}
