//! What is done where the system has less: forced here.

use super::playground::{Playground, files_in, hold, name};
use crate::{CreateOptions, Created, EntryError, Kind, Protection, Root, Scope, Wanted, setup, step};

const KIND: Kind = Kind::PIPE;

fn create(root: &Root, options: &CreateOptions<'_>) -> Result<Created, EntryError> {
    root.create(KIND, &name("thing"), options)
}

/// The whole life of a name, with drafts that have temporary names.
#[test]
fn entries_without_unnamed_files() {
    step::without_unnamed_files();
    let place = Playground::new();
    setup::set_up_global(&place.path().join("global"), setup::Room::Shared(setup::Limits::default()))
        .unwrap();
    let global = Root::global_at(place.path().join("global")).unwrap();
    let uid = ennead_sys::process::effective_uid();
    let folders = [place.path().join("pipe"), place.path().join(format!("global/{uid}/pipe"))];
    let private = Protection::private();
    let options = CreateOptions::new(&private).body(1, 1, 64).initial(b"begin");
    for (root, folder) in [place.local(), global].iter().zip(&folders) {
        let first = create(root, &options).unwrap();
        assert!(matches!(first, Created::New(_)));
        let key = usize::from(root.scope() == Scope::Global);
        assert_eq!(files_in(folder), 1 + key, "the draft's own name is gone");
        let mut begin = [0; 5];
        let opened = root.open(KIND, &name("THING"), Wanted::Read).unwrap();
        opened.body().unwrap().copy_out(0, &mut begin);
        assert_eq!(&begin, b"begin");
        assert!(matches!(create(root, &options), Ok(Created::Existing(_))));
        drop((first, opened));
        assert_eq!(files_in(folder), 0);
        // A dead file in the way, and one that fails half-way: neither leaves a draft.
        std::fs::write(folder.join("thing"), b"dead").unwrap();
        let second = create(root, &options).unwrap();
        assert!(matches!(second, Created::New(_)));
        drop(second);
        let huge = CreateOptions::new(&private).body(1, 1, 1 << 60);
        assert!(create(root, &huge).is_err());
        assert_eq!(files_in(folder), 0);
    }
}

/// A draft's temporary name: a list leaves it alone while it is held, and takes a killed creator's away.
#[test]
fn temporary_names_are_swept_when_dead() {
    let place = Playground::new();
    let root = place.local();
    let shelf = root.own_shelf(KIND).unwrap();
    let draft = shelf.named_draft().unwrap();
    let folder = place.path().join("pipe");
    assert_eq!((root.list(KIND).unwrap().removed, files_in(&folder)), (0, 1));
    drop(draft);
    assert_eq!((root.list(KIND).unwrap().removed, files_in(&folder)), (1, 0));
    std::fs::write(folder.join(".t.0123456789abcdef"), b"").unwrap();
    let held = hold(&folder.join(".t.0123456789abcdef"));
    assert_eq!(root.list(KIND).unwrap().removed, 0);
    drop(held);
}
