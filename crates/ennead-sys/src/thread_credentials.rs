//! One thread acts as another user: raw per-thread system calls (the C library's own set*id change every thread).
//!
//! Groups, then gid, then uid; of the ids only the *effective* ones, so that the client can neither signal nor trace
//! the thread and no process limit is charged to it; then every effective capability goes. What lets the thread come
//! back stays in its permitted set and in its real and saved ids. If coming back fails, the process aborts: nothing
//! else would be safe.
//!
//! Two things change for the whole process, and stay: it becomes undumpable (the kernel does that at each change of
//! an effective id; it keeps `/proc/PID/task/…` from belonging to the client), so it leaves no core file.
#![allow(unsafe_code, reason = "getresuid, getresgid, setfsuid and setfsgid are not in rustix")]

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::marker::PhantomData;

use rustix::process::{Gid, Signal, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

/// The user that a thread is to act as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
}

/// All that [`assume`] changes of a thread, as the kernel tells it.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    uids: Ids,
    gids: Ids,
    groups: Vec<u32>,
    capabilities: CapabilitySets,
    death_signal: Option<Signal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ids {
    real: u32,
    effective: u32,
    saved: u32,
    file_system: u32,
}

/// What lets a thread take another identity.
const NEEDED: CapabilitySet = CapabilitySet::SETUID.union(CapabilitySet::SETGID);

/// Whether this thread could act as somebody else: CAP_SETUID and CAP_SETGID are in its permitted set.
#[must_use]
pub fn may_assume() -> bool {
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.permitted.contains(NEEDED))
}

/// Makes this thread act as `identity` until the guard is dropped.
///
/// Guards nest: the newest living one counts, and when it goes, the one before it does again, whatever the order in
/// which they are dropped. Threads and processes that the thread starts meanwhile get its identity *and its way
/// back* (real ids and permitted capabilities), and nothing makes them revert: start them under [`assume_self`].
///
/// # Errors
///
/// InvalidInput for an id of −1, which the kernel takes for "leave it as it is"; EPERM without CAP_SETUID and
/// CAP_SETGID, or in a user namespace without setgroups(2); EINVAL for an id that this user namespace does not map;
/// ENOMEM. After an error the thread is what it
/// was before.
pub fn assume(identity: &Identity) -> io::Result<Assumed> {
    let ids = [identity.uid, identity.gid];
    if ids.iter().chain(&identity.groups).any(|id| *id == u32::MAX) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "−1 is not a user or group"));
    }
    push(Target::Other(identity.clone()))
}

/// Makes this thread act as its own process again until the guard is dropped, whoever it acts as now.
///
/// # Errors
///
/// ENOMEM.
pub fn assume_self() -> io::Result<Assumed> {
    push(Target::Own)
}

/// Whether this thread acts as somebody else at the moment.
#[must_use]
pub fn is_assumed() -> bool {
    STACK.try_with(|stack| matches!(stack.borrow().target(), Target::Other(_))).unwrap_or(false)
}

/// A thread that acts as somebody else; dropping it goes back. It stays on its thread.
#[must_use = "the thread goes back at once"]
pub struct Assumed {
    number: u64,
    /// Credentials belong to the thread: `!Send`, `!Sync`.
    on_this_thread: PhantomData<*const ()>,
}

impl fmt::Debug for Assumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assumed").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for Assumed {
    fn drop(&mut self) {
        // A thread whose locals are gone is about to end and runs no more of the program's code.
        _ = STACK.try_with(|stack| stack.borrow_mut().pop(self.number));
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Own,
    Other(Identity),
}

struct Stack {
    /// The thread's own credentials, read when the first guard was made.
    own: Option<Snapshot>,
    guards: Vec<(u64, Target)>,
    next: u64,
}

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack { own: None, guards: Vec::new(), next: 0 }) };
}

fn push(target: Target) -> io::Result<Assumed> {
    STACK.with(|stack| {
        let mut stack = stack.borrow_mut();
        let own = if stack.guards.is_empty() { Snapshot::take()? } else { stack.own_credentials()? };
        if let Err(error) = own.become_target(&target) {
            own.become_or_abort(&stack.target());
            return Err(error);
        }
        stack.own = Some(own);
        let number = stack.next;
        stack.next += 1;
        stack.guards.push((number, target));
        Ok(Assumed { number, on_this_thread: PhantomData })
    })
}

impl Stack {
    fn own_credentials(&self) -> io::Result<Snapshot> {
        self.own.clone().map_or_else(Snapshot::take, Ok)
    }

    /// What the newest living guard wants.
    fn target(&self) -> Target {
        self.guards.last().map_or(Target::Own, |(_, target)| target.clone())
    }

    fn pop(&mut self, number: u64) {
        let before = self.target();
        self.guards.retain(|(guard, _)| *guard != number);
        let now = self.target();
        if let Some(own) = &self.own
            && before != now
        {
            own.become_or_abort(&now);
        }
    }
}

impl Snapshot {
    /// The calling thread's credentials.
    ///
    /// # Errors
    ///
    /// What the system calls return.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            uids: user_ids()?,
            gids: group_ids()?,
            groups: groups()?,
            capabilities: rustix::thread::capabilities(None)?,
            death_signal: rustix::process::parent_process_death_signal()?,
        })
    }

    /// Whom the thread acts as: the effective ids and the supplementary groups.
    #[must_use]
    pub fn acting_as(&self) -> Identity {
        Identity { uid: self.uids.effective, gid: self.gids.effective, groups: self.groups.clone() }
    }

    /// The effective capabilities, one bit each, numbered as in capabilities(7).
    #[must_use]
    pub fn effective_capabilities(&self) -> u64 {
        self.capabilities.effective.bits()
    }

    /// The permitted capabilities, one bit each.
    #[must_use]
    pub fn permitted_capabilities(&self) -> u64 {
        self.capabilities.permitted.bits()
    }

    fn become_or_abort(&self, target: &Target) {
        if let Err(error) = self.become_target(target) {
            // "You should shut down the process if RevertToSelf fails" (RevertToSelf, Remarks). Without a panic,
            // which would run the program's code as the wrong user.
            eprintln!("ennead: cannot leave an assumed identity ({error}); the process ends here");
            std::process::abort();
        }
    }

    /// Goes from whatever this thread is now to `target`; `self` is what the thread is of its own.
    fn become_target(&self, target: &Target) -> io::Result<()> {
        let now = rustix::thread::capabilities(None)?;
        if *target == Target::Own && self.is_current(now)? {
            return Ok(());
        }
        let able = CapabilitySets { effective: now.effective | NEEDED, ..now };
        if !now.permitted.contains(NEEDED) {
            return Err(io::Error::from_raw_os_error(libc::EPERM));
        }
        rustix::thread::set_capabilities(None, able)?;
        match target {
            Target::Own => self.set_own_ids()?,
            Target::Other(identity) => self.set_effective_ids(identity)?,
        }
        let effective = match target {
            Target::Own => self.capabilities.effective,
            Target::Other(_) => CapabilitySet::empty(),
        };
        rustix::thread::set_capabilities(None, CapabilitySets { effective, ..self.capabilities })?;
        // The kernel forgets it at every change of an effective id.
        rustix::process::set_parent_process_death_signal(self.death_signal)?;
        Ok(())
    }

    fn is_current(&self, capabilities: CapabilitySets) -> io::Result<bool> {
        Ok(capabilities == self.capabilities && Self::take()? == *self)
    }

    fn set_own_ids(&self) -> io::Result<()> {
        // A user namespace may forbid setgroups(2) to everybody; then nothing has changed them either.
        if groups()? != self.groups {
            set_groups(&self.groups)?;
        }
        let Ids { real, effective, saved, file_system } = self.gids;
        rustix::thread::set_thread_res_gid(gid(real), gid(effective), gid(saved))?;
        if file_system != effective {
            set_file_system_gid(file_system);
        }
        let Ids { real, effective, saved, file_system } = self.uids;
        rustix::thread::set_thread_res_uid(uid(real), uid(effective), uid(saved))?;
        if file_system != effective {
            set_file_system_uid(file_system);
        }
        Ok(())
    }

    fn set_effective_ids(&self, identity: &Identity) -> io::Result<()> {
        set_groups(&identity.groups)?;
        rustix::thread::set_thread_res_gid(None, gid(identity.gid), None)?;
        // The kernel takes away the permitted set with the last of the three ids that is root's: where only the
        // effective one was, the saved one keeps it.
        let keep = if self.uids.effective == 0 { Some(Uid::ROOT) } else { None };
        rustix::thread::set_thread_res_uid(None, uid(identity.uid), keep)?;
        Ok(())
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("uids", &self.uids)
            .field("gids", &self.gids)
            .field("groups", &self.groups)
            .field("effective", &format_args!("{:x}", self.capabilities.effective.bits()))
            .field("permitted", &format_args!("{:x}", self.capabilities.permitted.bits()))
            .field("inheritable", &format_args!("{:x}", self.capabilities.inheritable.bits()))
            .field("death_signal", &self.death_signal)
            .finish()
    }
}

fn uid(raw: u32) -> Option<Uid> {
    Some(Uid::from_raw(raw))
}

fn gid(raw: u32) -> Option<Gid> {
    Some(Gid::from_raw(raw))
}

fn groups() -> io::Result<Vec<u32>> {
    Ok(rustix::process::getgroups()?.into_iter().map(Gid::as_raw).collect())
}

fn set_groups(groups: &[u32]) -> io::Result<()> {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    Ok(rustix::thread::set_thread_groups(&groups)?)
}

fn user_ids() -> io::Result<Ids> {
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: three places for three numbers, alive through the call.
    let done = unsafe { libc::getresuid(&raw mut real, &raw mut effective, &raw mut saved) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Ids { real, effective, saved, file_system: set_file_system_uid(u32::MAX) })
}

fn group_ids() -> io::Result<Ids> {
    let (mut real, mut effective, mut saved) = (0, 0, 0);
    // SAFETY: as in user_ids.
    let done = unsafe { libc::getresgid(&raw mut real, &raw mut effective, &raw mut saved) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Ids { real, effective, saved, file_system: set_file_system_gid(u32::MAX) })
}

/// Sets the id that file accesses are checked with and returns the one before; −1 only returns it. It concerns the
/// calling thread only, in the C library too.
fn set_file_system_uid(id: u32) -> u32 {
    // SAFETY: numbers in, number out.
    unsafe { libc::setfsuid(id) }.cast_unsigned()
}

/// As [`set_file_system_uid`], for the group.
fn set_file_system_gid(id: u32) -> u32 {
    // SAFETY: numbers in, number out.
    unsafe { libc::setfsgid(id) }.cast_unsigned()
}

#[cfg(test)]
mod tests;
