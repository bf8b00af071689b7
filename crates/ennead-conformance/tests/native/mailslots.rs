//! Mailslots against `ennead-mailslot`.

use ennead_conformance::mailslots::{
    Info, Mailslots, NO_MESSAGE, OverlappedMailslots, SHARE_READ, SHARE_WRITE, cases, overlapped_cases,
};
use ennead_conformance::overlapped_pipes::Completion;
use ennead_conformance::{GENERIC_WRITE, Outcome};
use ennead_mailslot::overlapped::{NothingToCancel, Operation, Overlapped};
use ennead_mailslot::{Client, ClientOptions, MailslotOptions, ReadTimeout, ShareMode};
use ennead_security::AccessMask;

use crate::another::{Process, from_hex, to_hex};
use crate::{Native, run};

impl Mailslots for Native {
    type Slot = Overlapped;
    type Writer = Client;

    fn create(&self, name: &str, max_message: u32, timeout: u32) -> Outcome<Overlapped> {
        MailslotOptions::new()
            .max_message(max_message)
            .read_timeout(ReadTimeout::from_bits(timeout))
            .place(&self.mailslots)
            .create(name)
            .map(Overlapped::new)
            .map_err(|e| e.win32())
    }

    fn open(&self, name: &str, access: u32, share: u32) -> Outcome<Client> {
        let mode = ShareMode { read: share & SHARE_READ != 0, write: share & SHARE_WRITE != 0 };
        let options = ClientOptions::new().access(AccessMask(access)).share(mode);
        options.place(&self.mailslots).open(name).map_err(|e| e.win32())
    }

    fn info(&self, slot: &Overlapped) -> Outcome<Info> {
        let info = slot.slot().info().map_err(|e| e.win32())?;
        Ok(Info {
            max_message: info.max_message,
            next: info.next.unwrap_or(NO_MESSAGE),
            count: u32::try_from(info.count).expect("a test's messages"),
            timeout: info.read_timeout.to_bits(),
        })
    }

    fn set_timeout(&self, slot: &Overlapped, timeout: u32) -> Outcome<()> {
        slot.slot().set_read_timeout(ReadTimeout::from_bits(timeout)).map_err(|e| e.win32())
    }

    fn read(&self, slot: &Overlapped, len: usize) -> Outcome<Vec<u8>> {
        let mut buffer = vec![0; len];
        let bytes = slot.slot().read(&mut buffer).map_err(|e| e.win32())?;
        buffer.truncate(bytes);
        Ok(buffer)
    }

    fn write(&self, writer: &Client, data: &[u8]) -> Outcome<usize> {
        writer.write(data).map_err(|e| e.win32())
    }

    fn write_elsewhere(&self, name: &str, messages: &[&[u8]]) -> Outcome<()> {
        let process = Process::start(self);
        process.ask(&["mailslot", "open", name])?;
        messages
            .iter()
            .try_for_each(|message| process.ask(&["mailslot", "write", &to_hex(message)]).map(drop))
    }

    fn create_elsewhere(&self, name: &str, meanwhile: &mut dyn FnMut()) -> Outcome<()> {
        let process = Process::start(self);
        process.ask(&["mailslot", "create", name])?;
        meanwhile();
        Ok(())
    }
}

impl OverlappedMailslots for Native {
    type Operation = Operation;

    fn start_read(&self, slot: &Overlapped, len: usize) -> Operation {
        slot.start_read(vec![0; len])
    }

    fn is_complete(&self, operation: &Operation) -> bool {
        operation.is_complete()
    }

    fn finish(&self, operation: Operation) -> Completion {
        let done = operation.join();
        Completion { code: done.win32().0, bytes: done.bytes, data: done.data().to_vec() }
    }

    fn cancel(&self, operation: &Operation) -> Outcome<()> {
        operation.cancel().map_err(NothingToCancel::win32)
    }
}

/// What another process keeps.
#[derive(Default)]
pub struct Kept {
    slot: Option<Overlapped>,
    writer: Option<Client>,
}

/// In another process.
pub fn carry_out(native: &Native, kept: &mut Kept, parts: &[&str]) -> Outcome<String> {
    match parts {
        ["create", name] => kept.slot = Some(Mailslots::create(native, name, 0, 0)?),
        ["open", name] => kept.writer = Some(Mailslots::open(native, name, GENERIC_WRITE, SHARE_READ)?),
        ["write", hex] => {
            let writer = kept.writer.as_ref().expect("a mailslot is open");
            return native.write(writer, &from_hex(hex)).map(|bytes| bytes.to_string());
        }
        other => panic!("nobody can {other:?}"),
    }
    Ok(String::new())
}

#[test]
fn every_case() {
    run([cases(), overlapped_cases()].concat());
}
