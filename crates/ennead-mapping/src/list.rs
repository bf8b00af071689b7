//! The named file mappings that are alive.

use ennead_namespace::{Kind, Listed, Scope};
use ennead_sync::Place;

use crate::PageProtection;
use crate::error::{During, Operation, Reason, Result};
use crate::layout::{HEADER, Header, SEC_RESERVE, TAG};

/// A named file mapping, as an onlooker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMapping {
    /// The namespace.
    pub scope: Scope,
    /// Whose it is.
    pub uid: u32,
    /// Its name without the namespace; `None` where only a hash of it is known to this user.
    pub name: Option<String>,
    /// What only those may know who may read it.
    pub details: Option<Details>,
}

/// What a file mapping's header says. It is information: a co-writer may have spoiled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Details {
    /// Its size in bytes.
    pub size: u64,
    /// What views may be mapped for.
    pub protection: PageProtection,
    /// Whether pages must be committed before use.
    pub reserves: bool,
    /// Whether it maps a file of somebody's.
    pub is_file: bool,
}

/// The named file mappings of this process's namespaces. Does not block.
///
/// # Errors
/// What the system says.
pub fn list() -> Result<Vec<ListedMapping>> {
    list_in(&Place::of_process())
}

/// The same of other namespaces.
///
/// # Errors
/// What the system says.
pub fn list_in(place: &Place) -> Result<Vec<ListedMapping>> {
    let mut found = Vec::new();
    let local = place.root(Scope::Local).during(Operation::List)?;
    // Where it was never set up, nobody has a name in it.
    let global = place.root(Scope::Global).ok();
    for root in std::iter::once(local).chain(global) {
        let listing = root.list(Kind::OBJECT).map_err(Reason::Namespace).during(Operation::List)?;
        let ours = listing.entries.iter().filter(|entry| is_mapping(entry));
        found.extend(ours.map(|entry| ListedMapping {
            scope: root.scope(),
            uid: entry.uid,
            name: entry.name.as_ref().map(ToString::to_string),
            details: describe(entry),
        }));
    }
    Ok(found)
}

fn is_mapping(entry: &Listed) -> bool {
    entry.observed.as_ref().is_some_and(|seen| seen.header.body_tag == TAG)
}

/// What an entry of the folder of objects says of itself; `None` if it is no file mapping, or one that this user may not read.
#[must_use]
pub fn describe(entry: &Listed) -> Option<Details> {
    let seen = entry.observed.as_ref().filter(|_| is_mapping(entry))?;
    let mut bytes = [0; HEADER];
    let read = seen.read_body(0, &mut bytes).ok()?;
    let header = Header::decode(&bytes[..read], seen.header.body.1).ok()?;
    Some(Details {
        size: header.size,
        protection: PageProtection::from_bits(header.protection)?,
        reserves: header.attributes == SEC_RESERVE,
        is_file: header.file.is_some(),
    })
}
