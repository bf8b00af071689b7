//! What this process is: who it runs as, and how it was started.
#![allow(unsafe_code, reason = "getauxval has no safe wrapper")]

use std::os::fd::{AsFd, AsRawFd};

/// The effective user of the calling thread.
pub fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The effective group of the calling thread.
pub fn effective_gid() -> u32 {
    rustix::process::getegid().as_raw()
}

/// The groups of the calling thread: the effective one, then the supplementary ones.
pub fn groups() -> Vec<u32> {
    let mut groups = vec![effective_gid()];
    // It cannot fail for a caller who may be asked about itself; without groups, less is allowed, not more.
    groups.extend(rustix::process::getgroups().unwrap_or_default().iter().map(|group| group.as_raw()));
    groups
}

/// Whether the program was started with more rights than its caller has (set-uid, file capabilities): then nothing in
/// its environment may be believed.
pub fn is_secure_execution() -> bool {
    // SAFETY: getauxval reads the process's own start-up vector; an unknown key gives 0.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The calling thread's id, as the kernel counts it.
#[must_use]
pub fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

/// The process's id, in its own pid namespace: information for people, never an identity.
pub fn id() -> u32 {
    std::process::id()
}

/// The process's command name, at most 15 bytes as the kernel keeps it; empty where /proc is missing.
pub fn command() -> Vec<u8> {
    let mut name = std::fs::read("/proc/self/comm").unwrap_or_default();
    while name.last() == Some(&b'\n') {
        name.pop();
    }
    name
}

/// The computer's name, as `uname -n` had it when this process first asked; `None` if it has none, or none in UTF-8.
pub fn computer_name() -> Option<&'static str> {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    NAME.get_or_init(|| {
        let names = rustix::system::uname();
        names.nodename().to_str().ok().filter(|name| !name.is_empty()).map(str::to_owned)
    })
    .as_deref()
}

/// The login session that the process belongs to, as the audit system numbers them; 0 outside any.
pub fn session() -> u32 {
    // It never changes but at a login, before any program of ours runs.
    static SESSION: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *SESSION.get_or_init(|| read_session("/proc/self/sessionid"))
}

/// The login session of the process with that id in this pid namespace; 0 outside any, and for one that is gone.
pub fn session_of(pid: u32) -> u32 {
    read_session(&format!("/proc/{pid}/sessionid"))
}

fn read_session(path: &str) -> u32 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().ok().filter(|id| *id != u32::MAX).unwrap_or(0)
}

/// Whether this process can have `count` descriptors more. `latest` is one that it got just now: descriptors are numbered from
/// below, so that a low number tells that there is room; near the limit it is tried.
pub fn can_open(count: usize, latest: impl AsFd) -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    if (latest.as_fd().as_raw_fd() as u64) < limit / 4 * 3 {
        return true;
    }
    let mut spare = Vec::with_capacity(count);
    (0..count).all(|_| rustix::io::fcntl_dupfd_cloexec(&latest, 0).map(|fd| spare.push(fd)).is_ok())
}

/// Gives the processor to another thread that wants to run on it.
pub fn let_others_run() {
    rustix::thread::sched_yield();
}

/// A number of the calling thread that no other thread of this process has or had; 0 for those after the four billionth.
#[must_use]
#[inline]
pub fn thread_number() -> u32 {
    thread_local! {
        static NUMBER: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }
    NUMBER.with(|number| match number.get() {
        0 => {
            number.set(next_thread_number());
            number.get()
        }
        taken => taken,
    })
}

#[cold]
fn next_thread_number() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    static LAST: AtomicU32 = AtomicU32::new(0);
    // The greatest is left to others.
    let next =
        LAST.fetch_update(Relaxed, Relaxed, |last| last.checked_add(1).filter(|next| *next < u32::MAX));
    next.map_or(0, |last| last + 1)
}

/// 64 random bits from the kernel.
pub fn random_u64() -> std::io::Result<u64> {
    let mut bytes = [0; 8];
    let mut done = 0;
    while done < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[done..], rustix::rand::GetRandomFlags::empty()) {
            Ok(n) => done += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(u64::from_ne_bytes(bytes))
}
