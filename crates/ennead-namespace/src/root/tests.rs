use super::*;

fn parents(surroundings: &Surroundings) -> Vec<String> {
    places(surroundings).iter().map(|p| p.parent.join(&p.name).display().to_string()).collect()
}

fn surroundings(root: Option<&str>, runtime: Option<&str>, secure: bool) -> Surroundings {
    Surroundings { ennead_root: root.map(Into::into), runtime_dir: runtime.map(Into::into), secure, uid: 7 }
}

#[test]
fn the_order_of_places() {
    let standing = ["/run/user/7/ennead", "/dev/shm/ennead-7", "/tmp/ennead-7"];
    assert_eq!(parents(&surroundings(Some("/a/b"), Some("/x"), false)), ["/a/b"]);
    assert_eq!(
        parents(&surroundings(None, Some("/x"), false)),
        [["/x/ennead"].as_slice(), &standing].concat()
    );
    assert_eq!(parents(&surroundings(Some(""), Some("relative"), false)), standing);
    assert_eq!(
        parents(&surroundings(Some("/a/b"), Some("/x"), true)),
        standing,
        "set-uid: nothing is believed"
    );
}

#[test]
fn a_bad_place_is_passed_by_unless_somebody_asked_for_it() {
    let place = crate::tests::playground::Playground::new();
    let good = place.path().join("good");
    std::fs::create_dir(&good).unwrap();
    let uid = process::effective_uid();
    let at =
        |parent: PathBuf, demanded| Place { parent, name: "ennead".into(), parent_is_ours: true, demanded };
    let missing = place.path().join("missing");
    let root = Root::local_among(vec![at(missing.clone(), false), at(good.clone(), false)], uid).unwrap();
    assert_eq!(root.path(), good.join("ennead"));
    assert!(!root.path().exists(), "who only looks makes nothing");
    let kind = Kind::new("thing", crate::Case::Matters);
    assert!(root.list(kind).unwrap().entries.is_empty());
    root.own_shelf(kind).unwrap();
    assert!(root.path().join("thing").exists() && root.is_tmpfs());
    assert!(matches!(
        Root::local_among(vec![at(missing.clone(), true), at(good, false)], uid),
        Err(RootError::NoParent { .. })
    ));
    assert!(matches!(Root::local_among(vec![at(missing, false)], uid), Err(RootError::NoPlace { .. })));
}

#[test]
fn only_canonical_numbers_are_users() {
    let uid = |text: &str| parse_uid(OsStr::new(text));
    assert_eq!(uid("0"), Some(0));
    assert_eq!(uid("1000"), Some(1000));
    for text in ["", "00", "+1", "-1", "01", "4294967296", "x"] {
        assert_eq!(uid(text), None, "{text}");
    }
}

#[test]
fn a_missing_parent_says_where_and_what_to_do() {
    let error = EntryError::from(Root::at("/nonexistent/x").unwrap_err());
    let text = error.to_string();
    for part in ["/nonexistent/x", "make it", "ENNEAD_ROOT"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(std::error::Error::source(&error).is_none(), "all is said");
}
