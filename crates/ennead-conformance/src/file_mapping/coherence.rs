//! What views, files and processes see of each other:
//! [File Mapping](https://learn.microsoft.com/windows/win32/memory/file-mapping), `FlushViewOfFile`.

use std::thread;

use super::{
    Elsewhere, FileMappings, GRANULARITY, MAP_COPY, MAP_READ, MAP_WRITE, READONLY, READWRITE, file, memory,
    named, path_of, whole,
};
use crate::{Case, GENERIC_READ, GENERIC_WRITE};

pub(super) fn cases<M: FileMappings>() -> Vec<Case<M>> {
    vec![
        ("views of one mapping are coherent", one_mapping),
        ("views of several mappings of one file are coherent", one_file),
        ("views of several processes are coherent", processes),
        ("what is written to a view changes the file", changes_file),
        ("a flush writes to the file", flushes),
        ("a flush is of all, or of a part", flush_of_part),
        ("a view for reading can be flushed", flush_for_reading),
        ("what threads write to a view all arrives", threads),
        ("a file is mapped through a handle of its own", own_handles),
        ("shared memory is apart from other shared memory", apart),
    ]
}

/// "file views derived from any file mapping object that is backed by the same file are coherent or identical at a specific time"
fn one_mapping<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 3 * GRANULARITY);
    let first = whole(maps, &mapping, MAP_WRITE);
    let second = maps.map(&mapping, MAP_WRITE, 2 * GRANULARITY, 0).unwrap();
    for round in 0..100_u8 {
        maps.write_view(&first, 2 * GRANULARITY + 7, &[round]).unwrap();
        assert_eq!(maps.read_view(&second, 7, 1).unwrap(), [round]);
        maps.write_view(&second, 8, &[round]).unwrap();
        assert_eq!(maps.read_view(&first, 2 * GRANULARITY + 8, 1).unwrap(), [round]);
    }
}

fn one_file<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, &[0; 10_000]);
    let another = maps.open_file(&path, GENERIC_READ).unwrap();
    let (first, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
    let (second, _) = maps.create_mapping(Some(&another), READONLY, 0, None).unwrap();
    let (first, second) = (whole(maps, &first, MAP_WRITE), whole(maps, &second, MAP_READ));
    for round in 0..100_u8 {
        maps.write_view(&first, 9999, &[round]).unwrap();
        assert_eq!(maps.read_view(&second, 9999, 1).unwrap(), [round]);
    }
}

/// "Coherency is guaranteed for views within a process and for views that are mapped by different processes."
fn processes<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, b"from the file");
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
    let view = whole(maps, &mapping, MAP_WRITE);
    maps.write_view(&view, 0, b"FROM").unwrap();
    let read = maps
        .elsewhere(Elsewhere::File(&path), 0, b"to the others", &mut || {
            assert_eq!(maps.read_view(&view, 0, 13).unwrap(), b"to the others");
        })
        .unwrap();
    assert_eq!(read, b"FROM the file");
    assert_eq!(maps.read_view(&view, 0, 13).unwrap(), b"to the others");
}

/// "Writing to the file view results in changes to the file mapping object. The actual writing to the file on disk is handled by the
/// system."
fn changes_file<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, &[b'.'; 20]);
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
    let view = whole(maps, &mapping, MAP_WRITE);
    maps.write_view(&view, 3, b"changed").unwrap();
    drop((view, mapping, file));
    assert_eq!(std::fs::read(path).unwrap(), b"...changed..........");
}

/// "Writes to the disk a byte range within a mapped view of a file."
fn flushes<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, &[0; 8192]);
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
    let view = whole(maps, &mapping, MAP_WRITE);
    for round in 1..20_u8 {
        maps.write_view(&view, 4000, &[round; 200]).unwrap();
        maps.flush_view(&view, 0, 0).unwrap();
        assert_eq!(std::fs::read(&path).unwrap()[4000..4200], [round; 200]);
    }
}

/// "If dwNumberOfBytesToFlush is zero, the file is flushed from the base address to the end of the mapping."
fn flush_of_part<M: FileMappings>(maps: &M) {
    let (path, file) = file(maps, &[0; 100_000]);
    let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
    let view = maps.map(&mapping, MAP_WRITE, GRANULARITY, 0).unwrap();
    for (at, len) in [(0, 1), (0, 4096), (5000, 10), (4096, 0), (30_000, 4464), (0, 34_464)] {
        maps.write_view(&view, at, b"!").unwrap();
        maps.flush_view(&view, at, len).unwrap();
        assert_eq!(std::fs::read(&path).unwrap()[(GRANULARITY + at) as usize], b'!', "{at}");
    }
}

fn flush_for_reading<M: FileMappings>(maps: &M) {
    let path = path_of(maps, b"contents");
    let file = maps.open_file(&path, GENERIC_READ).unwrap();
    let (mapping, _) = maps.create_mapping(Some(&file), READONLY, 0, None).unwrap();
    maps.flush_view(&whole(maps, &mapping, MAP_READ), 0, 0).unwrap();
    let memory = memory(maps, 4096);
    for access in [MAP_READ, MAP_WRITE, MAP_COPY] {
        maps.flush_view(&whole(maps, &memory, access), 0, 0).unwrap();
    }
}

fn threads<M: FileMappings>(maps: &M) {
    let mapping = memory(maps, 4096);
    let view = whole(maps, &mapping, MAP_WRITE);
    thread::scope(|scope| {
        for who in 0..4_u8 {
            let view = &view;
            scope.spawn(move || {
                for at in 0..50 {
                    maps.write_view(view, u64::from(who) + 4 * at, &[who + 1]).unwrap();
                }
            });
        }
    });
    assert_eq!(maps.read_view(&view, 0, 200).unwrap(), [1, 2, 3, 4].repeat(50));
}

fn own_handles<M: FileMappings>(maps: &M) {
    let path = path_of(maps, b"0123456789");
    let views: Vec<_> = (0..5)
        .map(|_| {
            let file = maps.open_file(&path, GENERIC_READ | GENERIC_WRITE).unwrap();
            let (mapping, _) = maps.create_mapping(Some(&file), READWRITE, 0, None).unwrap();
            whole(maps, &mapping, MAP_WRITE)
        })
        .collect();
    for (at, view) in views.iter().enumerate() {
        maps.write_view(view, at as u64, b"x").unwrap();
    }
    for view in &views {
        assert_eq!(maps.read_view(view, 0, 10).unwrap(), b"xxxxx56789");
    }
}

fn apart<M: FileMappings>(maps: &M) {
    let (unnamed, other) = (memory(maps, 4096), memory(maps, 4096));
    let (first, second) = (named(maps, "apart-1", 4096), named(maps, "apart-2", 4096));
    maps.write_view(&whole(maps, &unnamed, MAP_WRITE), 0, b"unnamed").unwrap();
    maps.write_view(&whole(maps, &first, MAP_WRITE), 0, b"first").unwrap();
    for mapping in [&other, &second] {
        assert_eq!(maps.read_view(&whole(maps, mapping, MAP_READ), 0, 7).unwrap(), [0; 7]);
    }
}
