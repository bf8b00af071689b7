//! Private namespaces: names that mean something only to those who know a boundary.
//!
//! [`ennead_namespace::private`] says how they are kept. Here are their functions in the terms of objects: `ALIAS\\NAME` is what an
//! [`ObjectName`](crate::ObjectName) may be while the namespace is open in this process.
//!
//! Pages: [Object Namespaces](https://learn.microsoft.com/windows/win32/sync/object-namespaces),
//! [CreatePrivateNamespace](https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-createprivatenamespacew).

use ennead_namespace::private::{self, PrivateError as NamespaceError};
use ennead_namespace::{EntryError, RootError, Roots, Scope};
use ennead_security::{SecurityDescriptor, Sid};

use crate::place::Place;

/// What a namespace is isolated by: a name and the users and groups that its creator must be or belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Boundary {
    name: String,
    sids: Vec<Sid>,
}

impl Boundary {
    /// A boundary of a name only (`CreateBoundaryDescriptor`); it needs a SID at least.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), sids: Vec::new() }
    }

    /// One that also asks for this user or group (`AddSIDToBoundaryDescriptor`).
    #[must_use]
    pub fn sid(mut self, sid: Sid) -> Self {
        if let Err(at) = self.sids.binary_search(&sid) {
            self.sids.insert(at, sid);
        }
        self
    }

    fn given(&self) -> Result<private::Boundary, NamespaceError> {
        let mut boundary = private::Boundary::new(&self.name).map_err(NamespaceError::Name)?;
        self.sids.iter().for_each(|sid| boundary.add(*sid));
        Ok(boundary)
    }
}

/// A private namespace that this process made or opened. While it is held, `ALIAS\\NAME` names an object in it, in this
/// process. Dropping it closes it (`ClosePrivateNamespace`): the objects go on, and after its creator's nobody can open it any more.
#[derive(Debug)]
pub struct PrivateNamespace {
    // Kept for its hold, and its alias.
    _held: private::PrivateNamespace,
}

impl PrivateNamespace {
    /// Makes a namespace, for its creator's user only unless a descriptor says otherwise; in `Global\\` where that admits others.
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED where the caller is not within the boundary; ERROR_ALREADY_EXISTS where a living process made it;
    /// ERROR_DUP_NAME where this process uses the alias; ERROR_INVALID_PARAMETER for a boundary without a SID, and an alias that can be
    /// none.
    pub fn create(
        alias: &str,
        boundary: &Boundary,
        descriptor: Option<&SecurityDescriptor>,
    ) -> Result<Self, NamespaceError> {
        Self::create_at(&Place::of_process(), alias, boundary, descriptor)
    }

    /// The same in another place.
    ///
    /// # Errors
    /// As [`PrivateNamespace::create`].
    pub fn create_at(
        place: &Place,
        alias: &str,
        boundary: &Boundary,
        descriptor: Option<&SecurityDescriptor>,
    ) -> Result<Self, NamespaceError> {
        let held = private::PrivateNamespace::create(&roots(place)?, &boundary.given()?, alias, descriptor)?;
        Ok(Self { _held: held })
    }

    /// Opens a namespace that a living process made (`OpenPrivateNamespace`).
    ///
    /// # Errors
    /// ERROR_PATH_NOT_FOUND where there is none of this boundary; ERROR_ACCESS_DENIED where its descriptor does not admit the caller;
    /// ERROR_DUP_NAME where this process uses the alias.
    pub fn open(alias: &str, boundary: &Boundary) -> Result<Self, NamespaceError> {
        Self::open_at(&Place::of_process(), alias, boundary)
    }

    /// The same in another place.
    ///
    /// # Errors
    /// As [`PrivateNamespace::open`].
    pub fn open_at(place: &Place, alias: &str, boundary: &Boundary) -> Result<Self, NamespaceError> {
        Ok(Self { _held: private::PrivateNamespace::open(&roots(place)?, &boundary.given()?, alias)? })
    }
}

fn roots(place: &Place) -> Result<Roots, NamespaceError> {
    let local = place.root(Scope::Local).map_err(NamespaceError::Entry)?.clone();
    let global = match place.root(Scope::Global) {
        Err(EntryError::Root(RootError::GlobalMissing { .. })) => None,
        root => Some(root.map_err(NamespaceError::Entry)?.clone()),
    };
    Ok(Roots::new(local, global))
}
