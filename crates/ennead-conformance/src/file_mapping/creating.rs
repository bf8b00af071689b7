//! `CreateFileMapping`: <https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw>

use super::{
    COMMIT, EXECUTE_READ, EXECUTE_READWRITE, FileMappings, GENERIC_EXECUTE, GRANULARITY, LARGE_PAGES,
    MAP_ALL, MAP_COPY, MAP_READ, MAP_WRITE, READONLY, READWRITE, RESERVE, WRITECOPY, code, file, length,
    memory, path_of, whole,
};
use crate::{Case, GENERIC_READ, GENERIC_WRITE};

pub(super) fn cases<M: FileMappings>() -> Vec<Case<M>> {
    vec![
        ("shared memory begins with zeros", zeros),
        ("shared memory has a size", needs_size),
        ("a mapping of a file is as long as the file", file_size),
        ("a file without bytes is not mapped", empty_file),
        ("a file without bytes grows to the mapping's size", empty_file_grows),
        ("a file grows to the mapping's size", grows),
        ("a read-only mapping does not grow a file", read_only_does_not_grow),
        ("a mapping may be shorter than the file", shorter),
        ("a mapping is not larger than memory can be", too_large),
        ("a file does not grow past what a file can be", file_too_large),
        ("the file's access fits the protection", access_fits),
        ("there is one protection", one_protection),
        ("memory is reserved or committed, not both", reserve_or_commit),
        ("reserved memory is there once it is committed", commits),
        ("reserving has no effect on a file", reserved_file),
        ("large pages are committed memory of their own", large_pages),
        ("a size need not be one of pages", odd_sizes),
        ("several mappings of one file", several),
        ("a mapping outlives the file's handle", outlives_file),
    ]
}

/// "The initial contents of the pages in a file mapping object backed by the operating system paging file are 0 (zero)."
fn zeros<M: FileMappings>(maps: &M) {
    for size in [1, 4096, 300_000] {
        let view = whole(maps, &memory(maps, size), MAP_WRITE);
        assert!(maps.read_view(&view, 0, size as usize).unwrap().iter().all(|byte| *byte == 0));
        maps.write_view(&view, 0, &vec![7; size as usize]).unwrap();
    }
}

/// "If hFile is INVALID_HANDLE_VALUE, the calling process must also specify a size".
fn needs_size<M: FileMappings>(maps: &M) {
    assert!(maps.create_mapping(None, READWRITE, 0, None).is_err(), "created without a size");
}

/// "If this parameter and dwMaximumSizeHigh are 0 (zero), the maximum size of the file mapping object is equal to the current size
/// of the file that hFile identifies."
fn file_size<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, &[5; 5000]);
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
    let view = maps.map(&mapping, MAP_READ, 0, 5000).unwrap();
    assert_eq!(maps.read_view(&view, 0, 5000).unwrap(), [5; 5000]);
    assert!(maps.map(&mapping, MAP_READ, 0, 10_000).is_err(), "mapped past the end");
    assert_eq!(length(&path), 5000);
}

/// "An attempt to map a file with a length of 0 (zero) fails with an error code of ERROR_FILE_INVALID."
fn empty_file<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, b"");
    for protect in [READONLY, READWRITE, WRITECOPY] {
        assert_eq!(code(maps.create_mapping(Some(&file), protect, 0, None)), 1006, "{protect}");
        assert_eq!(code(maps.create_mapping(Some(&file), protect, 0, Some("empty"))), 1006, "{protect}");
    }
    assert_eq!(length(&path), 0);
    assert_eq!(code(maps.open_mapping("empty", MAP_READ)), 2);
}

fn empty_file_grows<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, b"");
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 100_000, None).unwrap();
    assert_eq!(length(&path), 100_000);
    let view = whole(maps, &mapping, MAP_WRITE);
    maps.write_view(&view, 99_999, b"z").unwrap();
    assert_eq!(maps.read_view(&view, 99_999, 1).unwrap(), b"z");
}

/// "if the file mapping object is larger than the file, the system expands the file before CreateFileMapping returns"
fn grows<M: FileMappings>(maps: &M) {
    for protect in [READWRITE, READWRITE | COMMIT] {
        let (path, file) = file(maps, b"0123456789");
        let (mapping, _) = maps.create_mapping(Some(&file), protect, 12_345, None).unwrap();
        assert_eq!(length(&path), 12_345);
        let view = whole(maps, &mapping, MAP_WRITE);
        assert_eq!(maps.read_view(&view, 0, 10).unwrap(), b"0123456789");
        maps.write_view(&view, 12_340, b"12345").unwrap();
    }
}

/// "if the page protection allows write access [...], then the file on disk is increased"
fn read_only_does_not_grow<M: FileMappings>(maps: &M) {
    let path = path_of(maps, b"0123456789");
    let file = maps.open_file(&path, GENERIC_READ).unwrap();
    for protect in [READONLY, WRITECOPY] {
        assert!(maps.create_mapping(Some(&file), protect, 10_000, None).is_err(), "{protect} past the end");
        assert_eq!(length(&path), 10, "{protect}");
    }
    assert_eq!(code(maps.create_mapping(Some(&file), READONLY, 10, None)), 0);
}

/// "If the file mapping object is smaller than the file, the system maps only the specified number of bytes from the file."
fn shorter<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, &[9; 200_000]);
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 100_000, None).unwrap();
    assert_eq!(length(&path), 200_000);
    assert!(maps.map(&mapping, MAP_READ, 0, 150_000).is_err(), "a view past the mapping");
    assert!(maps.map(&mapping, MAP_READ, 2 * GRANULARITY, 0).is_err(), "a view behind the mapping");
    let view = maps.map(&mapping, MAP_READ, GRANULARITY, 100_000 - GRANULARITY).unwrap();
    assert_eq!(maps.read_view(&view, 0, 4).unwrap(), [9; 4]);
}

fn too_large<M: FileMappings>(maps: &M) {
    for size in [1 << 62, 1 << 63, u64::MAX, u64::MAX - 4095, i64::MAX.cast_unsigned()] {
        assert!(maps.create_mapping(None, READWRITE, size, None).is_err(), "created {size:#x} bytes");
        let name = Some("too-large");
        assert!(maps.create_mapping(None, READWRITE, size, name).is_err(), "created {size:#x} bytes by name");
    }
    assert_eq!(code(maps.open_mapping("too-large", MAP_READ)), 2);
}

/// "If the file on disk cannot be increased, CreateFileMapping fails".
fn file_too_large<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, b"small");
    for size in [1 << 63, u64::MAX, i64::MAX.cast_unsigned()] {
        assert!(maps.create_mapping(Some(&file), READWRITE, size, None).is_err(), "created {size:#x} bytes");
        assert_eq!(length(&path), 5);
    }
}

/// "The CreateFileMapping function fails if the access flags conflict with those specified when the CreateFile function opened the
/// file."
fn access_fits<M: FileMappings>(maps: &M) {
    let path = path_of(maps, b"contents");
    let reads = maps.open_file(&path, GENERIC_READ).unwrap();
    for protect in [READONLY, WRITECOPY] {
        assert_eq!(code(maps.create_mapping(Some(&reads), protect, 0, None)), 0, "{protect}");
    }
    assert_eq!(code(maps.create_mapping(Some(&reads), READWRITE, 0, None)), 5);
    assert_eq!(code(maps.create_mapping(Some(&reads), EXECUTE_READWRITE, 0, None)), 5);
    let writes = maps.open_file(&path, GENERIC_WRITE).unwrap();
    for protect in [READONLY, READWRITE, WRITECOPY, EXECUTE_READ] {
        assert_eq!(code(maps.create_mapping(Some(&writes), protect, 0, None)), 5, "{protect}");
    }
    let all = maps.open_file(&path, GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE).unwrap();
    for protect in [READONLY, READWRITE, WRITECOPY, EXECUTE_READ, EXECUTE_READWRITE] {
        assert_eq!(code(maps.create_mapping(Some(&all), protect, 0, None)), 0, "{protect}");
    }
}

/// "This parameter can be one of the following values."
fn one_protection<M: FileMappings>(maps: &M) {
    for protect in [0, 1, READONLY | READWRITE, READWRITE | EXECUTE_READ, 0x100, COMMIT] {
        assert!(maps.create_mapping(None, protect, 4096, None).is_err(), "created with {protect:#x}");
    }
}

/// "SEC_COMMIT cannot be combined with SEC_RESERVE."
fn reserve_or_commit<M: FileMappings>(maps: &M) {
    assert!(
        maps.create_mapping(None, READWRITE | COMMIT | RESERVE, 4096, None).is_err(),
        "created with both"
    );
    for attribute in [0, COMMIT, RESERVE] {
        assert_eq!(code(maps.create_mapping(None, READWRITE | attribute, 4096, None)), 0, "{attribute:#x}");
    }
}

/// "Reserved pages can be committed in subsequent calls to the VirtualAlloc function."
fn commits<M: FileMappings>(maps: &M) {
    let (mapping, _) = maps.create_mapping(None, READWRITE | RESERVE, 10 << 20, None).unwrap();
    let (first, second) = (whole(maps, &mapping, MAP_WRITE), whole(maps, &mapping, MAP_WRITE));
    assert!(maps.read_view(&first, 0, 1).is_err(), "read what is only reserved");
    assert!(maps.write_view(&first, 4096, b"x").is_err(), "wrote what is only reserved");
    maps.commit(&first, 4096, 4096).unwrap();
    assert_eq!(maps.read_view(&first, 4096, 4).unwrap(), [0; 4]);
    maps.write_view(&first, 8191, b"x").unwrap();
    // Committed is the memory of the mapping, not of one view.
    assert_eq!(maps.read_view(&second, 8191, 1).unwrap(), b"x");
    assert!(maps.read_view(&second, 8192, 1).is_err(), "read what is only reserved");
    maps.commit(&second, 0, 10 << 20).unwrap();
    assert_eq!(maps.read_view(&first, 8191, 2).unwrap(), b"x\0");
    maps.write_view(&second, (10 << 20) - 1, b"z").unwrap();
    assert_eq!(maps.read_view(&first, (10 << 20) - 1, 1).unwrap(), b"z");
}

/// "This attribute has no effect for file mapping objects that are backed by [...] data files".
fn reserved_file<M: FileMappings>(maps: &M) {
    let (_path, file) = file(maps, b"contents");
    for attribute in [RESERVE, COMMIT] {
        let (mapping, _) = maps.create_mapping(Some(&file), READWRITE | attribute, 0, None).unwrap();
        let view = whole(maps, &mapping, MAP_READ);
        assert_eq!(maps.read_view(&view, 0, 8).unwrap(), b"contents");
    }
}

/// "If SEC_LARGE_PAGES is specified, SEC_COMMIT must also be specified." "This attribute is not supported for file mapping objects
/// that are backed by executable image files or data files".
fn large_pages<M: FileMappings>(maps: &M) {
    let large = READWRITE | LARGE_PAGES;
    assert!(maps.create_mapping(None, large, 2 << 20, None).is_err(), "without SEC_COMMIT");
    let odd = maps.create_mapping(None, large | COMMIT, (2 << 20) + 4096, None);
    assert!(odd.is_err(), "with a size that is no multiple of a large page's");
    let (_path, file) = file(maps, &[0; 4096]);
    assert!(maps.create_mapping(Some(&file), large | COMMIT, 0, None).is_err(), "of a file");
}

fn odd_sizes<M: FileMappings>(maps: &M) {
    for size in [1, 100, 4095, 4097, 65_535, 65_537] {
        let mapping = memory(maps, size);
        for access in [MAP_READ, MAP_WRITE, MAP_COPY, MAP_ALL] {
            let view = maps.map(&mapping, access, 0, size).unwrap();
            assert_eq!(maps.read_view(&view, size - 1, 1).unwrap(), [0]);
        }
    }
}

fn several<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, &[1; 1000]);
    let (short, _) = maps.create_mapping(Some(&file), READWRITE, 500, None).unwrap();
    let (long, _) = maps.create_mapping(Some(&file), READWRITE, 70_000, None).unwrap();
    let (reads, _) = maps.create_mapping(Some(&file), READONLY, 0, None).unwrap();
    assert_eq!(length(&path), 70_000);
    maps.write_view(&whole(maps, &short, MAP_WRITE), 499, b"!").unwrap();
    for mapping in [&long, &reads] {
        assert_eq!(maps.read_view(&whole(maps, mapping, MAP_READ), 499, 2).unwrap(), b"!\x01");
    }
}

/// "Although an application may close the file handle used to create a file mapping object, the system holds the corresponding file
/// open until the last view of the file is unmapped."
fn outlives_file<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, b"contents");
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
    drop(file);
    let view = whole(maps, &mapping, MAP_WRITE);
    maps.write_view(&view, 0, b"C").unwrap();
    drop(mapping);
    assert_eq!(maps.read_view(&view, 0, 8).unwrap(), b"Contents");
    maps.flush_view(&view, 0, 0).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"Contents");
}
