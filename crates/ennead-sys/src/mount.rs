//! Mounting a tmpfs, for `ennead setup`.

use std::ffi::CString;
use std::io;
use std::path::Path;

use rustix::mount::{MountFlags, mount};

/// Mounts a tmpfs at `path`: no set-uid programs, no devices, no execution, of at most `size` bytes, its top folder
/// with `mode`. `quota` bytes for each uid (root is exempt) where the kernel can (6.6 and later, if so built).
///
/// Whether the quota holds. `EPERM` without CAP_SYS_ADMIN.
pub fn mount_tmpfs(path: &Path, mode: u32, size: u64, quota: u64) -> io::Result<bool> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let plain = format!("mode={mode:04o},size={size}");
    let limited = format!("{plain},usrquota,usrquota_block_hardlimit={quota}");
    match attempt(path, flags, &limited) {
        Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOTSUP)) => {
            attempt(path, flags, &plain).map(|()| false)
        }
        other => other.map(|()| true),
    }
}

fn attempt(path: &Path, flags: MountFlags, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    Ok(mount("ennead", path, "tmpfs", flags, options.as_c_str())?)
}
