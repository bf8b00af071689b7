//! The tour from outside: what it prints, writes, leaves behind, and how it ends.

mod program;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use program::{Ended, Place, children_of, end_of, eventually, runs, signal};

/// The rows of the table that are built.
const BUILT: [&str; 4] = ["File mapping", "Mailslots", "Pipes, anonymous", "Pipes, named"];

fn row<'a>(ended: &'a Ended, title: &str) -> &'a str {
    ended
        .stdout
        .lines()
        .find(|line| line.starts_with(title))
        .unwrap_or_else(|| panic!("{title}: {}", ended.stdout))
}

/// A FIFO that holds the first leg in its middle, until somebody opens it for writing.
fn fifo(place: &Place) -> String {
    let path = place.path.join("hold");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path.to_str().unwrap().into()
}

/// Waits until all three programs of a leg run, none of them one of an `earlier` leg.
fn three_programs(tour: &mut Child, earlier: &[(u32, String)]) -> Vec<(u32, String)> {
    eventually("the third program", || {
        assert_eq!(tour.try_wait().unwrap(), None, "the tour has ended");
        let children = children_of(tour.id());
        // Between fork and exec a child still has our own words.
        let fresh = children.iter().all(|child| child.1.contains("tour-program") && !earlier.contains(child));
        (children.len() == 3 && fresh).then_some(children)
    })
}

#[test]
fn every_leg_that_exists_verifies_and_the_reports_say_the_same() {
    let place = Place::new();
    let ended = place.run(&["tour"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    for title in BUILT {
        assert!(row(&ended, title).ends_with("yes"), "{}", ended.stdout);
        assert!(row(&ended, title).contains(" 3 "), "{}", ended.stdout);
    }
    for title in ["Clipboard", "COM", "Data copy", "DDE", "RPC", "Windows Sockets"] {
        assert!(row(&ended, title).ends_with("not built"), "{}", ended.stdout);
    }
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\x1b'));

    let report: Value = serde_json::from_str(&place.read("ennead-report/report.json")).unwrap();
    assert_eq!(report["verified"], true);
    assert_eq!(report["legs"].as_array().unwrap().len(), 10);
    assert_eq!(report["document"]["total"]["parts"], 195);
    let page = place.read("ennead-report/report.html");
    assert!(
        page.contains("<svg")
            && page.contains("prefers-color-scheme:dark")
            && page.contains("width=device-width")
    );
    for foreign in ["<script", "http://", "https://", "url(", "@import", "src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(place.runtime_files(), Vec::<PathBuf>::new());

    // Once more: its own reports are replaced.
    assert_eq!(place.run(&["tour", "--json"]).code, Some(0));
}

#[test]
fn broken_rows_are_named_and_hostile_text_stays_text() {
    let place = Place::new();
    place.write(
        "mine.csv",
        "Part;Category;Qty;Unit price (USD)\n\
         bolt;<script>alert(1)</script>;1.000;0,25\nnut;x;many;0,10\n\
         pin;\x1b[31mred\u{202e};3;1,5\nrod;\u{202e}cba\"';1;2\n\"lost;1;1;1\n"
            .as_bytes(),
    );
    place.write("file", b"small");
    let ended = place.run(&["tour", "--inventory", "mine.csv", "--file", "file", "--report", "out"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("3 parts worth 256.50 USD"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("line 3 left out: the quantity “many” is not a number"),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("line 6 left out: a quote is opened and never closed"), "{}", ended.stdout);
    let page = place.read("out/report.html");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
    for text in [&page, &ended.stdout, &place.read("out/report.json")] {
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'));
    }
    let json = place.run(&["tour", "--json", "--inventory", "mine.csv", "--file", "file", "--report", "out"]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["document"]["total"]["cost"], "256.5");
    assert_eq!(report["inventory"]["broken_rows"][0]["line"], 3);
}

#[test]
fn an_empty_file_and_a_single_part_are_enough() {
    let place = Place::new();
    place.write("one.csv", b"sku,on hand,cost\nx,1,1\n");
    place.write("empty", b"");
    let ended = place.run(&["tour", "--inventory", "one.csv", "--file", "empty"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("1 part worth 1.00"), "{}", ended.stdout);
}

#[test]
fn what_cannot_be_used_is_named_with_its_code_and_what_to_do() {
    let place = Place::new();
    let ended = place.run(&["tour", "--inventory", "missing.csv"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(
        ended.stderr.contains("(ERROR_FILE_NOT_FOUND, 2)") && ended.stderr.contains("next: "),
        "{}",
        ended.stderr
    );

    let ended = place.run(&["tour", "--json", "--file", "/dev/zero"]);
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(ended.code, Some(1));
    assert!(error["error"]["what"].as_str().unwrap().contains("/dev/zero"), "{}", ended.stderr);

    place.write("no.csv", b"colour,size\nred,3\n");
    let ended = place.run(&["tour", "--inventory", "no.csv"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("part, quantity, unit cost"), "{}", ended.stderr);

    for wrong in [&["tour", "--frobnicate"][..], &["tour", "--json", "--file"], &["frobnicate"], &[]] {
        assert_eq!(place.run(wrong).code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_report_of_somebody_else_is_not_replaced() {
    let place = Place::new();
    place.write("report.html", b"my own page");
    let ended = place.run(&["tour", "--report", "."]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("was not written by the tour"), "{}", ended.stderr);
    assert_eq!(place.read("report.html"), "my own page");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let place = Place::new();
    place.write("file", b"small");
    let mut tour = place
        .ennead(&["tour", "--file", "file"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(tour.stdout.take());
    let ended = Ended::of(&tour.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

/// Starts a tour and lets it go until all programs of its leg number `leg` are in the middle of their conversation.
fn held_in_leg(place: &Place, leg: usize) -> (Child, Vec<(u32, String)>, String) {
    place.write("file", &[7; 100_000]);
    let hold = fifo(place);
    let mut tour = place
        .ennead(&["tour", "--file", "file", "--hold", &hold])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut programs = three_programs(&mut tour, &[]);
    for _ in 0..leg {
        // Waits for the inventory program to be there, and lets it pass.
        drop(File::options().write(true).open(&hold).unwrap());
        programs = three_programs(&mut tour, &programs);
    }
    (tour, programs, hold)
}

#[test]
fn an_interrupt_ends_the_programs_and_leaves_nothing() {
    for (leg, name, code) in [(0, "INT", 130), (1, "INT", 130), (2, "INT", 130), (2, "TERM", 143)] {
        let place = Place::new();
        let (mut tour, programs, _) = held_in_leg(&place, leg);
        signal(tour.id(), name);
        assert_eq!(end_of(&mut tour).code(), Some(code));
        for (pid, _) in programs {
            assert!(!runs(pid, "tour-program"), "{pid}");
        }
        assert_eq!(place.runtime_files(), Vec::<PathBuf>::new());
        assert_eq!(std::fs::read_dir(place.path.join("ennead-report")).unwrap().count(), 0);
        assert_eq!(std::fs::read(place.path.join("file")).unwrap().len(), 100_000);
    }
}

#[test]
fn the_programs_do_not_outlive_a_killed_conductor() {
    for leg in 0..BUILT.len() {
        let place = Place::new();
        let (mut tour, programs, _) = held_in_leg(&place, leg);
        signal(tour.id(), "KILL");
        end_of(&mut tour);
        for (pid, _) in programs {
            eventually("a program's end", || (!runs(pid, "tour-program")).then_some(()));
        }
        // Nobody is left to tidy up; whoever lists next does.
        assert_eq!(place.run(&["ls"]).code, Some(0));
        assert_eq!(place.runtime_files(), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_killed_program_costs_its_leg_only() {
    for leg in 0..BUILT.len() {
        for victim in ["inventory", "spreadsheet", "word-processor"] {
            let place = Place::new();
            let (tour, programs, hold) = held_in_leg(&place, leg);
            let (pid, _) = programs.iter().find(|(_, line)| line.contains(victim)).unwrap();
            signal(*pid, "KILL");
            // Both ways at once, so that opening it waits for nobody and nobody is held any more.
            let _open = File::options().read(true).write(true).open(&hold).unwrap();
            let ended = Ended::of(&tour.wait_with_output().unwrap());
            assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
            for (i, title) in BUILT.iter().enumerate() {
                let verdict = if i == leg { "FAILED" } else { "yes" };
                assert!(row(&ended, title).ends_with(verdict), "{}", ended.stdout);
            }
            assert!(ended.stdout.contains("was ended by signal 9 (SIGKILL)"), "{}", ended.stdout);
            assert_eq!(place.runtime_files(), Vec::<PathBuf>::new());
            let report: Value = serde_json::from_str(&place.read("ennead-report/report.json")).unwrap();
            assert_eq!(report["verified"], false);
        }
    }
}
