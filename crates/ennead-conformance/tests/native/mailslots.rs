//! Mailslots against `ennead-mailslot`.

use ennead_conformance::mailslots::{Info, Mailslots, NO_MESSAGE, SHARE_READ, SHARE_WRITE, cases};
use ennead_conformance::{GENERIC_WRITE, Outcome};
use ennead_mailslot::{Client, ClientOptions, Mailslot, MailslotOptions, ReadTimeout, ShareMode};
use ennead_security::AccessMask;

use crate::another::{Process, from_hex, to_hex};
use crate::{Native, run};

impl Mailslots for Native {
    type Slot = Mailslot;
    type Writer = Client;

    fn create(&self, name: &str, max_message: u32, timeout: u32) -> Outcome<Mailslot> {
        MailslotOptions::new()
            .max_message(max_message)
            .read_timeout(ReadTimeout::from_bits(timeout))
            .place(&self.mailslots)
            .create(name)
            .map_err(|e| e.win32())
    }

    fn open(&self, name: &str, access: u32, share: u32) -> Outcome<Client> {
        let mode = ShareMode { read: share & SHARE_READ != 0, write: share & SHARE_WRITE != 0 };
        let options = ClientOptions::new().access(AccessMask(access)).share(mode);
        options.place(&self.mailslots).open(name).map_err(|e| e.win32())
    }

    fn info(&self, slot: &Mailslot) -> Outcome<Info> {
        let info = slot.info().map_err(|e| e.win32())?;
        Ok(Info {
            max_message: info.max_message,
            next: info.next.unwrap_or(NO_MESSAGE),
            count: u32::try_from(info.count).expect("a test's messages"),
            timeout: info.read_timeout.to_bits(),
        })
    }

    fn set_timeout(&self, slot: &Mailslot, timeout: u32) -> Outcome<()> {
        slot.set_read_timeout(ReadTimeout::from_bits(timeout)).map_err(|e| e.win32())
    }

    fn read(&self, slot: &Mailslot, len: usize) -> Outcome<Vec<u8>> {
        let mut buffer = vec![0; len];
        let bytes = slot.read(&mut buffer).map_err(|e| e.win32())?;
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

/// What another process keeps.
#[derive(Default)]
pub struct Kept {
    slot: Option<Mailslot>,
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
    run(cases());
}
