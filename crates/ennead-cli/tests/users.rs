//! Several users on one machine: who sees what of whom, who may use it, and who may tidy up. In a mount namespace with a `/run` of its
//! own, so that the machine's real `Global\` is left alone.

mod program;

use std::process::Command;

use serde_json::Value;

use program::Place;

/// Three users; the first serves, the second looks, the third is admitted to the secret.
const SCRIPT: &str = r#"
set -eu
mount -t tmpfs -o mode=755 run /run
cp "$1" /run/program
for uid in 12001 12002 12003; do
    mkdir -p /run/user/$uid
    chmod 700 /run/user/$uid
    chown $uid:$uid /run/user/$uid
done
unset ENNEAD_ROOT
as() {
    uid=$1
    shift
    env XDG_RUNTIME_DIR=/run/user/$uid setpriv --reuid $uid --regid $uid --clear-groups /run/program "$@"
}
# In the background; goes on when it serves. Its process id is in $served.
serve() {
    uid=$1
    shift
    rm -f /run/says
    mkfifo -m 666 /run/says
    # Not through a function: the id is to be the server's own.
    env XDG_RUNTIME_DIR=/run/user/$uid setpriv --reuid $uid --regid $uid --clear-groups \
        /run/program pipe serve "$@" 2> /run/says > /dev/null &
    served=$!
    servers="$servers $served"
    exec 3< /run/says
    read -r line <&3
    case $line in serving*) ;; *) echo "$line" >&2; exit 1 ;; esac
}
servers=
trap 'kill -9 $servers 2> /dev/null || true' EXIT
say() { echo "== $1"; }

say before-setup
as 12001 ls --json
/run/program setup > /dev/null

serve 12001 shared --message --echo --instances 2 --security 'D:(A;;GA;;;S-1-22-1-12001)(A;;GRGW;;;WD)'
shared=$served
say pid
echo $shared
serve 12001 secret --message --echo --security 'D:(A;;GA;;;S-1-22-1-12001)(A;;GRGW;;;S-1-22-1-12003)'
serve 12001 mine --message --echo --security 'D:(A;;GA;;;S-1-22-1-12001)'

say owner
as 12001 ls pipe --json
say stranger
as 12002 ls pipe --json
say stranger-table
as 12002 ls pipe
say stranger-pipes
as 12002 pipe list --json
say root
/run/program ls pipe --json
say call
as 12002 pipe call shared hello
say refused
as 12002 pipe call secret hello 2>&1 || echo "code $?"
say admitted
as 12003 pipe call secret hello
say private
as 12002 pipe call mine hello 2>&1 || echo "code $?"
say second
as 12002 pipe serve shared --message --echo --instances 2 2>&1 < /dev/null || echo "code $?"

kill -9 $shared
wait $shared || true
say after-kill
as 12002 ls pipe --json
say swept-by-stranger
as 12002 sweep --json
ls /run/ennead/12001/pipe
say swept-by-owner
as 12001 sweep --json
ls /run/ennead/12001/pipe
say again
serve 12002 shared --message --echo --security 'D:(A;;GA;;;S-1-22-1-12002)(A;;GRGW;;;WD)'
as 12001 pipe call shared 'whose now?'
say end
"#;

fn part<'a>(said: &'a str, name: &str) -> &'a str {
    let head = format!("== {name}\n");
    let (_, rest) = said.split_once(&head).unwrap_or_else(|| panic!("no {name}: {said}"));
    rest.split("== ").next().unwrap_or_default()
}

fn objects(said: &str, name: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(part(said, name)).unwrap();
    let mut objects = list["objects"].as_array().unwrap().clone();
    objects.sort_by_key(|object| object["name"].to_string());
    objects
}

#[test]
fn what_only_the_owner_may_know_is_a_dash_for_others() {
    if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success()) {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "this test becomes several users: run it as root"
        );
        println!("skipped: only root becomes other users");
        return;
    }
    let place = Place::new();
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", SCRIPT, "sh", env!("CARGO_BIN_EXE_ennead")])
        .current_dir(&place.path)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));

    assert_eq!(objects(&said, "before-setup"), Vec::<Value>::new());
    let pid: u64 = part(&said, "pid").trim().parse().unwrap();

    let owner = objects(&said, "owner");
    let names: Vec<_> = owner.iter().map(|object| object["name"].as_str().unwrap()).collect();
    assert_eq!(names, [r"\\.\pipe\mine", r"\\.\pipe\secret", r"\\.\pipe\shared"]);
    let spaces: Vec<_> = owner.iter().map(|object| object["namespace"].as_str().unwrap()).collect();
    assert_eq!(spaces, ["Local", "Global", "Global"]);
    for object in &owner {
        assert_eq!(object["uid"], 12001);
        assert_eq!(object["command"], "program");
        assert!(object["sddl"].as_str().unwrap().contains("D:("), "{object}");
    }
    assert_eq!(owner[2]["pid"], pid);
    assert_eq!(owner[2]["instances"], serde_json::json!({ "current": 2, "maximum": 2 }));

    // The one that the stranger may use is shown whole, the other by its name and its owner only.
    let seen = objects(&said, "stranger");
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(seen[1], owner[2]);
    // How its owner spells it is in the entry; the file's name is folded.
    assert_eq!((seen[0]["name"].as_str(), &seen[0]["uid"]), (Some(r"\\.\pipe\SECRET"), &owner[1]["uid"]));
    for hidden in ["pid", "command", "instances", "sddl"] {
        assert_eq!(seen[0][hidden], Value::Null, "{hidden}");
    }
    let table = part(&said, "stranger-table");
    let row = table.lines().find(|line| line.contains("SECRET")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["pipe", r"\\.\pipe\SECRET", "–", "–", "12001", "–", "–"]);
    assert!(!table.contains("mine"), "{table}");
    assert!(part(&said, "stranger-pipes").contains("shared"));
    // Root sees what every user has in Global.
    let root = objects(&said, "root");
    assert_eq!(root.len(), 2);
    assert!(root.iter().all(|object| object["pid"].is_u64()), "{root:?}");

    assert_eq!(part(&said, "call"), "hello\n");
    assert!(part(&said, "refused").contains("(ERROR_ACCESS_DENIED, 5)"), "{}", part(&said, "refused"));
    assert!(part(&said, "refused").ends_with("code 1\n"));
    assert_eq!(part(&said, "admitted"), "hello\n");
    assert!(part(&said, "private").contains("(ERROR_FILE_NOT_FOUND, 2)"), "{}", part(&said, "private"));
    // GENERIC_WRITE has the right to create instances, but not two shapes of one pipe.
    assert!(part(&said, "second").contains("code 1"), "{}", part(&said, "second"));

    // Its name was free at once; the file goes with whoever may remove it.
    let after = objects(&said, "after-kill");
    assert_eq!(after.len(), 1, "{after:?}");
    assert!(part(&said, "swept-by-stranger").contains("shared"), "{}", part(&said, "swept-by-stranger"));
    assert!(!part(&said, "swept-by-owner").contains("shared\n"), "{}", part(&said, "swept-by-owner"));
    assert_eq!(part(&said, "again"), "whose now?\n");
}
