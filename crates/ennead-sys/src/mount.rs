//! Mounting a tmpfs, for `ennead setup`.

use std::ffi::CString;
use std::io;
use std::path::Path;

use rustix::mount::{MountFlags, mount};

/// Mounts a tmpfs at `path`: no set-uid programs, no devices, no execution, of at most `size` bytes, its top folder
/// with `mode`. `quota` bytes for each uid (root is exempt) where the kernel can (6.6 and later, if so built). There may be a file
/// for every 4 KiB of either.
///
/// Whether the quota holds. `EPERM` without CAP_SYS_ADMIN.
pub fn mount_tmpfs(path: &Path, mode: u32, size: u64, quota: u64) -> io::Result<bool> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let plain = format!("mode={mode:04o},size={size},nr_inodes={}", files(size));
    let limited = format!(
        "{plain},usrquota,usrquota_block_hardlimit={quota},usrquota_inode_hardlimit={}",
        files(quota)
    );
    with_quota_or_without(&plain, &limited, |options| attempt(path, flags, options))
}

/// Empty files fill no pages, but the kernel's memory.
fn files(size: u64) -> u64 {
    (size / 4096).max(64)
}

/// Whether the quota holds.
fn with_quota_or_without(
    plain: &str,
    limited: &str,
    mut attempt: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<bool> {
    match attempt(limited) {
        Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOTSUP)) => {
            attempt(plain).map(|()| false)
        }
        other => other.map(|()| true),
    }
}

fn attempt(path: &Path, flags: MountFlags, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    Ok(mount("ennead", path, "tmpfs", flags, options.as_c_str())?)
}

#[cfg(test)]
mod tests {
    use super::with_quota_or_without;
    use std::io;

    #[test]
    fn a_kernel_without_quotas_gets_none() {
        for refusal in [libc::EINVAL, libc::ENOTSUP] {
            let mut asked = Vec::new();
            let quota = with_quota_or_without("plain", "limited", |options| {
                asked.push(options.to_owned());
                if options == "limited" { Err(io::Error::from_raw_os_error(refusal)) } else { Ok(()) }
            });
            assert!(!quota.unwrap());
            assert_eq!(asked, ["limited", "plain"]);
        }
        assert!(with_quota_or_without("plain", "limited", |_| Ok(())).unwrap());
        let refused = with_quota_or_without("plain", "limited", |options| {
            assert_eq!(options, "limited", "no second attempt");
            Err(io::Error::from_raw_os_error(libc::EPERM))
        });
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EPERM));
    }
}
