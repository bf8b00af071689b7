use super::*;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn folded(text: &str) -> String {
    name(text).file_name(Case::Folds).into_string().unwrap()
}

fn kept(text: &str) -> String {
    name(text).file_name(Case::Matters).into_string().unwrap()
}

/// File names are a layout too: programs of different versions meet by them.
#[test]
fn file_names_are_pinned() {
    assert_eq!(folded("MyPipe"), "mypipe");
    assert_eq!(kept("MyPipe"), "MyPipe");
    assert_eq!(kept(".hidden"), "%2Ehidden");
    assert_eq!(kept("a.b"), "a.b");
    assert_eq!(kept("a/b\\c%d\u{1}\u{7f}"), "a%2Fb\\c%25d%01%7F");
    assert_eq!(folded("grün"), "grÜn");
    assert_eq!(kept("grün 🦀"), "grün 🦀");
    let lone = Name::from_wide(&[0x61, 0xd800]).unwrap();
    assert_eq!(lone.file_name(Case::Matters), "a%uD800");
    let long = kept(&"x".repeat(201));
    assert_eq!(long.len(), 200);
    assert_eq!(&long[..40], "%h1fe777cad82d87ff68669e5b7f7e3e6d-xxxxx");
}

#[test]
fn folding_goes_unit_by_unit() {
    let same = |a: &str, b: &str| name(a).is_same(&name(b), Case::Folds);
    assert!(same("abcß", "ABCß") && same("ÿ", "Ÿ") && same("жук", "ЖУК"));
    // Two letters, or a way back that leads elsewhere: no folding.
    assert!(!same("ß", "SS") && !same("ı", "I") && !same("ſ", "S") && !same("µ", "Μ"));
    // Deseret letters lie beyond 16 bits: surrogates have no case.
    assert!(!same("\u{10428}", "\u{10400}"));
    assert!(!name("a").is_same(&name("A"), Case::Matters));
}

#[test]
fn every_file_name_leads_back_to_its_name() {
    let mut dice = crate::tests::playground::Dice::new(crate::tests::playground::seed());
    for _ in 0..20_000 {
        let units: Vec<u16> = (0..1 + dice.roll(20))
            .map(|_| match dice.roll(4) {
                0 => 1 + dice.roll(127) as u16,
                1 => 0xd800 + dice.roll(0x800) as u16,
                2 => u16::from(b"./%u0aA"[dice.roll(7) as usize]),
                _ => 1 + dice.roll(0xffff) as u16,
            })
            .collect();
        let name = Name::from_wide(&units).unwrap();
        for case in [Case::Matters, Case::Folds] {
            let file_name = name.file_name(case);
            assert!(file_name.len() <= LONGEST_FILE_NAME && !file_name.as_bytes().contains(&b'/'));
            assert!(!file_name.as_bytes().starts_with(b"."));
            let back = Name::from_file_name(&file_name, case).unwrap();
            assert!(back.is_same(&name, case), "{units:x?} {file_name:?} {back:?}");
            assert!(case == Case::Folds || back == name);
        }
    }
}

#[test]
fn what_is_no_file_name_of_ours_stands_for_nothing() {
    for foreign in ["%zz", "%2", "%u12", "%41", "Upper", "%2e", "%h0123", "", "%u0041", "a%"] {
        assert_eq!(Name::from_file_name(OsStr::new(foreign), Case::Folds), None, "{foreign}");
    }
}

#[test]
fn bad_names_are_refused() {
    use ennead_status::Win32Error;
    assert_eq!(Name::new("").unwrap_err().win32(), Win32Error::INVALID_NAME);
    assert_eq!(Name::new("a\0b").unwrap_err(), NameError::Nul { position: 1 });
    assert_eq!(Name::new(&"x".repeat(LONGEST + 1)).unwrap_err().win32(), Win32Error::FILENAME_EXCED_RANGE);
    assert!(Name::new(&"x".repeat(LONGEST)).is_ok());
}
