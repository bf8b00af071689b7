//! Which groups a user is in, as `/etc/passwd` and `/etc/group` say it. Users that only a name service knows are in none.

use std::collections::BTreeSet;
use std::fs;
use std::io;

/// The groups of `uid`: the one in its `/etc/passwd` line, and those of `/etc/group` that list its name.
pub fn groups_of(uid: u32) -> io::Result<Vec<u32>> {
    let passwd = String::from_utf8_lossy(&fs::read("/etc/passwd")?).into_owned();
    let group = String::from_utf8_lossy(&fs::read("/etc/group")?).into_owned();
    Ok(groups_in(uid, &passwd, &group))
}

fn groups_in(uid: u32, passwd: &str, group: &str) -> Vec<u32> {
    let mut groups = BTreeSet::new();
    for line in passwd.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, its_uid, gid, ..] = fields[..] else { continue };
        if its_uid.parse() != Ok(uid) {
            continue;
        }
        groups.extend(gid.parse::<u32>());
        for line in group.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let [_, _, gid, members, ..] = fields[..] else { continue };
            if members.split(',').any(|member| member.trim() == name) {
                groups.extend(gid.parse::<u32>());
            }
        }
    }
    groups.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::groups_in;

    #[test]
    fn the_groups_of_users() {
        let passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1000:100:::\n# comment\nbroken\nbob:x:1001:101:::\n";
        let group = "users:x:100:\nstaff:x:50:bob,alice\nodd:x:no:alice\nwheel:x:10:alicea\n";
        assert_eq!(groups_in(1000, passwd, group), [50, 100]);
        assert_eq!(groups_in(1001, passwd, group), [50, 101]);
        assert_eq!(groups_in(0, passwd, group), [0]);
        assert!(groups_in(7, passwd, group).is_empty());
    }
}
