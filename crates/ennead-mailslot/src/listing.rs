//! Which mailslots there are.

use ennead_namespace::{Kind, Listed, Root, Scope};
use ennead_security::SecurityDescriptor;

use crate::body::{self, Body, LEN, SERVER, Traits};
use crate::error::{During, Operation, Reason, Result};
use crate::place::Place;

/// A mailslot that some process serves.
#[derive(Clone, Debug)]
pub struct ListedMailslot {
    /// Its name, without `\\.\mailslot\`; `None` if it is too long for its file's name and may not be read.
    pub name: Option<String>,
    /// In which namespace it is.
    pub scope: Scope,
    /// The user who created it.
    pub uid: u32,
    /// What only those see who may write to it.
    pub details: Option<MailslotDetails>,
}

/// What a mailslot's entry tells those who may write to it.
#[derive(Clone, Debug)]
pub struct MailslotDetails {
    /// Limits, read time-out and budget.
    pub traits: Traits,
    /// The process that serves it, as it sees itself: for people.
    pub server: u32,
    /// That process's command.
    pub command: String,
    /// The security descriptor.
    pub security: SecurityDescriptor,
    /// When it was created, in nanoseconds since 1970.
    pub created: u64,
}

/// The mailslots of this process's namespaces, by name.
///
/// # Errors
/// What the namespace says when it cannot be listed.
pub fn list() -> Result<Vec<ListedMailslot>> {
    let place = Place::of_process().during(Operation::List)?;
    list_in(&place)
}

/// The mailslots of other namespaces, by name.
///
/// # Errors
/// As [`list`].
pub fn list_in(place: &Place) -> Result<Vec<ListedMailslot>> {
    let roots = place.roots();
    let mut slots = Vec::new();
    for root in [Some(&roots.local), roots.global.as_ref()].into_iter().flatten() {
        add(root, &mut slots).during(Operation::List)?;
    }
    slots.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(slots)
}

fn add(root: &Root, slots: &mut Vec<ListedMailslot>) -> std::result::Result<(), Reason> {
    let listing = root.list(Kind::MAILSLOT).map_err(Reason::Namespace)?;
    for listed in listing.entries {
        let details = match details(&listed) {
            Ok(Served::By(details)) => Some(*details),
            Ok(Served::Unknown) => None,
            // Held, but not by a server: a client is just looking at it.
            Ok(Served::Nobody) => continue,
            Err(reason) => {
                tracing::debug!(target: "ennead::mailslot", file = ?listed.file_name, %reason, "a mailslot cannot be read");
                None
            }
        };
        let name = listed.name.map(|name| String::from_utf16_lossy(name.as_wide()));
        slots.push(ListedMailslot { name, scope: root.scope(), uid: listed.uid, details });
    }
    Ok(())
}

enum Served {
    By(Box<MailslotDetails>),
    Nobody,
    Unknown,
}

fn details(listed: &Listed) -> std::result::Result<Served, Reason> {
    let Some(observed) = &listed.observed else { return Ok(Served::Unknown) };
    if !observed.slot_is_held(SERVER).map_err(Reason::Namespace)? {
        return Ok(Served::Nobody);
    }
    body::check(observed.header.body_tag, observed.header.body_version)?;
    let mut bytes = [0; LEN];
    if observed.read_body(0, &mut bytes).map_err(Reason::Namespace)? < LEN {
        return Err(Reason::Damaged("the length of the mailslot's entry"));
    }
    let body = Body::decode(&bytes);
    let command = &observed.header.command;
    let end = command.iter().position(|byte| *byte == 0).unwrap_or(command.len());
    Ok(Served::By(Box::new(MailslotDetails {
        traits: body.traits,
        server: body.pid,
        command: String::from_utf8_lossy(&command[..end]).into_owned(),
        security: crate::security::of_entry(&observed.descriptor)?,
        created: observed.header.created,
    })))
}
