//! Names and rights: `OpenFileMapping`,
//! [File-mapping security and access rights](https://learn.microsoft.com/windows/win32/memory/file-mapping-security-and-access-rights).

use super::{
    Elsewhere, FileMappings, GRANULARITY, MAP_ALL, MAP_COPY, MAP_EXECUTE, MAP_READ, MAP_WRITE, READONLY,
    READWRITE, code, file, named, whole,
};
use crate::Case;
use crate::sync_objects::Kind;

pub(super) fn cases<M: FileMappings>() -> Vec<Case<M>> {
    vec![
        ("a second create opens the mapping that exists", second_create),
        ("a mapping that exists keeps its size", keeps_size),
        ("a mapping is opened by its name", opened),
        ("a mapping that does not exist is not found", not_found),
        ("names of mappings are case sensitive", case_sensitive),
        ("mappings and other objects share their names", kinds_clash),
        ("a mapping's name is free when nobody has it", free_again),
        ("a mapping of a file has a name as well", named_file),
        ("a handle for reading maps no view for writing", read_handle),
        ("a handle for writing maps every view", write_handle),
        ("opening for copies is opening for reading", copy_handle),
        ("a created handle of a mapping has every right", created_has_all),
        ("an open of a mapping asks for no more than the descriptor grants", descriptor),
        ("a mapping is shared between processes", shared),
        ("a mapping goes with the last process that has it", last_process),
        ("Local is the prefix of mappings without one", local),
    ]
}

/// "If the object exists before the function call, the function returns a handle to the existing object (with its current size, not
/// the specified size), and GetLastError returns ERROR_ALREADY_EXISTS."
fn second_create<M: FileMappings>(maps: &M) {
    let first = named(maps, "second", 4096);
    let (second, existed) = maps.create_mapping(None, READWRITE, 4096, Some("second")).unwrap();
    assert!(existed);
    maps.write_view(&whole(maps, &first, MAP_WRITE), 10, b"shared").unwrap();
    assert_eq!(maps.read_view(&whole(maps, &second, MAP_READ), 10, 6).unwrap(), b"shared");
}

fn keeps_size<M: FileMappings>(maps: &M) {
    let _first = named(maps, "size", 2 * GRANULARITY);
    for size in [4096, 9 * GRANULARITY] {
        let (second, existed) = maps.create_mapping(None, READWRITE, size, Some("size")).unwrap();
        assert!(existed);
        assert_eq!(code(maps.map(&second, MAP_WRITE, 0, 2 * GRANULARITY)), 0, "{size}");
        assert!(maps.map(&second, MAP_WRITE, 0, 2 * GRANULARITY + 1).is_err(), "{size}");
        assert!(maps.map(&second, MAP_WRITE, 2 * GRANULARITY, 0).is_err(), "{size}");
    }
}

fn opened<M: FileMappings>(maps: &M) {
    let first = named(maps, "opened", 4096);
    let view = whole(maps, &first, MAP_WRITE);
    let second = maps.open_mapping("opened", MAP_ALL).unwrap();
    drop(first);
    let theirs = whole(maps, &second, MAP_WRITE);
    maps.write_view(&theirs, 4095, b"!").unwrap();
    assert_eq!(maps.read_view(&view, 4095, 1).unwrap(), b"!");
}

fn not_found<M: FileMappings>(maps: &M) {
    for access in [MAP_READ, MAP_WRITE, MAP_COPY, MAP_ALL] {
        assert_eq!(code(maps.open_mapping("nowhere", access)), 2);
    }
}

fn case_sensitive<M: FileMappings>(maps: &M) {
    let lower = named(maps, "case", 4096);
    let upper = named(maps, "CASE", 4096);
    maps.write_view(&whole(maps, &lower, MAP_WRITE), 0, b"lower").unwrap();
    assert_eq!(maps.read_view(&whole(maps, &upper, MAP_READ), 0, 5).unwrap(), [0; 5]);
    assert_eq!(code(maps.open_mapping("Case", MAP_READ)), 2);
}

/// "If lpName matches the name of an existing event, semaphore, mutex, waitable timer, or job object, the function fails, and the
/// GetLastError function returns ERROR_INVALID_HANDLE."
fn kinds_clash<M: FileMappings>(maps: &M) {
    for kind in Kind::ALL {
        let object = maps.create_object(kind, "clash").unwrap();
        assert_eq!(code(maps.create_mapping(None, READWRITE, 4096, Some("clash"))), 6, "{kind:?}");
        assert!(maps.open_mapping("clash", MAP_READ).is_err(), "{kind:?}");
        drop(object);
        let mapping = named(maps, "clash", 4096);
        assert_eq!(code(maps.create_object(kind, "clash")), 6, "{kind:?}");
        assert!(maps.open_object(kind, "clash").is_err(), "{kind:?}");
        drop(mapping);
    }
}

/// "to fully close a file mapping object, an application must unmap all mapped views of the file mapping object by calling
/// UnmapViewOfFile and close the file mapping object handle by calling CloseHandle. These functions can be called in any order."
fn free_again<M: FileMappings>(maps: &M) {
    for order in [false, true] {
        let mapping = named(maps, "free", 4096);
        let view = whole(maps, &mapping, MAP_WRITE);
        maps.write_view(&view, 0, b"old").unwrap();
        if order {
            drop(view);
            drop(mapping);
        } else {
            drop(mapping);
            drop(view);
        }
        assert_eq!(code(maps.open_mapping("free", MAP_READ)), 2);
        let anew = named(maps, "free", 4096);
        assert_eq!(maps.read_view(&whole(maps, &anew, MAP_READ), 0, 3).unwrap(), [0; 3]);
    }
}

fn named_file<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, b"contents");
    let (first, existed) = maps.create_mapping(Some(&file), READWRITE, 0, Some("file")).unwrap();
    assert!(!existed);
    drop(file);
    let second = maps.open_mapping("file", MAP_WRITE).unwrap();
    let (third, existed) = maps.create_mapping(None, READWRITE, 99_999, Some("file")).unwrap();
    assert!(existed, "the name exists, whatever backs it");
    drop(first);
    let view = whole(maps, &second, MAP_WRITE);
    maps.write_view(&view, 0, b"C").unwrap();
    assert_eq!(maps.read_view(&whole(maps, &third, MAP_READ), 0, 8).unwrap(), b"Contents");
    maps.flush_view(&view, 0, 8).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"Contents");
}

/// "FILE_MAP_READ: Allows mapping of read-only or copy-on-write views of the file-mapping object."
fn read_handle<M: FileMappings>(maps: &M) {
    let _first = named(maps, "reads", 4096);
    let reads = maps.open_mapping("reads", MAP_READ).unwrap();
    for access in [MAP_READ, MAP_COPY] {
        assert_eq!(code(maps.map(&reads, access, 0, 0)), 0, "{access}");
    }
    for access in [MAP_WRITE, MAP_ALL, MAP_WRITE | MAP_READ, MAP_EXECUTE | MAP_READ] {
        assert_eq!(code(maps.map(&reads, access, 0, 0)), 5, "{access:#x}");
    }
}

/// "FILE_MAP_WRITE: Allows mapping of read-only, copy-on-write, or read/write views of a file-mapping object."
fn write_handle<M: FileMappings>(maps: &M) {
    let _first = named(maps, "writes", 4096);
    let writes = maps.open_mapping("writes", MAP_WRITE).unwrap();
    for access in [MAP_WRITE, MAP_READ, MAP_COPY] {
        assert_eq!(code(maps.map(&writes, access, 0, 0)), 0, "{access}");
    }
}

/// "the OpenFileMapping function, which treats FILE_MAP_COPY the same way it treats FILE_MAP_READ"
fn copy_handle<M: FileMappings>(maps: &M) {
    let _first = named(maps, "copies", 4096);
    let copies = maps.open_mapping("copies", MAP_COPY).unwrap();
    for (access, expected) in [(MAP_COPY, 0), (MAP_READ, 0), (MAP_WRITE, 5)] {
        assert_eq!(code(maps.map(&copies, access, 0, 0)), expected, "{access}");
    }
}

/// "The handle that CreateFileMapping returns has full access to a new file mapping object".
fn created_has_all<M: FileMappings>(maps: &M) {
    let created = maps.create_secured_mapping(READWRITE, 4096, "all", "D:").unwrap();
    for access in [MAP_READ, MAP_WRITE, MAP_ALL, MAP_COPY] {
        assert_eq!(code(maps.map(&created, access, 0, 0)), 0, "{access:#x}");
    }
}

/// "This access is checked against any security descriptor on the target file mapping object."
fn descriptor<M: FileMappings>(maps: &M) {
    // Everybody may read: SECTION_QUERY and SECTION_MAP_READ.
    let _created = maps.create_secured_mapping(READWRITE, 4096, "descriptor", "D:(A;;0x5;;;WD)").unwrap();
    assert_eq!(code(maps.open_mapping("descriptor", MAP_READ)), 0);
    assert_eq!(code(maps.open_mapping("descriptor", MAP_WRITE)), 5);
    assert_eq!(code(maps.open_mapping("descriptor", MAP_ALL)), 5);
    // "the function requests access to the object with the protection that flProtect specifies"
    assert_eq!(code(maps.create_mapping(None, READWRITE, 4096, Some("descriptor"))), 5);
    let _ = maps.create_mapping(None, READONLY, 4096, Some("descriptor"));
}

fn shared<M: FileMappings>(maps: &M) {
    let mapping = named(maps, "shared", 100_000);
    let view = whole(maps, &mapping, MAP_WRITE);
    maps.write_view(&view, 99_990, b"from here").unwrap();
    let read = maps
        .elsewhere(Elsewhere::Open("shared"), 99_990, b"elsewhere", &mut || {
            assert_eq!(maps.read_view(&view, 99_990, 9).unwrap(), b"elsewhere");
        })
        .unwrap();
    assert_eq!(read, b"from here");
    // It was ended; what it wrote stays.
    assert_eq!(maps.read_view(&view, 99_990, 9).unwrap(), b"elsewhere");
}

fn last_process<M: FileMappings>(maps: &M) {
    let mut kept = None;
    maps.elsewhere(Elsewhere::Create("theirs", 8192), 8000, b"theirs", &mut || {
        let mapping = maps.open_mapping("theirs", MAP_READ).unwrap();
        assert_eq!(maps.read_view(&whole(maps, &mapping, MAP_READ), 8000, 6).unwrap(), b"theirs");
        kept = Some(mapping);
    })
    .unwrap();
    // One handle holds it, whoever created it.
    let (again, existed) = maps.create_mapping(None, READWRITE, 10, Some("theirs")).unwrap();
    assert!(existed);
    assert_eq!(maps.read_view(&whole(maps, &again, MAP_READ), 8000, 6).unwrap(), b"theirs");
    drop(again);
    drop(kept);
    assert_eq!(code(maps.open_mapping("theirs", MAP_READ)), 2);
    maps.elsewhere(Elsewhere::Create("theirs", 4096), 0, b"killed", &mut || {}).unwrap();
    assert_eq!(code(maps.open_mapping("theirs", MAP_READ)), 2);
    let anew = named(maps, "theirs", 4096);
    assert_eq!(maps.read_view(&whole(maps, &anew, MAP_READ), 0, 6).unwrap(), [0; 6]);
}

fn local<M: FileMappings>(maps: &M) {
    let _bare = named(maps, "prefix", 4096);
    assert_eq!(code(maps.open_mapping(r"Local\prefix", MAP_READ)), 0);
    assert!(maps.create_mapping(None, READWRITE, 4096, Some(r"Local\prefix")).unwrap().1);
    assert!(maps.create_mapping(None, READWRITE, 4096, Some(r"a\b")).is_err(), "created with a backslash");
}
