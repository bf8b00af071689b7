//! `MapViewOfFile`, `UnmapViewOfFile`: <https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffile>

use super::{
    EXECUTE_READ, EXECUTE_READWRITE, FileMappings, GENERIC_EXECUTE, GRANULARITY, MAP_ALL, MAP_COPY,
    MAP_EXECUTE, MAP_READ, MAP_WRITE, READONLY, READWRITE, WRITECOPY, code, file, memory, path_of, whole,
};
use crate::{Case, GENERIC_READ};

pub(super) fn cases<M: FileMappings>() -> Vec<Case<M>> {
    vec![
        ("a view is of a part", part),
        ("a view begins at a multiple of the granularity", granular),
        ("a view lies within the mapping", within),
        ("a view without a length extends to the end", to_the_end),
        ("a view far into a large file", far),
        ("a view for reading is not written", reading_only),
        ("a view for writing takes a protection for writing", writing_needs),
        ("every protection gives the views it allows", protections),
        ("a view for execution takes a protection for execution", execution_needs),
        ("what a copy-on-write view writes is its own", copy_on_write),
        ("a copy-on-write view sees what others write until it writes", copy_sees),
        ("what a copy-on-write view wrote is lost with it", copy_lost),
        ("a copy-on-write view of a read-only file", copy_of_read_only),
        ("a view survives the mapping's handle", survives),
        ("many views at once", many),
        ("views of different parts overlap", overlap),
        ("an unmapped view leaves the others", unmapped),
    ]
}

fn part<M: FileMappings>(maps: &M) {
    let data: Vec<u8> = (0..4 * GRANULARITY).map(|at| (at / GRANULARITY) as u8).collect();
    let (_path, file) = file(maps, &data);
    let (mapping, _) = maps.create_mapping(Some(&file), READONLY, 0, None).unwrap();
    for at in 0..4 {
        let view = maps.map(&mapping, MAP_READ, at * GRANULARITY, 1000).unwrap();
        assert_eq!(maps.read_view(&view, 0, 1000).unwrap(), vec![at as u8; 1000]);
    }
    let view = maps.map(&mapping, MAP_READ, GRANULARITY, GRANULARITY + 1).unwrap();
    assert_eq!(maps.read_view(&view, GRANULARITY - 1, 2).unwrap(), [1, 2]);
}

/// "the offset must be a multiple of the allocation granularity"
fn granular<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 4 * GRANULARITY);
    for offset in [1, 512, 4096, GRANULARITY - 1, GRANULARITY + 4096, 3 * GRANULARITY + 1] {
        assert!(maps.map(&mapping, MAP_READ, offset, 1).is_err(), "mapped at {offset}");
    }
    for offset in [0, GRANULARITY, 3 * GRANULARITY] {
        assert_eq!(code(maps.map(&mapping, MAP_READ, offset, 1)), 0, "{offset}");
    }
}

/// "The combination of the high and low offsets must specify an offset within the file mapping." "All bytes must be within the
/// maximum size specified by CreateFileMapping."
fn within<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 2 * GRANULARITY);
    for (offset, len) in [
        (2 * GRANULARITY, 0),
        (3 * GRANULARITY, 0),
        (2 * GRANULARITY, 1),
        (0, 2 * GRANULARITY + 1),
        (GRANULARITY, GRANULARITY + 1),
        (GRANULARITY, u64::MAX),
        (GRANULARITY, u64::MAX - GRANULARITY + 1),
        (0, 1 << 63),
        (1 << 63, 1),
        (u64::MAX - GRANULARITY + 1, 1),
        (u64::MAX - GRANULARITY + 1, GRANULARITY),
        (u64::MAX - GRANULARITY + 1, 0),
    ] {
        assert!(maps.map(&mapping, MAP_READ, offset, len).is_err(), "mapped {len:#x} at {offset:#x}");
    }
    assert_eq!(code(maps.map(&mapping, MAP_READ, GRANULARITY, GRANULARITY)), 0);
}

/// "If this parameter is 0 (zero), the mapping extends from the specified offset to the end of the file mapping."
fn to_the_end<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, GRANULARITY + 5000);
    let whole = whole(maps, &mapping, MAP_WRITE);
    maps.write_view(&whole, GRANULARITY + 4999, b"z").unwrap();
    let rest = maps.map(&mapping, MAP_READ, GRANULARITY, 0).unwrap();
    assert_eq!(maps.read_view(&rest, 4999, 1).unwrap(), b"z");
}

/// "For files that are larger than the address space, you can only map a small portion of the file data at one time."
fn far<M: FileMappings>(maps: &M) {
    const FAR: u64 = 5 << 32;
    let path = path_of(maps, b"near");
    let handle = std::fs::File::options().write(true).open(&path).unwrap();
    handle.set_len(FAR + 10).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&handle, b"far", FAR + 7).unwrap();
    let file = maps.open_file(&path, GENERIC_READ).unwrap();
    let (mapping, _) = maps.create_mapping(Some(&file), READONLY, 0, None).unwrap();
    let view = maps.map(&mapping, MAP_READ, FAR, 10).unwrap();
    assert_eq!(maps.read_view(&view, 0, 10).unwrap(), b"\0\0\0\0\0\0\0far");
    let view = maps.map(&mapping, MAP_READ, 0, 4).unwrap();
    assert_eq!(maps.read_view(&view, 0, 4).unwrap(), b"near");
    assert!(maps.map(&mapping, MAP_READ, FAR, 11).is_err(), "mapped past the end");
}

/// "An attempt to write to the file view results in an access violation."
fn reading_only<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 4096);
    let view = whole(maps, &mapping, MAP_READ);
    assert!(maps.write_view(&view, 0, b"x").is_err(), "wrote");
    assert_eq!(maps.read_view(&view, 0, 1).unwrap(), [0]);
}

/// "The file mapping object must have been created with PAGE_READWRITE or PAGE_EXECUTE_READWRITE protection."
fn writing_needs<M: FileMappings>(maps: &M) {
    let (_path, file) = file(maps, b"contents");
    for protect in [READONLY, WRITECOPY] {
        let (mapping, _) = maps.create_mapping(Some(&file), protect, 0, None).unwrap();
        for access in [MAP_WRITE, MAP_WRITE | MAP_READ, MAP_ALL] {
            assert!(maps.map(&mapping, access, 0, 0).is_err(), "{protect} {access:#x}");
        }
    }
}

/// The tables of `CreateFileMapping` and `MapViewOfFile`.
fn protections<M: FileMappings>(maps: &M) {
    for (protect, accesses) in [
        (READONLY, &[MAP_READ, MAP_COPY][..]),
        (WRITECOPY, &[MAP_READ, MAP_COPY]),
        (READWRITE, &[MAP_READ, MAP_COPY, MAP_WRITE, MAP_WRITE | MAP_READ, MAP_ALL]),
        (EXECUTE_READ, &[MAP_READ, MAP_COPY, MAP_EXECUTE | MAP_READ]),
        (EXECUTE_READWRITE, &[MAP_READ, MAP_COPY, MAP_WRITE, MAP_ALL, MAP_EXECUTE | MAP_WRITE]),
    ] {
        let (mapping, _) = maps
            .create_mapping(None, protect, 4096, None)
            .unwrap_or_else(|e| panic!("create with {protect:#x}: {e}"));
        for access in accesses {
            let view = maps.map(&mapping, *access, 0, 0);
            let view = view.unwrap_or_else(|e| panic!("{protect:#x}, {access:#x}: {e}"));
            assert_eq!(maps.read_view(&view, 0, 1).unwrap(), [0], "{protect:#x}, {access:#x}");
            let writes = access & (MAP_WRITE | MAP_COPY) != 0;
            assert_eq!(maps.write_view(&view, 0, &[0]).is_ok(), writes, "{protect:#x}, {access:#x}");
        }
    }
}

fn execution_needs<M: FileMappings>(maps: &M) {
    for protect in [READONLY, READWRITE, WRITECOPY] {
        let (mapping, _) = maps.create_mapping(None, protect, 4096, None).unwrap();
        assert!(maps.map(&mapping, MAP_EXECUTE | MAP_READ, 0, 0).is_err(), "{protect}");
    }
    let path = path_of(maps, b"\xc3");
    let runs = maps.open_file(&path, GENERIC_READ | GENERIC_EXECUTE).unwrap();
    let (mapping, _) = maps.create_mapping(Some(&runs), EXECUTE_READ, 0, None).unwrap();
    let view = maps.map(&mapping, MAP_EXECUTE | MAP_READ, 0, 0).unwrap();
    assert_eq!(maps.read_view(&view, 0, 1).unwrap(), b"\xc3");
}

/// "the system copies the original page to a new page that is private to the process"
fn copy_on_write<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, b"original");
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
    let (first, second) = (whole(maps, &mapping, MAP_COPY), whole(maps, &mapping, MAP_COPY));
    let shared = whole(maps, &mapping, MAP_READ);
    maps.write_view(&first, 0, b"O").unwrap();
    maps.flush_view(&first, 0, 0).unwrap();
    assert_eq!(maps.read_view(&first, 0, 8).unwrap(), b"Original");
    assert_eq!(maps.read_view(&second, 0, 8).unwrap(), b"original");
    assert_eq!(maps.read_view(&shared, 0, 8).unwrap(), b"original");
    assert_eq!(std::fs::read(path).unwrap(), b"original");
}

fn copy_sees<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 2 * GRANULARITY);
    let (copy, shared) = (whole(maps, &mapping, MAP_COPY), whole(maps, &mapping, MAP_WRITE));
    maps.write_view(&shared, 0, b"before").unwrap();
    assert_eq!(maps.read_view(&copy, 0, 6).unwrap(), b"before");
    maps.write_view(&copy, 0, b"BEFORE").unwrap();
    maps.write_view(&shared, 0, b"after!").unwrap();
    maps.write_view(&shared, GRANULARITY, b"another page").unwrap();
    assert_eq!(maps.read_view(&copy, 0, 6).unwrap(), b"BEFORE");
    assert_eq!(maps.read_view(&copy, GRANULARITY, 12).unwrap(), b"another page");
}

/// "The contents of the new page are never written back to the original file and are lost when the view is unmapped."
fn copy_lost<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 4096);
    let copy = whole(maps, &mapping, MAP_COPY);
    maps.write_view(&copy, 0, b"lost").unwrap();
    drop(copy);
    for access in [MAP_COPY, MAP_READ] {
        assert_eq!(maps.read_view(&whole(maps, &mapping, access), 0, 4).unwrap(), [0; 4]);
    }
}

fn copy_of_read_only<M: FileMappings>(maps: &M) {
    let path = path_of(maps, b"contents");
    let file = maps.open_file(&path, GENERIC_READ).unwrap();
    for protect in [READONLY, WRITECOPY] {
        let (mapping, _) = maps.create_mapping(Some(&file), protect, 0, None).unwrap();
        let view = whole(maps, &mapping, MAP_COPY);
        maps.write_view(&view, 0, b"C").unwrap();
        assert_eq!(maps.read_view(&view, 0, 8).unwrap(), b"Contents");
    }
    assert_eq!(std::fs::read(path).unwrap(), b"contents");
}

/// "Mapped views of a file mapping object maintain internal references to the object, and a file mapping object does not close
/// until all references to it are released."
fn survives<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 4096);
    let (first, second) = (whole(maps, &mapping, MAP_WRITE), whole(maps, &mapping, MAP_READ));
    drop(mapping);
    maps.write_view(&first, 100, b"still there").unwrap();
    assert_eq!(maps.read_view(&second, 100, 11).unwrap(), b"still there");
    drop(first);
    assert_eq!(maps.read_view(&second, 100, 11).unwrap(), b"still there");
}

/// "An application can create multiple file views from the same file mapping object."
fn many<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 20 * GRANULARITY);
    let views: Vec<_> =
        (0..100).map(|at| maps.map(&mapping, MAP_WRITE, at % 20 * GRANULARITY, 0).unwrap()).collect();
    for (at, view) in views.iter().enumerate() {
        maps.write_view(view, at as u64, &[1]).unwrap();
    }
    for (at, view) in views.iter().enumerate() {
        let expected: Vec<u8> = (0..100).map(|byte| u8::from(byte % 20 == at % 20)).collect();
        assert_eq!(maps.read_view(view, 0, 100).unwrap(), expected, "{at}");
    }
}

fn overlap<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 3 * GRANULARITY);
    let low = maps.map(&mapping, MAP_WRITE, 0, 2 * GRANULARITY).unwrap();
    let high = maps.map(&mapping, MAP_WRITE, GRANULARITY, 2 * GRANULARITY).unwrap();
    maps.write_view(&low, GRANULARITY + 5, b"from below").unwrap();
    maps.write_view(&high, 50, b"from above").unwrap();
    assert_eq!(maps.read_view(&high, 5, 10).unwrap(), b"from below");
    assert_eq!(maps.read_view(&low, GRANULARITY + 50, 10).unwrap(), b"from above");
}

fn unmapped<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 4096);
    let (first, second) = (whole(maps, &mapping, MAP_WRITE), whole(maps, &mapping, MAP_WRITE));
    maps.write_view(&first, 0, b"kept").unwrap();
    drop(first);
    maps.write_view(&second, 4, b"too").unwrap();
    drop(second);
    assert_eq!(maps.read_view(&whole(maps, &mapping, MAP_READ), 0, 7).unwrap(), b"kepttoo");
}
