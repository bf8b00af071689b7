//! The program itself, as a user starts it: short runs, whose shape is checked and whose times are not.

use std::process::{Command, Output};

use serde_json::Value;

/// Kernel sockets stand in Ennead's place where the frame is under test and not the product.
fn bench(arguments: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ennead-bench"))
        .args(["pipe", "--quick", "--rounds", "2"])
        .args(arguments.split_whitespace())
        .output()
        .expect("the program starts")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

#[test]
fn a_run_gives_a_line_for_each_comparison() {
    let output = bench(
        "--json --ours uds-stream --workload rtt-64B --workload stream-64KiB --placement one-core \
         --peer uds-seqpacket --peer kernel-pipe --peer spin",
    );
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output);
    let cells: Vec<_> = lines
        .iter()
        .map(|line| (line["workload"].as_str().unwrap_or(""), line["peer"].as_str().unwrap_or("")))
        .collect();
    let expected = [
        ("rtt-64B", "uds-seqpacket"),
        ("rtt-64B", "kernel-pipe"),
        ("rtt-64B", "spin"),
        ("stream-64KiB", "uds-seqpacket"),
        ("stream-64KiB", "kernel-pipe"),
    ];
    assert_eq!(cells, expected);
    for line in lines {
        assert_eq!(line["mechanism"], "pipe");
        assert_eq!(line["placement"], "one-core");
        assert!(line["ennead"].as_f64().is_some_and(|value| value > 0.0), "{line}");
        if line["peer"] == "spin" {
            assert!(line["peer_value"].is_null() && line["missing"].is_string(), "{line}");
        } else {
            let (ours, theirs) = (line["ennead"].as_f64(), line["peer_value"].as_f64());
            let ratio = ours.zip(theirs).map(|(ours, theirs)| ours / theirs).expect("both figures");
            let said = line["ratio"].as_f64().expect("a ratio");
            assert!((said - ratio).abs() <= 1e-3 * ratio.max(1.0), "{line}");
        }
    }
}

#[test]
fn the_table_ends_with_the_targets() {
    let output = bench("--ours uds-stream --workload connect --placement one-core --peer uds-stream");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("targets") && text.contains("target ≤ 3.5"), "{text}");
}

#[test]
fn a_killed_peer_is_noticed_by_those_that_can() {
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
        println!("skipped: the witness of the close needs a core of its own");
        return;
    }
    let output = bench("--json --ours uds-stream --workload peer-death --peer kernel-pipe");
    let lines = lines(&output);
    assert!(
        lines.len() == 1 && lines[0]["ennead"].is_number() && lines[0]["peer_value"].is_number(),
        "{output:?}"
    );
}

#[test]
fn an_unknown_workload_is_misuse() {
    let output = bench("--workload rtt-65B");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("rtt-64B"), "the choices are named");
}
