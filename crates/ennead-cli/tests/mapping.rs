//! `ennead mapping` from outside.

mod program;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use serde_json::Value;

use program::{Place, end_of, signal};

/// A holder, and the line that it says when the mapping is there.
fn create(place: &Place, arguments: &[&str]) -> (Child, String) {
    let all = [&["mapping", "create"], arguments].concat();
    let mut holder = place.ennead(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (holder, line)
}

fn end(mut holder: Child) {
    signal(holder.id(), "TERM");
    assert_eq!(end_of(&mut holder).code(), Some(143));
}

#[test]
fn made_looked_at_written_and_gone() {
    let place = Place::new();
    let (holder, said) = create(&place, &["board", "--size", "0x1000"]);
    assert_eq!(said, "Local\\board is there until this is ended: 4096 bytes\n");
    let run = |arguments: &[&str]| {
        let ended = place.run(&[&["mapping"], arguments].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        ended.stdout
    };
    run(&["write", "board", "forty bolts", "--at", "0x10"]);
    run(&["write", "board", "--hex", "00 ff 1b", "--at", "27"]);
    run(&["write", "board", "--as", "f32,u16be,i8,str:5", "--at", "64", "--", "1.5", "7", "-1", "nuts"]);
    assert_eq!(
        run(&["dump", "board", "--at", "16", "--len", "16"]),
        "00000010  66 6f 72 74 79 20 62 6f  6c 74 73 00 ff 1b 00 00  forty bolts.....\n"
    );
    assert_eq!(
        run(&["dump", "board", "--at", "64", "--as", "f32,u16be,i8,str:5"]),
        "00000040  1.5  7  -1  \"nuts\"\n"
    );
    let json: Value =
        serde_json::from_str(&run(&["dump", "board", "--json", "--at", "64", "--as", "f32,u16be"])).unwrap();
    assert_eq!(json, serde_json::json!({ "at": 64, "rows": [[1.5, 7]] }));
    let json: Value = serde_json::from_str(&run(&["dump", "board", "--json", "--len", "20"])).unwrap();
    assert_eq!(json["hex"], "00000000000000000000000000000000666f7274");
    assert!(run(&["show"]).contains("Local\\board  4.00 KiB  PAGE_READWRITE  memory"));
    assert!(run(&["show", "board"]).contains("size        4096 bytes"));
    let json: Value = serde_json::from_str(&run(&["show", "--json", "board"])).unwrap();
    assert_eq!((&json["size"], &json["committed"]), (&4096.into(), &4096.into()));
    let listed = place.run(&["ls", "object", "--json"]);
    let json: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(json["objects"][0]["kind"], "section", "{}", listed.stdout);
    end(holder);
    let ended = place.run(&["mapping", "dump", "board"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("(ERROR_FILE_NOT_FOUND, 2)\n  next: "), "{}", ended.stderr);
    assert_eq!(place.runtime_files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn files_and_reserved_memory() {
    let place = Place::new();
    let path = place.write("costs.bin", b"0123456789");
    let (holder, _) = create(&place, &["costs", "--file", "costs.bin", "--json"]);
    assert_eq!(place.run(&["mapping", "write", "costs", "ab", "--at", "4"]).code, Some(0));
    assert_eq!(std::fs::read(path).unwrap(), b"0123ab6789");
    end(holder);
    let (holder, _) = create(&place, &["large", "--size", "0x1000000000", "--reserve"]);
    let write = |more: &[&str]| {
        place.run(&[&["mapping", "write", "large", "x", "--at", "0x800000000"], more].concat())
    };
    let refused = write(&[]);
    assert!(refused.stderr.contains("(ERROR_INVALID_ADDRESS, 487)"), "{}", refused.stderr);
    assert_eq!(write(&["--commit"]).code, Some(0));
    let shown = place.run(&["mapping", "show", "large"]);
    assert!(shown.stdout.contains("committed   4096 bytes"), "{}{}", shown.stdout, shown.stderr);
    end(holder);
    let (holder, said) = create(&place, &["copy", "--from", "costs.bin", "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["size"], &said["existed"]), (&10.into(), &false.into()));
    end(holder);
}

#[test]
fn changes_are_seen() {
    let place = Place::new();
    let (holder, _) = create(&place, &["board", "--size", "100"]);
    let all = ["mapping", "watch", "board", "--as", "u32", "--len", "8", "--every", "5"];
    let mut watcher = place.ennead(&all).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "00000000  0");
    assert_eq!(lines.next().unwrap(), "00000004  0");
    let mut writer =
        place.ennead(&["mapping", "write", "board", "--at", "4"]).stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(&[1, 1, 0, 0]).unwrap();
    assert!(end_of(&mut writer).success());
    assert_eq!(lines.next().unwrap(), "00000004  257");
    watcher.kill().unwrap();
    watcher.wait().unwrap();
    let twice =
        place.run(&["mapping", "watch", "board", "--len", "4", "--every", "1", "--times", "2", "--json"]);
    assert_eq!(twice.stdout, "{\"at\":0,\"hex\":\"00000000\"}\n");
    end(holder);
}

#[test]
fn what_cannot_be_is_named() {
    let place = Place::new();
    let (holder, _) = create(&place, &["board", "--size", "100"]);
    for (arguments, code) in [
        (&["dump", "board", "--at", "100"][..], 2),
        (&["dump", "board", "--at", "0x7fffffffffffffff", "--len", "0xffffffffffffffff"], 2),
        (&["dump", "board", "--as", "u7"], 2),
        (&["dump", "board", "--at", "-1"], 2),
        (&["write", "board", "--hex", "0"], 2),
        (&["write", "board", "--as", "u8", "256"], 2),
        (&["write", "board", "too long", "--at", "99"], 2),
        (&["create", "other"], 2),
        (&["create", "a\\b", "--size", "1"], 1),
        (&["create", "other", "--size", "0xffffffffffffffff"], 1),
        (&["create", "other", "--file", "missing"], 1),
        (&["create", "other", "--size", "1", "--security", "nonsense"], 2),
    ] {
        let ended = place.run(&[&["mapping"], arguments].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?} {}", ended.stderr);
        assert!(!ended.stderr.is_empty() && ended.stdout.is_empty());
    }
    end(holder);
}
