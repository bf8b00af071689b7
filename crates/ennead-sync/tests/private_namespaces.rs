//! Private namespaces.

mod support;

use ennead_security::Sid;
use ennead_status::Win32Error;
use ennead_sync::{Boundary, EventOptions, ObjectName, Outcome, PrivateNamespace, Wait};
use support::Playground;

fn own() -> Sid {
    Sid::unix_user(ennead_sys::process::effective_uid())
}

#[test]
fn names_mean_something_to_those_who_know_the_boundary() {
    let play = Playground::new();
    let place = play.place();
    let boundary = Boundary::new("stock").sid(own());
    let opened = PrivateNamespace::open_at(&place, "NS1", &boundary).unwrap_err();
    assert_eq!(opened.win32(), Win32Error::PATH_NOT_FOUND);
    assert_eq!(ObjectName::parse(r"NS1\e").unwrap_err().win32(), Win32Error::PATH_NOT_FOUND);

    let made = PrivateNamespace::create_at(&place, "NS1", &boundary, None).unwrap();
    let event = EventOptions::new().place(&place).create(r"NS1\e").unwrap();
    let ordinary = EventOptions::new().place(&place).create("e").unwrap();
    assert!(!event.existed() && !ordinary.existed(), "they are two");
    event.set().unwrap();
    let again = EventOptions::new().place(&place).create(r"NS1\e").unwrap();
    assert!(again.existed());
    assert_eq!(again.wait(Wait::Never).unwrap(), Outcome::Signaled(0));
    assert_eq!(ObjectName::parse(r"NS1\a\b").unwrap_err().win32(), Win32Error::PATH_NOT_FOUND);
    assert_eq!(ObjectName::parse(r"NS1\").unwrap_err().win32(), Win32Error::INVALID_NAME);

    let twice = PrivateNamespace::create_at(&place, "NS1", &boundary, None).unwrap_err();
    assert_eq!(twice.win32(), Win32Error::ALREADY_EXISTS);
    let other = Boundary::new("other").sid(own());
    let opened = PrivateNamespace::open_at(&place, "NS1", &other).unwrap_err();
    assert_eq!(opened.win32(), Win32Error::PATH_NOT_FOUND, "the boundary is a part of the name");

    drop(made);
    event.set().unwrap();
    assert_eq!(again.wait(Wait::Never).unwrap(), Outcome::Signaled(0), "objects go on");
    assert_eq!(ObjectName::parse(r"NS1\e").unwrap_err().win32(), Win32Error::PATH_NOT_FOUND);
    let closed = PrivateNamespace::open_at(&place, "NS1", &boundary).unwrap_err();
    assert_eq!(closed.win32(), Win32Error::PATH_NOT_FOUND);
}

#[test]
fn who_makes_one_is_within_its_boundary() {
    let play = Playground::new();
    let place = play.place();
    let stranger = Sid::unix_user(ennead_sys::process::effective_uid() + 1);
    let outside = Boundary::new("b").sid(own()).sid(stranger);
    let denied = PrivateNamespace::create_at(&place, "NS2", &outside, None).unwrap_err();
    assert_eq!(denied.win32(), Win32Error::ACCESS_DENIED);
    for alias in ["", "Local", "Global", r"a\b"] {
        let error = PrivateNamespace::create_at(&place, alias, &Boundary::new("b"), None).unwrap_err();
        assert_eq!(error.win32(), Win32Error::INVALID_PARAMETER, "{alias}");
    }
    let one = Boundary::new("b").sid(own()).sid(Sid::WORLD);
    let two = Boundary::new("b").sid(Sid::WORLD).sid(own()).sid(own());
    assert_eq!(one, two, "their order says nothing");
}
