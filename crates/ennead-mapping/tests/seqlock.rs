//! The cell with one writer and many readers.

mod support;

use std::sync::Arc;

use ennead_mapping::{MappingOptions, SeqCell, View, ViewAccess, rights};
use ennead_status::Win32Error;
use support::{Role, Root, listen, role, say};

type Page = [u64; 32];

fn view(root: &Root, access: ViewAccess) -> Arc<View> {
    let mapping = root.memory(4096).create("board").unwrap();
    Arc::new(mapping.view(access).unwrap())
}

#[test]
fn one_writes_and_others_read() {
    let root = Root::new();
    let view = view(&root, ViewAccess::Write);
    let cell = SeqCell::<Page>::new(&view, 64).unwrap();
    assert_eq!(cell.read_counted().unwrap(), ([0; 32], 0));
    let mut writer = cell.writer().unwrap();
    assert_eq!(cell.writer().unwrap_err().win32(), Win32Error::BUSY);
    for turn in 1..10 {
        writer.write(&[turn; 32]).unwrap();
        assert_eq!(cell.read_counted().unwrap(), ([turn; 32], turn));
    }
    // A reader needs no right to write.
    let reading = root.open("board", rights::READ).unwrap().view(ViewAccess::Read).unwrap();
    let reader = SeqCell::<Page>::new(&Arc::new(reading), 64).unwrap();
    assert_eq!(reader.read().unwrap(), [9; 32]);
    assert_eq!(reader.writer().unwrap_err().win32(), Win32Error::NOACCESS);
    drop(writer);
    cell.writer().unwrap().write(&[0; 32]).unwrap();
    assert_eq!(reader.count().unwrap(), 10);
}

#[test]
fn places_that_are_no_cells() {
    let root = Root::new();
    let view = view(&root, ViewAccess::Write);
    let code = |result: ennead_mapping::Result<SeqCell<Page>>| result.unwrap_err().win32();
    for offset in [1, 32, 4096, 4096 - SeqCell::<Page>::size() + 64, usize::MAX & !63] {
        assert_eq!(code(SeqCell::new(&view, offset)), Win32Error::INVALID_PARAMETER, "{offset}");
    }
    SeqCell::<Page>::new(&view, 4096 - SeqCell::<Page>::size()).unwrap();
    view.write(0, b"text").unwrap();
    assert_eq!(code(SeqCell::new(&view, 0)), Win32Error::INVALID_DATA);
    SeqCell::<[u8; 9]>::new(&view, 640).unwrap().writer().unwrap();
    assert_eq!(code(SeqCell::new(&view, 640)), Win32Error::INVALID_DATA, "of another size");
}

#[test]
fn child() {
    let Some((role, path)) = role() else { return };
    assert_eq!(role, "writer");
    let place = ennead_mapping::Place::at(path).unwrap();
    let mapping = ennead_mapping::FileMapping::open_in(Some(&place), "board", rights::ALL_ACCESS).unwrap();
    let cell = SeqCell::<Page>::new(&Arc::new(mapping.view(ViewAccess::Write).unwrap()), 0).unwrap();
    let mut writer = cell.writer().unwrap();
    say("ready");
    listen();
    let mut turn = cell.count().unwrap();
    loop {
        turn += 1;
        writer.write(&[turn; 32]).unwrap();
    }
}

/// Readers never meet a torn value, nor an older one than before, while writers are killed in the middle of it.
#[test]
fn killed_writers_tear_nothing() {
    let root = Root::new();
    let view = view(&root, ViewAccess::Write);
    let cell = SeqCell::<Page>::new(&view, 0).unwrap();
    let mut newest = 0;
    for _ in 0..20 {
        let mut writer = Role::start("child", "writer", &root.path);
        writer.hear();
        writer.tell("go");
        let from = newest;
        while newest < from + 1_000 {
            let (page, count) = cell.read_counted().unwrap();
            assert!(page.iter().all(|&word| word == count) && count >= newest, "{page:?} of {count}");
            newest = count;
        }
        writer.kill();
        let (page, count) = cell.read_counted().unwrap();
        assert!(page.iter().all(|&word| word == count) && count >= newest);
        newest = count;
    }
    drop(cell.writer().unwrap());
    let other = MappingOptions::memory(4096).create_unnamed().unwrap();
    SeqCell::<Page>::new(&Arc::new(other.view(ViewAccess::Write).unwrap()), 0).unwrap();
}
