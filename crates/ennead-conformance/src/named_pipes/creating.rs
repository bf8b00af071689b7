//! `CreateNamedPipe`: <https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew>

use super::{
    Case, DUPLEX, End, FIRST, GENERIC_READ, GENERIC_WRITE, INBOUND, NOWAIT, NamedPipes, OUTBOUND,
    READ_MESSAGE, Spec, TYPE_MESSAGE, UNLIMITED, code, pair,
};

pub(super) fn cases<P: NamedPipes>() -> Vec<Case<P>> {
    vec![
        ("names are not case sensitive", names_fold),
        ("a name begins as names of pipes do", names_have_a_form),
        ("a name has up to 256 characters", longest_name),
        ("a name has any character but a backslash", strange_names),
        ("a pipe has a direction", one_direction),
        ("instances are 1 to 255", maximum_in_range),
        ("no pipe has no instances", at_least_one),
        ("a byte-type pipe cannot be read in message mode", no_message_mode_on_bytes),
        ("the maximum of instances holds", maximum_holds),
        ("a first instance comes first", first_instance),
        ("all instances agree on the type", type_agrees),
        ("all instances agree on the direction", direction_agrees),
        ("all instances agree on the maximum", maximum_agrees),
        ("all instances agree on the time-out", timeout_agrees),
        ("instances have modes and buffers of their own", may_differ),
        ("the client's access fits the direction", directions),
        ("information is as created", information),
        ("an unlimited pipe says so", unlimited),
        ("each end knows the process at the other", process_ids),
    ]
}

fn names_fold<P: NamedPipes>(pipes: &P) {
    let _server = pipes.create(r"\\.\pipe\Case-Fold", Spec::MESSAGES).unwrap();
    pipes.open(r"\\.\PIPE\CASE-FOLD", GENERIC_READ | GENERIC_WRITE).unwrap();
    let _other = pipes.create(r"\\.\pipe\ünïcode", Spec::MESSAGES).unwrap();
    pipes.open(r"\\.\pipe\ÜNÏCODE", GENERIC_READ).unwrap();
}

/// "This string must have the following form: `\\.\pipe\pipename`"; no page says with which code another form fails.
fn names_have_a_form<P: NamedPipes>(pipes: &P) {
    for name in ["", "x", r"\\.\pipe\", r"\\.\pip\x"] {
        assert!(pipes.create(name, Spec::BYTES).is_err(), "{name:?}");
    }
}

fn longest_name<P: NamedPipes>(pipes: &P) {
    let longest = format!(r"\\.\pipe\{}", "a".repeat(247));
    let _server = pipes.create(&longest, Spec::BYTES).unwrap();
    pipes.open(&longest, GENERIC_READ).unwrap();
    assert!(pipes.create(&format!("{longest}a"), Spec::BYTES).is_err(), "created with 257 characters");
}

fn strange_names<P: NamedPipes>(pipes: &P) {
    let strange = "\\\\.\\pipe\\a:b*c?\"<>| /.\u{1}é\u{1F600}";
    let _server = pipes.create(strange, Spec::BYTES).unwrap();
    pipes.open(strange, GENERIC_READ).unwrap();
}

/// "This parameter must specify one of the following pipe access modes."
fn one_direction<P: NamedPipes>(pipes: &P) {
    assert!(pipes.create(r"\\.\pipe\nowhere", Spec { open_mode: 0, ..Spec::BYTES }).is_err());
}

fn maximum_in_range<P: NamedPipes>(pipes: &P) {
    for (most, expected) in [(1, 0), (254, 0), (255, 0), (256, 87), (u32::MAX, 87)] {
        let spec = Spec { max_instances: most, ..Spec::BYTES };
        assert_eq!(code(pipes.create(r"\\.\pipe\range", spec)), expected, "{most}");
    }
}

fn at_least_one<P: NamedPipes>(pipes: &P) {
    let none = pipes.create(r"\\.\pipe\none", Spec { max_instances: 0, ..Spec::BYTES });
    assert!(none.is_err(), "created");
}

fn no_message_mode_on_bytes<P: NamedPipes>(pipes: &P) {
    let spec = Spec { pipe_mode: READ_MESSAGE, ..Spec::BYTES };
    assert_eq!(code(pipes.create(r"\\.\pipe\readmode", spec)), 87);
}

fn maximum_holds<P: NamedPipes>(pipes: &P) {
    let spec = Spec { max_instances: 3, ..Spec::BYTES };
    let mut instances: Vec<_> = (0..3).map(|_| pipes.create(r"\\.\pipe\three", spec).unwrap()).collect();
    assert_eq!(code(pipes.create(r"\\.\pipe\three", spec)), 231);
    assert_eq!(pipes.state(End::Server(&instances[0])).unwrap().1, 3);
    instances.pop();
    assert_eq!(pipes.state(End::Server(&instances[0])).unwrap().1, 2);
    instances.push(pipes.create(r"\\.\pipe\three", spec).unwrap());
    let unlimited = Spec { max_instances: UNLIMITED, ..Spec::BYTES };
    let many: Vec<_> = (0..300).map(|_| pipes.create(r"\\.\pipe\many", unlimited).unwrap()).collect();
    assert_eq!(pipes.state(End::Server(&many[0])).unwrap().1, 300);
}

fn first_instance<P: NamedPipes>(pipes: &P) {
    let first = Spec { open_mode: DUPLEX | FIRST, max_instances: UNLIMITED, ..Spec::BYTES };
    let later = Spec { open_mode: DUPLEX, ..first };
    let server = pipes.create(r"\\.\pipe\first", first).unwrap();
    assert_eq!(code(pipes.create(r"\\.\pipe\first", first)), 5);
    let another = pipes.create(r"\\.\pipe\first", later).unwrap();
    drop(server);
    assert_eq!(code(pipes.create(r"\\.\pipe\first", first)), 5);
    drop(another);
    pipes.create(r"\\.\pipe\first", first).unwrap();
}

const AGREED: Spec = Spec { max_instances: 5, ..Spec::MESSAGES };

/// "If different values are used, this function fails and GetLastError returns ERROR_ACCESS_DENIED."
fn agree<P: NamedPipes>(pipes: &P, name: &str, other: Spec) {
    let _server = pipes.create(name, AGREED).unwrap();
    assert_eq!(code(pipes.create(name, other)), 5, "another value");
}

fn type_agrees<P: NamedPipes>(pipes: &P) {
    agree(pipes, r"\\.\pipe\agree-type", Spec { pipe_mode: 0, ..AGREED });
}

fn direction_agrees<P: NamedPipes>(pipes: &P) {
    agree(pipes, r"\\.\pipe\agree-direction", Spec { open_mode: INBOUND, ..AGREED });
}

fn maximum_agrees<P: NamedPipes>(pipes: &P) {
    agree(pipes, r"\\.\pipe\agree-maximum", Spec { max_instances: 6, ..AGREED });
}

fn timeout_agrees<P: NamedPipes>(pipes: &P) {
    agree(pipes, r"\\.\pipe\agree-time-out", Spec { timeout: 7, ..AGREED });
}

fn may_differ<P: NamedPipes>(pipes: &P) {
    let _server = pipes.create(r"\\.\pipe\differ", AGREED).unwrap();
    for pipe_mode in [TYPE_MESSAGE, TYPE_MESSAGE | READ_MESSAGE | NOWAIT] {
        pipes.create(r"\\.\pipe\differ", Spec { pipe_mode, buffers: (1, 2), ..AGREED }).unwrap();
    }
}

fn directions<P: NamedPipes>(pipes: &P) {
    let both = GENERIC_READ | GENERIC_WRITE;
    for (mode, read, write, read_write) in [(INBOUND, 5, 0, 5), (OUTBOUND, 0, 5, 5), (DUPLEX, 0, 0, 0)] {
        for (access, expected) in [(GENERIC_READ, read), (GENERIC_WRITE, write), (both, read_write)] {
            let _server = pipes.create(r"\\.\pipe\ways", Spec { open_mode: mode, ..Spec::BYTES }).unwrap();
            assert_eq!(code(pipes.open(r"\\.\pipe\ways", access)), expected, "{mode} {access:x}");
        }
    }
    let (server, client) = pair(pipes, r"\\.\pipe\in", Spec { open_mode: INBOUND, ..Spec::BYTES });
    assert_eq!(code(pipes.write(End::Server(&server), b"x")), 5);
    assert_eq!(code(pipes.read(End::Client(&client), &mut [0; 4])), 5);
    assert_eq!(code(pipes.peek(End::Client(&client), &mut [0; 4])), 5);
    assert_eq!(pipes.write(End::Client(&client), b"x").unwrap(), 1);
    assert_eq!(pipes.read(End::Server(&server), &mut [0; 4]).unwrap(), (1, false));
    let (server, client) = pair(pipes, r"\\.\pipe\out", Spec { open_mode: OUTBOUND, ..Spec::BYTES });
    assert_eq!(code(pipes.read(End::Server(&server), &mut [0; 4])), 5);
    assert_eq!(code(pipes.write(End::Client(&client), b"x")), 5);
    assert_eq!(pipes.write(End::Server(&server), b"x").unwrap(), 1);
    assert_eq!(pipes.read(End::Client(&client), &mut [0; 4]).unwrap(), (1, false));
}

fn information<P: NamedPipes>(pipes: &P) {
    let spec = Spec { max_instances: 9, buffers: (5000, 6000), ..Spec::MESSAGES };
    let (server, client) = pair(pipes, r"\\.\pipe\info", spec);
    assert_eq!(pipes.info(End::Server(&server)).unwrap(), (1 | 4, 5000, 6000, 9));
    assert_eq!(pipes.info(End::Client(&client)).unwrap().0, 4);
    assert_eq!(pipes.info(End::Client(&client)).unwrap().3, 9);
}

/// "If the variable is set to PIPE_UNLIMITED_INSTANCES (255), the number of pipe instances that can be created is limited only
/// by the availability of system resources."
fn unlimited<P: NamedPipes>(pipes: &P) {
    let spec = Spec { max_instances: UNLIMITED, ..Spec::BYTES };
    let server = pipes.create(r"\\.\pipe\unlimited", spec).unwrap();
    assert_eq!(pipes.info(End::Server(&server)).unwrap(), (1, 4096, 4096, 255));
}

fn process_ids<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\processes", Spec::MESSAGES);
    assert_eq!(pipes.client_pid(&server).unwrap(), pipes.process_id());
    assert_eq!(pipes.server_pid(&client).unwrap(), pipes.process_id());
}
