//! Mailslots in the driver.

use ennead_conformance::mailslots::{Info, Mailslots, OverlappedMailslots, SHARE_READ};
use ennead_conformance::overlapped_pipes::{Completion, OverlappedPipes};
use ennead_conformance::{GENERIC_WRITE, Outcome};

use crate::driver::{Function, Request};
use crate::implementation::{Handle, Wine, length, outcome};
use crate::overlapped_pipes::Operation;

impl Mailslots for Wine {
    type Slot = Handle;
    type Writer = Handle;

    fn create(&self, name: &str, max_message: u32, timeout: u32) -> Outcome<Handle> {
        self.open_handle(Function::CreateSlot, name, [max_message, timeout, 0, 0, 0, 0])
    }

    fn open(&self, name: &str, access: u32, share: u32) -> Outcome<Handle> {
        self.open_handle(Function::OpenSlot, name, [access, share, 0, 0, 0, 0])
    }

    fn info(&self, slot: &Handle) -> Outcome<Info> {
        let [max_message, next, count, timeout] = self.on(slot.number(), Function::SlotInfo)?.numbers;
        Ok(Info { max_message, next, count, timeout })
    }

    fn set_timeout(&self, slot: &Handle, timeout: u32) -> Outcome<()> {
        self.with(slot.number(), Function::SetSlotInfo, [timeout, 0, 0, 0, 0, 0]).map(drop)
    }

    fn read(&self, slot: &Handle, len: usize) -> Outcome<Vec<u8>> {
        self.with(slot.number(), Function::ReadSlot, [length(len), 0, 0, 0, 0, 0]).map(|answer| answer.data)
    }

    fn write(&self, writer: &Handle, data: &[u8]) -> Outcome<usize> {
        let request = Request { handle: writer.number(), data, ..Request::default() };
        outcome(self.request(Function::WriteSlot, &request)).map(|answer| answer.numbers[0] as usize)
    }

    fn write_elsewhere(&self, name: &str, messages: &[&[u8]]) -> Outcome<()> {
        let another = self.another_process();
        let writer = Mailslots::open(&another, name, GENERIC_WRITE, SHARE_READ)?;
        messages.iter().try_for_each(|message| Mailslots::write(&another, &writer, message).map(drop))?;
        self.end(&another);
        Ok(())
    }

    fn create_elsewhere(&self, name: &str, meanwhile: &mut dyn FnMut()) -> Outcome<()> {
        let another = self.another_process();
        let _slot = Mailslots::create(&another, name, 0, 0)?;
        meanwhile();
        self.end(&another);
        Ok(())
    }
}

impl OverlappedMailslots for Wine {
    type Operation = Operation;

    fn start_read(&self, slot: &Handle, len: usize) -> Operation {
        OverlappedPipes::start_read(self, slot, len)
    }

    fn is_complete(&self, operation: &Operation) -> bool {
        OverlappedPipes::is_complete(self, operation)
    }

    fn finish(&self, operation: Operation) -> Completion {
        OverlappedPipes::finish(self, operation)
    }

    fn cancel(&self, operation: &Operation) -> Outcome<()> {
        OverlappedPipes::cancel(self, operation)
    }
}
