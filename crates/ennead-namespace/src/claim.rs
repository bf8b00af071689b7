//! Claim and scan: how a name in `Global\` comes to be held by one user, though each writes in a folder of their own.
//!
//! 1. Publish the complete, locked entry in the own folder under its claim name. One user has one claim to a name at a time.
//! 2. Look through the other folders, in each for a claim first and then for the name itself (an entry moves from the one
//!    to the other, so this order cannot miss it). A live entry: withdraw, and begin again with opening it. A live claim of a lower uid:
//!    withdraw, wait, begin again. A live claim of a higher uid, or an entry that somebody is just opening: wait until that is settled, and look again.
//! 3. Rename the claim to the name. Only now can anybody open it.
//!
//! Of two that publish their claims before they look, at least one sees the other. The higher one never waits while it
//! has a claim out, so nobody waits in a circle. The claim of a killed process is dead and ignored, like everything dead.
//!
//! Nobody can be made to follow this: who skips it publishes a name under its holder. So whoever opens a name, or joins it,
//! looks at *all* its live holders. Root's is the name's, whoever else is there, and next the caller's own user's, who could do
//! worse to the caller than to answer in another's place. Of several other users none is believed
//! ([`EntryError::Contested`]): a denial, where picking one would let a stranger talk to another's clients. Among those who
//! follow the protocol there never are two, also not for an opener that keeps what it found while it looks on
//! (`tests/claim_model.rs`).

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use ennead_sys::file::{self, Access};
use ennead_sys::process;

use crate::entry::{CreateOptions, Prepared};
use crate::error::EntryError;
use crate::patience::Patience;
use crate::shelf::{Draft, Found, Held, Life, Removal, Shelf};
use crate::step;

/// What the file names of claims begin with.
pub(crate) const CLAIM: &str = ".c.";

/// What became of an attempt to create.
pub(crate) enum Outcome {
    /// The name is the caller's.
    Created(Held),
    /// Somebody had it, and the caller holds it with them.
    Existing(Held),
}

enum Verdict {
    Ours,
    WaitWithClaim(Arc<Shelf>),
    WithdrawAndWait(Arc<Shelf>),
}

/// Creates in one folder that nobody else competes for: `Local\`.
pub(crate) fn create_alone(
    shelf: &Arc<Shelf>,
    file_name: &OsStr,
    prepared: &Prepared<'_>,
    options: &CreateOptions<'_>,
) -> Result<Outcome, EntryError> {
    let mut patience = Patience::default();
    loop {
        // Existing names are the common case of a second opener, and cost no file.
        match shelf.open(file_name, options.accesses(), &mut patience)? {
            Found::Alive(held) => return Ok(Outcome::Existing(held)),
            Found::Denied => return Err(EntryError::AccessDenied),
            Found::Free | Found::Unsettled => {}
        }
        let draft = prepared.draft(shelf)?;
        if shelf.publish(&draft, file_name)? {
            return Ok(Outcome::Created(shelf.hold(draft, file_name)));
        }
        shelf.discard(&draft);
        if shelf.remove_if_dead(file_name)? != Removal::Removed {
            shelf.wait(&mut patience)?;
        }
    }
}

/// Creates in `own` while others may be creating the same name in `others()`, which is asked again for each look.
pub(crate) fn create_among(
    own: &Arc<Shelf>,
    others: impl Fn() -> Result<Vec<Arc<Shelf>>, EntryError>,
    file_name: &OsStr,
    prepared: &Prepared<'_>,
    options: &CreateOptions<'_>,
) -> Result<Outcome, EntryError> {
    let claim_name = claim_name(file_name);
    let mut patience = Patience::default();
    loop {
        match open_among(&others()?, file_name, options.accesses(), &mut patience) {
            Ok(held) => return Ok(Outcome::Existing(held)),
            Err(EntryError::NotFound) => {}
            Err(error) => return Err(error),
        }
        let draft = prepared.draft(own)?;
        if !own.publish(&draft, &claim_name)? {
            own.discard(&draft);
            if own.remove_if_dead(&claim_name)? != Removal::Removed {
                own.wait(&mut patience)?;
            }
            continue;
        }
        let claim = Claim { shelf: own, name: &claim_name, draft: Some(Draft::linked(draft)) };
        match claim.settle(&others, file_name, options.accesses(), &mut patience)? {
            Verdict::Ours => {
                if let Some(held) = claim.establish(file_name)? {
                    return Ok(Outcome::Created(held));
                }
                if own.remove_if_dead(file_name)? != Removal::Removed {
                    own.wait(&mut patience)?;
                }
            }
            Verdict::WithdrawAndWait(shelf) | Verdict::WaitWithClaim(shelf) => {
                drop(claim);
                shelf.wait(&mut patience)?;
            }
        }
    }
}

/// Opens a name wherever it is held: with root before all, then with the caller's own user, else with the one user who holds it.
/// `shelves` come in that order.
pub(crate) fn open_among(
    shelves: &[Arc<Shelf>],
    file_name: &OsStr,
    accesses: &[Access],
    patience: &mut Patience,
) -> Result<Held, EntryError> {
    loop {
        let mut holders = Vec::new();
        for shelf in shelves {
            let held = match open_in(shelf, file_name, accesses, patience)? {
                Found::Alive(held) => Some(held),
                Found::Denied => None,
                Found::Free | Found::Unsettled => continue,
            };
            let own = shelf.own && shelf.owner == process::effective_uid();
            if shelf.owner == ROOT || own {
                return held.ok_or(EntryError::AccessDenied);
            }
            holders.push((shelf, held));
        }
        let Some(&(first, _)) = holders.first() else { return Err(EntryError::NotFound) };
        if holders.len() > 1 {
            // What was opened stays held; who only looks, and who was refused, asks again. An entry that died never lives again: two that live
            // now lived at one time.
            holders.retain(|(shelf, held)| match held {
                Some(held) => held.is_alive().unwrap_or(true),
                None => shelf.life_unopened(file_name).is_ok_and(|life| life == Life::Held),
            });
        }
        match (holders.pop(), holders.first()) {
            (Some((_, held)), None) => return held.ok_or(EntryError::AccessDenied),
            (Some((last, _)), Some((first, _))) => {
                let uids = [first.owner, last.owner];
                tracing::warn!(target: "ennead::audit", ?uids, ?file_name, "refused: a name that two users hold");
                return Err(EntryError::Contested { uids });
            }
            (None, _) => first.wait(patience)?,
        }
    }
}

const ROOT: u32 = 0;

/// The claim's file name for an entry's.
pub(crate) fn claim_name(file_name: &OsStr) -> OsString {
    let mut name = OsString::from(CLAIM);
    name.push(file_name);
    name
}

/// A published claim; withdrawn on drop.
struct Claim<'a> {
    shelf: &'a Arc<Shelf>,
    name: &'a OsStr,
    draft: Option<Draft>,
}

impl Claim<'_> {
    /// Looks through the others' folders until it is clear whose the name is.
    fn settle(
        &self,
        others: &impl Fn() -> Result<Vec<Arc<Shelf>>, EntryError>,
        file_name: &OsStr,
        accesses: &[Access],
        patience: &mut Patience,
    ) -> Result<Verdict, EntryError> {
        loop {
            match self.look(&others()?, file_name, accesses, patience)? {
                Verdict::WaitWithClaim(shelf) => shelf.wait(patience)?,
                verdict => return Ok(verdict),
            }
        }
    }

    fn look(
        &self,
        shelves: &[Arc<Shelf>],
        file_name: &OsStr,
        accesses: &[Access],
        patience: &mut Patience,
    ) -> Result<Verdict, EntryError> {
        let mut waiting_for = None;
        for shelf in shelves {
            step::between();
            if shelf.owner != self.shelf.owner && is_held(shelf, self.name) {
                if shelf.owner < self.shelf.owner {
                    return Ok(Verdict::WithdrawAndWait(Arc::clone(shelf)));
                }
                waiting_for = Some(shelf);
            }
            step::between();
            match open_in(shelf, file_name, accesses, patience)? {
                // Whose it is, and whether it may be joined, is for the search through all to say.
                Found::Alive(_) | Found::Denied => return Ok(Verdict::WithdrawAndWait(Arc::clone(shelf))),
                Found::Unsettled => waiting_for = Some(shelf),
                Found::Free => {}
            }
        }
        Ok(waiting_for.map_or(Verdict::Ours, |shelf| Verdict::WaitWithClaim(Arc::clone(shelf))))
    }

    /// Makes the claim the entry; `None` if something is in the way.
    fn establish(mut self, file_name: &OsStr) -> Result<Option<Held>, EntryError> {
        let Some(draft) = self.draft.take() else { return Ok(None) };
        step::between();
        match self.shelf.folder.rename_new(self.name, file_name) {
            Ok(()) => Ok(Some(self.shelf.hold(draft, file_name))),
            Err(e) => {
                self.draft = Some(draft);
                if e.kind() == std::io::ErrorKind::AlreadyExists {
                    Ok(None)
                } else {
                    Err(EntryError::system("give the entry its name")(e))
                }
            }
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(draft) = &self.draft {
            // Still locked, so the name is still this claim's. What cannot be removed is dead in a moment.
            let _ = self.shelf.folder.remove(self.name);
            self.shelf.discard_key(draft);
        }
    }
}

/// What a stranger does in their own folder (a link in the name's place, a folder without rights) is no reason to fail here:
/// it counts as nothing, and is audited. What may be somebody else's doing counts: a holder must not be overlooked because
/// this process has no descriptor left, or because a third one keeps the entry busy.
fn open_in(
    shelf: &Arc<Shelf>,
    file_name: &OsStr,
    accesses: &[Access],
    patience: &mut Patience,
) -> Result<Found, EntryError> {
    match shelf.open(file_name, accesses, patience) {
        Err(EntryError::System { source, step }) if file::is_shortage(&source) => {
            Err(EntryError::System { source, step })
        }
        Err(EntryError::Stalled { uid }) => Err(EntryError::Stalled { uid }),
        Err(error) if shelf.owner != process::effective_uid() => {
            tracing::warn!(target: "ennead::audit", uid = shelf.owner, ?file_name, %error, "ignored");
            Ok(Found::Free)
        }
        outcome => outcome,
    }
}

/// Whether a stranger's claim is alive; trouble counts as no claim, as above.
fn is_held(shelf: &Shelf, name: &OsStr) -> bool {
    shelf.is_held(name).is_ok_and(|held| held == Some(true))
}
