//! Which pipes there are.

use ennead_namespace::{Kind, Listed, Root, Scope};
use ennead_security::SecurityDescriptor;

use super::error::{During, Operation, Reason, Result};
use super::layout::{self, RECORD_LEN, RECORDS, Record, Traits, record_at};
use super::place::Place;

/// A pipe that some process serves.
#[derive(Clone, Debug)]
pub struct ListedPipe {
    /// Its name, without `\\.\pipe\`; `None` if it is too long for its file's name and may not be read.
    pub name: Option<String>,
    /// In which namespace it is.
    pub scope: Scope,
    /// The user who created it.
    pub uid: u32,
    /// What only those see who may open it.
    pub details: Option<PipeDetails>,
}

/// What a pipe's entry tells those who may open it.
#[derive(Clone, Debug)]
pub struct PipeDetails {
    /// Type, limits and quotas.
    pub traits: Traits,
    /// How many instances there are, in all processes.
    pub instances: u32,
    /// The processes that serve it, each as it sees itself: for people.
    pub servers: Vec<u32>,
    /// The process that created it, as it saw itself.
    pub creator_pid: u32,
    /// That process's command.
    pub command: String,
    /// The security descriptor.
    pub security: SecurityDescriptor,
    /// When it was created, in nanoseconds since 1970.
    pub created: u64,
}

/// The pipes of this process's namespaces, by name.
///
/// # Errors
/// What the namespace says when it cannot be listed.
pub fn list() -> Result<Vec<ListedPipe>> {
    let place = Place::of_process().during(Operation::List)?;
    list_in(&place)
}

/// The pipes of other namespaces, by name.
///
/// # Errors
/// As [`list`].
pub fn list_in(place: &Place) -> Result<Vec<ListedPipe>> {
    let roots = place.roots();
    let mut pipes = Vec::new();
    for root in [Some(&roots.local), roots.global.as_ref()].into_iter().flatten() {
        add(root, &mut pipes).during(Operation::List)?;
    }
    pipes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(pipes)
}

fn add(root: &Root, pipes: &mut Vec<ListedPipe>) -> std::result::Result<(), Reason> {
    let listing = root.list(Kind::PIPE).map_err(Reason::Namespace)?;
    for listed in listing.entries {
        let details = match details(&listed) {
            Ok(details) => details,
            Err(reason) => {
                tracing::debug!(target: "ennead::pipe", file = ?listed.file_name, %reason, "a pipe cannot be read");
                None
            }
        };
        // Held, but not by a server: a client is just looking at it.
        if details.as_ref().is_some_and(|details| details.servers.is_empty()) {
            continue;
        }
        let name = listed.name.map(|name| String::from_utf16_lossy(name.as_wide()));
        pipes.push(ListedPipe { name, scope: root.scope(), uid: listed.uid, details });
    }
    Ok(())
}

fn details(listed: &Listed) -> std::result::Result<Option<PipeDetails>, Reason> {
    let Some(observed) = &listed.observed else { return Ok(None) };
    if observed.header.body_tag != layout::TAG {
        return Err(Reason::Damaged("the kind of the pipe's entry"));
    }
    if observed.header.body_version != layout::VERSION {
        let theirs = observed.header.body_version;
        return Err(Reason::Version { theirs, ours: layout::VERSION });
    }
    let mut body = vec![0; layout::LEN as usize];
    let read = observed.read_body(0, &mut body).map_err(Reason::Namespace)?;
    let front = body.first_chunk().filter(|_| read == body.len());
    let traits = Traits::decode(front.ok_or(Reason::Damaged("the length of the pipe's entry"))?)?;
    let (mut instances, mut servers) = (0u32, Vec::new());
    for n in 0..RECORDS {
        let bytes = body.get(record_at(n)..record_at(n) + RECORD_LEN);
        let Some(record) = bytes.and_then(Record::from_bytes).filter(Record::is_used) else { continue };
        if observed.slot_is_held(n).map_err(Reason::Namespace)? {
            instances = instances.saturating_add(record.instances);
            if !servers.contains(&record.pid) {
                servers.push(record.pid);
            }
        }
    }
    let command = &observed.header.command;
    let end = command.iter().position(|byte| *byte == 0).unwrap_or(command.len());
    Ok(Some(PipeDetails {
        traits,
        instances,
        servers,
        creator_pid: observed.header.pid,
        command: String::from_utf8_lossy(&command[..end]).into_owned(),
        security: super::security::of_entry(&observed.descriptor)?,
        created: observed.header.created,
    }))
}
