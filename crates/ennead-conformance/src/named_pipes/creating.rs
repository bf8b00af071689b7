//! `CreateNamedPipe`: <https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew>

use super::{
    Case, DUPLEX, End, FIRST, GENERIC_READ, GENERIC_WRITE, INBOUND, NamedPipes, OUTBOUND, READ_MESSAGE, Spec,
    UNLIMITED, code, pair,
};

pub(super) fn cases<P: NamedPipes>() -> Vec<Case<P>> {
    vec![
        ("names are not case sensitive", names_fold),
        ("bad names are refused", bad_names),
        ("instances are 1 to 255", maximum_in_range),
        ("a byte-type pipe cannot be read in message mode", no_message_mode_on_bytes),
        ("the maximum of instances holds", maximum_holds),
        ("a first instance comes first", first_instance),
        ("all instances agree", instances_agree),
        ("the client's access fits the direction", directions),
        ("information is as created", information),
    ]
}

fn names_fold<P: NamedPipes>(pipes: &P) {
    let _server = pipes.create(r"\\.\pipe\Case-Fold", Spec::MESSAGES).unwrap();
    pipes.open(r"\\.\PIPE\CASE-FOLD", GENERIC_READ | GENERIC_WRITE).unwrap();
    let _other = pipes.create(r"\\.\pipe\ünïcode", Spec::MESSAGES).unwrap();
    pipes.open(r"\\.\pipe\ÜNÏCODE", GENERIC_READ).unwrap();
}

fn bad_names<P: NamedPipes>(pipes: &P) {
    let long = format!(r"\\.\pipe\{}", "a".repeat(248));
    for name in ["", "x", r"\\.\pipe\", r"\\.\pip\x", "\\\\.\\pipe\\a\0b", &long] {
        assert_eq!(code(pipes.create(name, Spec::BYTES)), 123, "{name:?}");
        assert_eq!(code(pipes.open(name, GENERIC_READ)), 123, "{name:?}");
        assert_eq!(code(pipes.wait(name, 1)), 123, "{name:?}");
    }
    let longest = format!(r"\\.\pipe\{}", "a".repeat(247));
    let _server = pipes.create(&longest, Spec::BYTES).unwrap();
    let strange = "\\\\.\\pipe\\a:b*c?\"<>| /.\u{1}é\u{1F600}";
    let _server = pipes.create(strange, Spec::BYTES).unwrap();
    pipes.open(strange, GENERIC_READ).unwrap();
}

fn maximum_in_range<P: NamedPipes>(pipes: &P) {
    for (most, expected) in [(0, 87), (1, 0), (254, 0), (255, 0), (256, 87), (u32::MAX, 87)] {
        let spec = Spec { max_instances: most, ..Spec::BYTES };
        assert_eq!(code(pipes.create(r"\\.\pipe\range", spec)), expected, "{most}");
    }
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

fn instances_agree<P: NamedPipes>(pipes: &P) {
    let spec = Spec { max_instances: 5, ..Spec::MESSAGES };
    let _server = pipes.create(r"\\.\pipe\agree", spec).unwrap();
    let others = [
        Spec { pipe_mode: 0, ..spec },
        Spec { open_mode: INBOUND, ..spec },
        Spec { max_instances: 6, ..spec },
        Spec { timeout: 7, ..spec },
    ];
    for other in others {
        assert_eq!(code(pipes.create(r"\\.\pipe\agree", other)), 5, "{other:?}");
    }
    // Read mode and buffers may differ.
    pipes.create(r"\\.\pipe\agree", Spec { pipe_mode: 4, buffers: (1, 2), ..spec }).unwrap();
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
    let bytes = pipes.create(r"\\.\pipe\info-bytes", Spec { max_instances: UNLIMITED, ..Spec::BYTES });
    assert_eq!(pipes.info(End::Server(&bytes.unwrap())).unwrap(), (1, 4096, 4096, 255));
    assert_eq!(pipes.client_pid(&server).unwrap(), std::process::id());
    assert_eq!(pipes.server_pid(&client).unwrap(), std::process::id());
}
