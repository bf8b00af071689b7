//! Open-file-description locks: they belong to a description, not to a process, and fall when it does.
//!
//! POSIX process locks are not offered: any descriptor of the file closed anywhere in the process would drop them.
#![allow(unsafe_code, reason = "fcntl with a struct flock; rustix has only the process-wide kind")]

use std::fs;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd};

/// How a range is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Shared with other readers. The description must be open for reading.
    Read,
    /// Alone. The description must be open for writing.
    Write,
}

/// Who, other than the asking description, holds a lock on a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// At least one reader.
    Readers,
    /// A writer.
    Writer,
}

/// Asks who else holds a lock on `len` bytes at `start` (0: all from there on), without taking one.
pub fn query(file: impl AsFd, start: u64, len: u64) -> io::Result<Holder> {
    let mut request = flock(libc::F_WRLCK, start, len)?;
    fcntl(file, libc::F_OFD_GETLK, &mut request)?;
    Ok(match i32::from(request.l_type) {
        libc::F_UNLCK => Holder::Nobody,
        libc::F_RDLCK => Holder::Readers,
        _ => Holder::Writer,
    })
}

/// Asks whether somebody else holds a *write* lock on any of `len` bytes at `start` (0: all from there on). Read locks, which
/// whoever may read the file can take, do not count.
pub fn has_writer(file: impl AsFd, start: u64, len: u64) -> io::Result<bool> {
    let mut request = flock(libc::F_RDLCK, start, len)?;
    fcntl(file, libc::F_OFD_GETLK, &mut request)?;
    Ok(i32::from(request.l_type) != libc::F_UNLCK)
}

/// Tries to lock `len` bytes at `start`; `false` if another description's lock is in the way. Never blocks.
///
/// A lock that this description holds on the range already is replaced.
pub fn try_lock(file: impl AsFd, mode: LockMode, start: u64, len: u64) -> io::Result<bool> {
    let kind = match mode {
        LockMode::Read => libc::F_RDLCK,
        LockMode::Write => libc::F_WRLCK,
    };
    match fcntl(file, libc::F_OFD_SETLK, &mut flock(kind, start, len)?) {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(e) => Err(e),
    }
}

/// Locks `len` bytes at `start`, once no other description's lock is in the way. Signals do not end the wait.
pub fn wait(file: impl AsFd, mode: LockMode, start: u64, len: u64) -> io::Result<()> {
    let kind = match mode {
        LockMode::Read => libc::F_RDLCK,
        LockMode::Write => libc::F_WRLCK,
    };
    fcntl(file, libc::F_OFD_SETLKW, &mut flock(kind, start, len)?)
}

/// Unlocks `len` bytes at `start`.
pub fn unlock(file: impl AsFd, start: u64, len: u64) -> io::Result<()> {
    fcntl(file, libc::F_OFD_SETLK, &mut flock(libc::F_UNLCK, start, len)?)
}

/// Who holds a lock on any of `bytes` of the file, the caller included, for a file that one may not open. A writer before readers.
///
/// Read from `/proc/locks`, at a cost that grows with the locks of the whole machine: for the rare case only.
///
/// The kernel shows the list a page at a time, and where a lock falls between two pages, the next page begins one lock too
/// late. So an absence counts only if all was on one page, or two readings in a row were the same; on a machine whose locks never stand
/// still, if many readings agree.
pub fn query_unopened(device: u64, inode: u64, bytes: &RangeInclusive<u64>) -> io::Result<Holder> {
    const READINGS: usize = 32;
    let wanted = format!("{:02x}:{:02x}:{inode}", libc::major(device), libc::minor(device));
    let mut previous = None;
    for _ in 0..READINGS {
        let (text, one_page) = read_locks()?;
        let listed = |mode| text.lines().any(|line| covers(line, &wanted, bytes, mode));
        if listed("WRITE") {
            return Ok(Holder::Writer);
        }
        if listed("READ") {
            return Ok(Holder::Readers);
        }
        if one_page || previous.as_ref() == Some(&text) {
            return Ok(Holder::Nobody);
        }
        previous = Some(text);
    }
    Ok(Holder::Nobody)
}

/// The list, and whether the kernel gave it in one piece. Not `read_to_string`, whose first read is a few bytes only: each read
/// is a piece.
fn read_locks() -> io::Result<(String, bool)> {
    let mut file = fs::File::open("/proc/locks")?;
    let mut text = Vec::new();
    let mut piece = vec![0; 1 << 16];
    let mut pieces = 0;
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok((String::from_utf8_lossy(&text).into_owned(), pieces <= 1)),
            Ok(n) => {
                text.extend_from_slice(&piece[..n]);
                pieces += 1;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// `17: OFDLCK ADVISORY  READ -1 00:1a:5 0 0`; a waiter's line has `->` after the number, and holds nothing.
fn covers(line: &str, wanted: &str, bytes: &RangeInclusive<u64>, wanted_mode: &str) -> bool {
    let mut fields = line.split_whitespace().skip(1);
    let (Some(class), Some(_), Some(mode), Some(_), Some(file), Some(start), Some(end)) = (
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
    ) else {
        return false;
    };
    let end = end.parse().unwrap_or(u64::MAX);
    let overlaps = |start: u64| start <= *bytes.end() && *bytes.start() <= end;
    class == "OFDLCK" && mode == wanted_mode && file == wanted && start.parse().is_ok_and(overlaps)
}

fn flock(kind: i32, start: u64, len: u64) -> io::Result<libc::flock64> {
    // SAFETY: all-zero bytes are a valid `flock64`; it has integers only (and padding on some machines).
    let mut request: libc::flock64 = unsafe { std::mem::zeroed() };
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    request.l_type = kind as libc::c_short;
    request.l_whence = libc::SEEK_SET as libc::c_short;
    request.l_start = start.try_into().map_err(|_| invalid())?;
    request.l_len = len.try_into().map_err(|_| invalid())?;
    // The kernel refuses an OFD request whose process id is not zero.
    request.l_pid = 0;
    Ok(request)
}

fn fcntl(file: impl AsFd, command: libc::c_int, request: &mut libc::flock64) -> io::Result<()> {
    loop {
        // SAFETY: the descriptor is open for the call, and the commands used here read and write one `flock64`.
        let result =
            unsafe { libc::fcntl(file.as_fd().as_raw_fd(), command, std::ptr::from_mut(&mut *request)) };
        if result >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn lines_of_proc_locks() {
        let held = "17: OFDLCK ADVISORY  READ -1 00:1a:5 0 0";
        assert!(covers(held, "00:1a:5", &(0..=0), "READ"));
        assert!(covers(held, "00:1a:5", &(0..=1), "READ"));
        assert!(!covers(held, "00:1a:5", &(1..=1), "READ"));
        assert!(!covers(held, "00:1a:55", &(0..=0), "READ"));
        assert!(!covers(held, "00:1a:5", &(0..=0), "WRITE"));
        assert!(covers("2: OFDLCK ADVISORY WRITE -1 00:1a:5 0 EOF", "00:1a:5", &(9..=9), "WRITE"));
        assert!(!covers("2: -> OFDLCK ADVISORY WRITE -1 00:1a:5 0 EOF", "00:1a:5", &(9..=9), "WRITE"));
        assert!(!covers("2: POSIX ADVISORY WRITE 12 00:1a:5 0 EOF", "00:1a:5", &(9..=9), "WRITE"));
        assert!(!covers("", "00:1a:5", &(9..=9), "READ"));
    }
}
