//! Memory that is shared by its name, or by a descriptor.

mod support;

use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use ennead_mapping::{
    FileMapping, GRANULARITY, MappingOptions, PageProtection, Place, ViewAccess, ViewError, ViewOptions,
    rights,
};
use ennead_namespace::{CreateOptions, Kind, Name, Protection, Root as NamedRoot};
use ennead_security::AccessMask;
use ennead_status::Win32Error;
use support::Root;

fn code<T: std::fmt::Debug>(result: ennead_mapping::Result<T>) -> Win32Error {
    result.unwrap_err().win32()
}

#[test]
fn one_makes_it_and_others_open_it() {
    let root = Root::new();
    let made = root.memory(5000).create("Local\\table").unwrap();
    assert_eq!((made.size(), made.already_existed()), (5000, false));
    assert_eq!(made.granted(), rights::ALL_ACCESS);
    let view = made.view(ViewAccess::Write).unwrap();
    assert_eq!(view.len(), 5000);
    assert!(view.to_vec(0, 5000).unwrap().iter().all(|&byte| byte == 0), "zeros at first");
    view.write(4990, b"last bytes").unwrap();
    let opened = root.open("table", rights::READ | rights::WRITE).unwrap();
    assert_eq!((opened.size(), opened.name().as_deref()), (5000, Some("Local\\table")));
    assert!(opened.is_shared().unwrap());
    assert_eq!(opened.view(ViewAccess::Read).unwrap().to_vec(4990, 10).unwrap(), b"last bytes");
    opened.view(ViewAccess::Write).unwrap().atomic::<AtomicU64>(8).unwrap().store(77, Relaxed);
    assert_eq!(view.load::<AtomicU64>(8).unwrap(), 77);
}

/// "a handle to the existing object (with its current size, not the specified size)"
#[test]
fn a_second_create_gives_the_first_ones_size() {
    let root = Root::new();
    let first = root.memory(100).create("a").unwrap();
    let second = root.memory(1 << 20).create("Local\\a").unwrap();
    assert!(second.already_existed() && !first.already_existed());
    assert_eq!(second.size(), 100);
    first.view(ViewAccess::Write).unwrap().write(0, b"one").unwrap();
    assert_eq!(second.view(ViewAccess::Read).unwrap().to_vec(0, 3).unwrap(), b"one");
    // "the function requests access to the object with the protection that flProtect specifies"
    let third = root.memory(1).protection(PageProtection::ReadOnly).create("a").unwrap();
    assert_eq!(third.granted(), rights::QUERY | rights::READ);
    assert_eq!(code(third.view(ViewAccess::Write)), Win32Error::ACCESS_DENIED);
}

#[test]
fn it_lives_as_long_as_its_last_handle_or_view() {
    let root = Root::new();
    let first = root.memory(100).create("a").unwrap();
    let view = first.view(ViewAccess::Write).unwrap();
    view.write(0, b"kept").unwrap();
    drop(first);
    let again = root.open("a", rights::READ).unwrap();
    drop(view);
    assert_eq!(again.view(ViewAccess::Read).unwrap().to_vec(0, 4).unwrap(), b"kept");
    let clone = again.clone();
    drop(again);
    let view = clone.view(ViewAccess::Read).unwrap();
    drop(clone);
    root.open("a", rights::READ).unwrap();
    drop(view);
    assert_eq!(code(root.open("a", rights::READ)), Win32Error::FILE_NOT_FOUND);
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn access_is_each_handles_own() {
    let root = Root::new();
    let made = root.memory(100).create("a").unwrap();
    let reader = root.open("a", rights::READ).unwrap();
    assert_eq!(code(reader.view(ViewAccess::Write)), Win32Error::ACCESS_DENIED);
    let view = reader.view(ViewAccess::Read).unwrap();
    assert_eq!(view.write(0, b"x"), Err(ViewError::ReadOnly));
    assert_eq!(ViewError::ReadOnly.win32(), Win32Error::NOACCESS);
    assert_eq!(view.atomic::<AtomicU64>(0).err(), Some(ViewError::ReadOnly));
    reader.view(ViewAccess::Copy).unwrap().write(0, b"mine").unwrap();
    // FILE_MAP_WRITE alone maps views for reading too.
    let writer = root.open("a", rights::WRITE).unwrap();
    writer.view(ViewAccess::Read).unwrap();
    writer.view(ViewAccess::Write).unwrap();
    // Nothing but asking.
    let asker = root.open("a", rights::QUERY).unwrap();
    assert_eq!(asker.size(), 100);
    assert_eq!(code(asker.view(ViewAccess::Read)), Win32Error::ACCESS_DENIED);
    // A duplicate has what the handle has at most.
    assert_eq!(code(reader.duplicate(rights::ALL_ACCESS)), Win32Error::ACCESS_DENIED);
    let less = made.duplicate(AccessMask::GENERIC_READ).unwrap();
    assert_eq!(code(less.view(ViewAccess::Write)), Win32Error::ACCESS_DENIED);
    let most = root.open("a", AccessMask::MAXIMUM_ALLOWED).unwrap();
    most.view(ViewAccess::Write).unwrap();
}

#[test]
fn names() {
    let root = Root::new();
    let _upper = root.memory(1).create("Local\\Costs").unwrap();
    assert_eq!(code(root.open("costs", rights::READ)), Win32Error::FILE_NOT_FOUND, "case matters");
    assert!(root.memory(1).create("Costs").unwrap().already_existed());
    assert_eq!(code(root.memory(1).create("a\\b")), Win32Error::PATH_NOT_FOUND);
    assert_eq!(code(root.memory(1).create("Local\\a\\b")), Win32Error::PATH_NOT_FOUND);
    assert_eq!(code(root.memory(1).create("")), Win32Error::INVALID_NAME);
    let long = "n".repeat(259);
    root.memory(1).create(&long).unwrap();
    assert_eq!(code(root.memory(1).create(&(long + "n"))), Win32Error::FILENAME_EXCED_RANGE);
    root.memory(1).create("Größe/§$%&.*").unwrap();
}

#[test]
fn the_two_namespaces_are_apart() {
    let root = Root::new();
    let global = root.path.join("global");
    std::fs::create_dir(&global).unwrap();
    let local = NamedRoot::at(root.path.join("local")).unwrap();
    let place = Place::new(local, Some(NamedRoot::global_at(&global).unwrap()));
    let here = MappingOptions::memory(1).place(&place).create("Local\\a").unwrap();
    let there = MappingOptions::memory(2).place(&place).create("Global\\a").unwrap();
    assert_eq!((here.name().as_deref(), there.name().as_deref()), (Some("Local\\a"), Some("Global\\a")));
    assert_eq!(FileMapping::open_in(Some(&place), "a", rights::READ).unwrap().size(), 1);
    assert_eq!(FileMapping::open_in(Some(&place), "Global\\a", rights::READ).unwrap().size(), 2);
    assert_eq!(ennead_mapping::list_in(&place).unwrap().len(), 2);
}

/// "the function fails, and GetLastError returns ERROR_INVALID_HANDLE"
#[test]
fn a_name_of_another_kind_is_in_the_way() {
    let root = Root::new();
    let objects = NamedRoot::at(&root.path).unwrap();
    let private = Protection::private();
    let event = CreateOptions::new(&private).body(u32::from_le_bytes(*b"EVNT"), 1, 4096);
    let _event = objects.create(Kind::OBJECT, &Name::new("ready").unwrap(), &event).unwrap();
    assert_eq!(code(root.memory(1).create("ready")), Win32Error::INVALID_HANDLE);
    assert_eq!(code(root.open("ready", rights::READ)), Win32Error::INVALID_HANDLE);
    assert_eq!(ennead_mapping::list_in(&root.place).unwrap(), []);
}

#[test]
fn sizes_that_cannot_be() {
    let root = Root::new();
    for (size, expected) in [
        (0, Win32Error::INVALID_PARAMETER),
        (1 << 62, Win32Error::COMMITMENT_LIMIT),
        ((1 << 63) - 1, Win32Error::COMMITMENT_LIMIT),
        (1 << 63, Win32Error::COMMITMENT_LIMIT),
        (u64::MAX, Win32Error::COMMITMENT_LIMIT),
    ] {
        assert_eq!(code(root.memory(size).create("a")), expected, "{size}");
        assert_eq!(code(MappingOptions::memory(size).create_unnamed()), expected, "{size}");
    }
    for size in [(1 << 46) + 1, 1 << 63, u64::MAX] {
        assert_eq!(code(root.memory(size).reserve().create("a")), Win32Error::NOT_ENOUGH_MEMORY, "{size}");
    }
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn committed_memory_is_there_at_once() {
    let root = Root::new();
    let _made = root.memory(1 << 20).create("a").unwrap();
    let file = std::fs::metadata(root.path.join("object/a")).unwrap();
    // The front, the header, the data; not the holes between them.
    assert_eq!(file.blocks() * 512, (1 << 20) + 2 * 4096);
}

#[test]
fn reserved_memory_is_committed_by_anybody_for_everybody() {
    for named in [true, false] {
        let root = Root::new();
        let size = 64u64 << 30;
        let options = root.memory(size).reserve();
        let made = if named { options.create("a") } else { options.create_unnamed() }.unwrap();
        assert!(made.is_reserving());
        let other = if named {
            root.open("a", rights::ALL_ACCESS).unwrap()
        } else {
            FileMapping::from_descriptor(made.to_descriptor().unwrap()).unwrap()
        };
        let (one, two) = (made.view(ViewAccess::Write).unwrap(), other.view(ViewAccess::Write).unwrap());
        let at = 40 << 30;
        assert_eq!(one.write(at, b"x"), Err(ViewError::NotCommitted));
        assert_eq!(two.read(at, &mut [0]), Err(ViewError::NotCommitted));
        assert_eq!(two.atomic::<AtomicU64>(at).err(), Some(ViewError::NotCommitted));
        assert_eq!(ViewError::NotCommitted.win32(), Win32Error::INVALID_ADDRESS);
        assert!(!one.committed_run(at).unwrap().0);
        one.commit(at + 10..at + 5000).unwrap();
        two.write(at, b"shared").unwrap();
        assert_eq!(one.to_vec(at, 6).unwrap(), b"shared");
        assert_eq!(one.committed_run(at + 1).unwrap(), (true, at + 8192));
        assert_eq!(one.committed_run(0).unwrap(), (false, at));
        assert_eq!(one.committed_run(at + 8192).unwrap(), (false, size as usize));
        assert_eq!(one.write(at + 8190, b"xyz"), Err(ViewError::NotCommitted), "not all of it");
        assert_eq!(one.write(at - 1, b"xy"), Err(ViewError::NotCommitted));
        // A view that begins elsewhere counts from its own beginning, and finds it committed.
        let part = ViewOptions::new(ViewAccess::Write).offset(at as u64).len(1 << 16);
        let part = other.view_with(&part).unwrap();
        assert_eq!(part.to_vec(0, 6).unwrap(), b"shared");
        assert_eq!(part.write(8192, b"x"), Err(ViewError::NotCommitted));
        part.commit(0..1 << 16).unwrap();
        part.commit(0..0).unwrap();
        assert_eq!(one.to_vec(at, 6).unwrap(), b"shared", "what was committed stays as it is");
        one.write(at + 65535, b"!").unwrap();
        assert_eq!(code(one.commit(0..size as usize + 1)), Win32Error::INVALID_PARAMETER);
        assert_eq!(code(one.commit(0..size as usize)), Win32Error::COMMITMENT_LIMIT);
    }
}

#[test]
fn a_reader_sees_what_is_committed_and_commits_nothing() {
    let root = Root::new();
    let made = root.memory(1 << 20).reserve().create("a").unwrap();
    let reader = root.open("a", rights::READ).unwrap().view(ViewAccess::Read).unwrap();
    assert_eq!(reader.read(0, &mut [0]), Err(ViewError::NotCommitted));
    let denied = reader.commit(0..1).unwrap_err();
    assert_eq!(denied.win32(), Win32Error::ACCESS_DENIED, "{denied:?}");
    made.view(ViewAccess::Write).unwrap().commit(0..1).unwrap();
    reader.read(0, &mut [0]).unwrap();
}

#[test]
fn large_pages_where_the_kernel_gives_them() {
    let Some(large) = ennead_mapping::large_page_minimum() else { return };
    let size = large as u64;
    let askew = MappingOptions::memory(size + 4096).large_pages().create_unnamed();
    assert_eq!(code(askew), Win32Error::INVALID_PARAMETER);
    let reserved = MappingOptions::memory(size).large_pages().reserve().create_unnamed();
    assert_eq!(code(reserved), Win32Error::INVALID_PARAMETER);
    let root = Root::new();
    let file = root.file("a", &[0; 10]);
    let of_file = MappingOptions::file(&file).size(size).large_pages().create_unnamed();
    assert_eq!(code(of_file), Win32Error::INVALID_PARAMETER);
    assert_eq!(code(root.memory(size).large_pages().create("a")), Win32Error::NO_SYSTEM_RESOURCES);
    match MappingOptions::memory(2 * size).large_pages().create_unnamed() {
        Ok(mapping) => {
            assert_eq!(mapping.large_page(), Some(large));
            let view = mapping.view(ViewAccess::Write).unwrap();
            view.write(large, b"second page").unwrap();
            let second = ViewOptions::new(ViewAccess::Read).offset(size);
            assert_eq!(mapping.view_with(&second).unwrap().to_vec(0, 6).unwrap(), b"second");
            let askew = ViewOptions::new(ViewAccess::Read).offset(GRANULARITY);
            assert_eq!(code(mapping.view_with(&askew)), Win32Error::MAPPED_ALIGNMENT);
            let short = ViewOptions::new(ViewAccess::Read).len(4096);
            assert_eq!(code(mapping.view_with(&short)), Win32Error::INVALID_PARAMETER);
        }
        // An empty pool, which is how systems start.
        Err(error) => assert_eq!(error.win32(), Win32Error::NO_SYSTEM_RESOURCES),
    }
}

#[test]
fn memory_without_a_name_goes_by_descriptor() {
    let made = MappingOptions::memory(10_000).create_unnamed().unwrap();
    assert_eq!(made.name(), None);
    made.view(ViewAccess::Write).unwrap().write(9_990, b"0123456789").unwrap();
    let whole = FileMapping::from_descriptor(made.to_descriptor().unwrap()).unwrap();
    assert_eq!(whole.size(), 10_000);
    assert_eq!(whole.view(ViewAccess::Write).unwrap().to_vec(9_990, 10).unwrap(), b"0123456789");
    let less = made.duplicate(AccessMask::GENERIC_READ).unwrap().to_descriptor().unwrap();
    let less = FileMapping::from_descriptor(less).unwrap();
    assert_eq!(code(less.view(ViewAccess::Write)), Win32Error::ACCESS_DENIED);
    less.view(ViewAccess::Read).unwrap();
    // Nobody can shorten it under another's feet.
    let file = std::fs::File::from(made.to_descriptor().unwrap());
    assert!(file.set_len(0).is_err());
    // Anything else is no such handle.
    let strange = std::fs::File::open("/proc/self/exe").unwrap();
    assert_eq!(code(FileMapping::from_descriptor(strange.into())), Win32Error::INVALID_HANDLE);
}

#[test]
fn typed_values_and_slices() {
    let view = MappingOptions::memory(4096).create_unnamed().unwrap().view(ViewAccess::Write).unwrap();
    view.put(3, &[1.5f64, -2.0]).unwrap();
    assert_eq!(view.get::<[f64; 2]>(3).unwrap(), [1.5, -2.0]);
    let prices = view.values::<u32>(100, 10).unwrap();
    prices.set(9, &9_000).unwrap();
    assert_eq!(prices.set(10, &1), Err(ViewError::OutOfBounds));
    assert_eq!(prices.iter().map(Result::unwrap).sum::<u32>(), 9_000);
    assert_eq!(view.values::<u32>(4090, 2).err(), Some(ViewError::OutOfBounds));
    assert_eq!(view.values::<u32>(0, usize::MAX).err(), Some(ViewError::OutOfBounds));
    assert_eq!(view.get::<u64>(usize::MAX), Err(ViewError::OutOfBounds));
    assert_eq!(view.load::<AtomicU64>(1), Err(ViewError::Misaligned));
    let bytes = view.bytes(200..300).unwrap();
    bytes.fill(7).unwrap();
    assert_eq!(bytes.slice(90..100).unwrap().to_vec().unwrap(), [7; 10]);
    assert_eq!(bytes.write(99, b"xy"), Err(ViewError::OutOfBounds));
    assert_eq!(view.to_vec(4096, 1), Err(ViewError::OutOfBounds));
    assert!(view.to_vec(4096, 0).unwrap().is_empty());
}

/// A co-writer may spoil what is shared, and nothing else.
#[test]
fn a_spoiled_header_is_an_error() {
    use std::os::unix::fs::FileExt;
    let root = Root::new();
    let _made = root.memory(1 << 20).reserve().create("a").unwrap();
    let file = std::fs::File::options().read(true).write(true).open(root.path.join("object/a")).unwrap();
    let mut whole = [0; 80];
    file.read_exact_at(&mut whole, GRANULARITY).unwrap();
    for at in 0..80 {
        for bit in [1, 0x80] {
            let mut spoiled = whole;
            spoiled[at] ^= bit;
            file.write_all_at(&spoiled, GRANULARITY).unwrap();
            match root.open("a", rights::ALL_ACCESS) {
                Ok(mapping) => {
                    if let Ok(view) = mapping.view(ViewAccess::Write) {
                        let _ = view.write(0, b"x");
                    }
                }
                Err(error) => assert!(
                    [Win32Error::FILE_CORRUPT, Win32Error::REVISION_MISMATCH, Win32Error::FILE_INVALID]
                        .contains(&error.win32()),
                    "{at}: {error:?}"
                ),
            }
        }
    }
}

#[test]
fn a_co_writer_truncates_the_memory() {
    let root = Root::new();
    for reserve in [false, true] {
        let options = root.memory(1 << 20);
        let made = if reserve { options.reserve() } else { options }.create("a").unwrap();
        let view = made.view(ViewAccess::Write).unwrap();
        view.commit(0..1 << 20).unwrap();
        std::fs::File::options().write(true).open(root.path.join("object/a")).unwrap().set_len(100).unwrap();
        // A lost bitmap reads as zeros: nothing is committed.
        assert_eq!(view.write(5000, b"x"), Err(ViewError::Broken));
        assert!(root.open("a", rights::READ).is_err());
        // The name still comes free.
        drop((made, view));
        assert_eq!(code(root.open("a", rights::READ)), Win32Error::FILE_NOT_FOUND);
    }
}
