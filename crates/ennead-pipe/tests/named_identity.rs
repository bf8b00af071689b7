//! What each end may ask of the other, and what is kept of how a pipe was made.

mod support;

use ennead_pipe::named::{ClientOptions, Place, list_in};
use ennead_sys::process;
use support::{Role, Root, listen, role, say};

const NAME: &str = r"\\.\pipe\Identity";

/// A client in a process of its own.
#[test]
fn child() {
    let Some((_, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    let client = ClientOptions::new().place(&place).write_through(true).open(NAME).unwrap();
    client.write(b"hello").unwrap();
    assert!(client.is_write_through());
    say(format!(
        "{} {} {}",
        client.server_process_id(),
        client.server_session_id(),
        client.client_process_id()
    ));
    listen();
}

#[test]
fn each_end_knows_the_other() {
    let root = Root::new("identity");
    let server = root.server().create(NAME).unwrap();
    let mut client = Role::start("child", "client", &root.path);
    let said = client.hear();
    let here = (process::id(), process::session());
    assert_eq!(said, format!("{} {} {}", here.0, here.1, client.id()));
    server.connect().unwrap();
    // It runs in the same session, on the same computer, as the same user.
    assert_eq!(server.client_process_id().unwrap(), client.id());
    let info = server.client_info().unwrap();
    assert_eq!((info.session, info.claimed_pid), (here.1, client.id()));
    assert_eq!(Some(&*info.computer), process::computer_name());
    assert_eq!((info.peer.pid, info.peer.uid), (client.id(), process::effective_uid()));
    assert_eq!(server.server_process_id(), here.0);
    assert_eq!(server.server_session_id(), here.1);
    client.tell("end");
}

#[test]
fn what_a_pipe_was_made_with_is_kept() {
    let root = Root::new("kept");
    for kept in [false, true] {
        let options = root.server().reject_remote_clients(kept).write_through(kept).quotas(1000, 2000);
        let server = options.max_instances(3).create(NAME).unwrap();
        let client = root.client().open(NAME).unwrap();
        assert_eq!(server.is_write_through(), kept);
        assert!(!client.is_write_through());
        let listed = list_in(&root.place).unwrap();
        let details = listed[0].details.as_ref().unwrap();
        for traits in [server.traits(), client.traits(), details.traits] {
            assert_eq!(traits.reject_remote, kept);
            assert_eq!((traits.max_instances, traits.out_quota, traits.in_quota), (3, 1000, 2000));
        }
        assert_eq!((&*listed[0].name.clone().unwrap(), details.instances), ("Identity", 1));
    }
}
