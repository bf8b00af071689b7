//! `ennead setup`: makes the machine-wide namespace `Global\`, as root.

use std::path::PathBuf;

use ennead_namespace::setup::{Limits, Room, set_up_global};
use ennead_status::Win32Error;
use serde_json::json;

use crate::failure::Failure;
use crate::output;
use crate::visible::{json_line, visible_path};

/// Where it is, unless tests say otherwise.
const GLOBAL: &str = "/run/ennead";

/// Says what it will do, does it, and says how to undo it.
pub fn run(path: Option<PathBuf>, dry_run: bool, json: bool) -> Result<(), Failure> {
    let path = path.unwrap_or_else(|| GLOBAL.into());
    let (shown, limits) = (visible_path(&path), Limits::default());
    if !json {
        output::line(&format!(
            "Global\\ lets programs of different users share names. It is the folder {shown}:\n\
             owned by root, mode 1777, on a tmpfs of its own, so that nobody can fill the rest of /run: at most {}\n\
             in all, and {} a user where the kernel keeps quotas (6.6). It is mounted there, unless one is already.\n\
             Each user gets a folder of their own in it, as soon as they publish a name for others.",
            output::bytes(limits.size),
            output::bytes(limits.quota)
        ))?;
    }
    if dry_run {
        return if json {
            Ok(output::line(&json_line(&json!({
                "path": shown, "done": false, "size": limits.size, "quota_a_user": limits.quota,
            })))?)
        } else {
            Ok(())
        };
    }
    let done = set_up_global(&path, Room::Own(limits)).map_err(|error| match error.win32() {
        Win32Error::ACCESS_DENIED => Failure::from(error).next("run it as root: `sudo ennead setup`"),
        _ => error.into(),
    })?;
    if json {
        let done = json!({
            "path": shown, "done": true, "made": done.made, "mounted": done.mounted,
            "quota": done.quota, "removed": done.removed,
            "unlimited": done.unlimited.map(|why| why.to_string()),
        });
        return Ok(output::line(&json_line(&done))?);
    }
    output::line("")?;
    let happened = match (done.made, done.mounted) {
        (_, true) => "done: a tmpfs is mounted there now",
        (true, false) => "done: the folder is there now",
        (false, false) => "nothing to do: it was there already",
    };
    output::line(happened)?;
    if done.mounted && !done.quota {
        output::line("this kernel keeps no quotas on a tmpfs: one user can fill it for the others")?;
    }
    if let Some(why) = done.unlimited {
        output::line(&format!("it has no tmpfs of its own, so users can fill its parent's: {why}"))?;
    }
    if done.removed > 0 {
        output::line(&format!("{} folders under a wrong user's name were removed", done.removed))?;
    }
    let undo =
        if done.mounted { format!("umount {shown} && rmdir {shown}") } else { format!("rm -r {shown}") };
    output::line(&format!(
        "to undo:               {undo}\n\
         at each start:         install packaging/systemd/system/run-ennead.mount and packaging/tmpfiles.d/ennead.conf"
    ))?;
    Ok(())
}
