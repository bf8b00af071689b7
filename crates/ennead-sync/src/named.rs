//! Creating and opening what has a name: the same for each kind of object in the shared folder.

use ennead_namespace::{CreateOptions, Created, Entry, EntryError, Kind, Scope, Wanted};
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor};

use crate::error::ObjectError;
use crate::layout::{self, Tag};
use crate::name::ObjectName;
use crate::place::Place;
use crate::rights;

/// What a new object is like.
pub(crate) struct Blueprint<'a> {
    pub(crate) tag: Tag,
    pub(crate) mapping: &'a GenericMapping,
    pub(crate) descriptor: &'a SecurityDescriptor,
    /// The body's first bytes.
    pub(crate) initial: &'a [u8],
    /// The body's length, and what its offset is a multiple of.
    pub(crate) len: u64,
    pub(crate) align: u64,
}

/// A held name, and what its holder may do.
pub(crate) struct Opened {
    pub(crate) scope: Scope,
    pub(crate) entry: Entry,
    pub(crate) granted: AccessMask,
    pub(crate) existed: bool,
}

/// Makes the object, or opens the one of the same kind that holds the name.
pub(crate) fn create(
    place: &Place,
    name: &ObjectName,
    blueprint: &Blueprint<'_>,
    desired: AccessMask,
) -> Result<Opened, ObjectError> {
    let protection = rights::protection(blueprint.descriptor, blueprint.mapping);
    let options = CreateOptions::new(&protection)
        .body(blueprint.tag.as_u32(), layout::VERSION, blueprint.len)
        .align(blueprint.align)
        .initial(blueprint.initial)
        .wanted(Wanted::ReadWrite);
    match name.root(place)?.create(Kind::OBJECT, name.name(), &options)? {
        // Whoever makes an object gets what they ask for, whatever its descriptor says.
        Created::New(entry) => {
            Ok(Opened { scope: name.scope(), entry, granted: blueprint.mapping.map(desired), existed: false })
        }
        Created::Existing(entry) => existing(name.scope(), entry, blueprint.tag, blueprint.mapping, desired),
    }
}

/// Opens the object that holds the name.
pub(crate) fn open(
    place: &Place,
    name: &ObjectName,
    tag: Tag,
    mapping: &GenericMapping,
    desired: AccessMask,
) -> Result<Opened, ObjectError> {
    let entry = name.root(place)?.open(Kind::OBJECT, name.name(), Wanted::ReadWrite)?;
    existing(name.scope(), entry, tag, mapping, desired)
}

fn existing(
    scope: Scope,
    entry: Entry,
    tag: Tag,
    mapping: &GenericMapping,
    desired: AccessMask,
) -> Result<Opened, ObjectError> {
    if entry.body_tag() != tag.as_u32() {
        return Err(ObjectError::OtherKind);
    }
    if entry.body_version() != layout::VERSION {
        return Err(ObjectError::Version { version: entry.body_version(), features: 0 });
    }
    let descriptor = entry.security_descriptor().map_err(|_| ObjectError::Damaged)?;
    let granted = rights::check(&descriptor, mapping, desired).ok_or(ObjectError::Denied)?;
    if !entry.is_writable() {
        return Err(EntryError::AccessDenied.into());
    }
    Ok(Opened { scope, entry, granted, existed: true })
}
