//! Killing a role at each of its system calls, one after another.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::Role;

/// Where a role is killed: when it is about to make this system call for the so-manieth time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub call: String,
    pub time: usize,
}

/// The steps of what a role does between two lines that it is told, from a run that nobody disturbs. `act` tells the role to go on,
/// does the other side's part, and waits for the role's end.
pub fn steps_of(role: Role, record: &Path, act: impl FnOnce(Role)) -> Vec<Step> {
    let tracer = Tracer::attach(&role, &["-o".into(), record.to_owned()]);
    act(role);
    drop(tracer);
    let text = std::fs::read_to_string(record).unwrap();
    // The call in which it was waiting to be told is begun anew, seen or not, and so is what other threads sleep in.
    let text = text.split_once("read(0,").map_or(&*text, |(_, text)| text);
    let mut times: HashMap<(&str, &str), usize> = HashMap::new();
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines().skip(1) {
        // `PID call(…`; what begins otherwise goes on with an earlier line or is no call.
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if call.is_empty() || !call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        // strace counts by thread and call.
        let time = times.entry((thread, call)).or_default();
        *time += 1;
        let step = Step { call: call.to_owned(), time: *time };
        if *time <= MOST_TIMES && !steps.contains(&step) {
            steps.push(step);
        }
    }
    assert!(steps.len() > 10, "{text}");
    steps
}

/// Who waits by yielding makes the same call very often.
const MOST_TIMES: usize = 40;

/// Kills a role at a step that it takes from now on.
pub fn kill_at(role: &Role, step: &Step) -> Tracer {
    let inject = format!("inject={}:signal=KILL:when={}", step.call, step.time);
    Tracer::attach(role, &["-o".into(), "/dev/null".into(), "-e".into(), inject.into()])
}

/// Whether a process may trace another that is not its child; says so where it may not.
pub fn may_trace() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let may = matches!(scope.trim(), "" | "0") || ennead_sys::process::effective_uid() == 0;
    if !may {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this test traces processes: run it as root");
        println!("skipped: only root may trace processes here");
    }
    may
}

/// strace at a process; let go at the end.
pub struct Tracer(Child);

impl Tracer {
    fn attach(role: &Role, options: &[PathBuf]) -> Self {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-p", &role.id().to_string()]).args(options);
        let mut tracer = command.stdin(Stdio::null()).spawn().expect("strace, which this test needs");
        let tasks = format!("/proc/{}/task", role.id());
        let attached = || {
            std::fs::read_dir(&tasks).unwrap().flatten().all(|task| {
                let status = std::fs::read_to_string(task.path().join("status")).unwrap_or_default();
                let by = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
                by.is_some_and(|by| by.trim() != "0")
            })
        };
        while !attached() {
            if tracer.try_wait().unwrap().is_some() {
                // It was killed at the call in which it was waiting.
                assert!(role.has_ended(), "strace has ended");
                break;
            }
            std::thread::yield_now();
        }
        Self(tracer)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // It ends with what it traces.
        let _ = self.0.wait();
    }
}
