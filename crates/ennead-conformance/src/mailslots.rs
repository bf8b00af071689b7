//! Mailslots: `CreateMailslot`, `GetMailslotInfo`, `SetMailslotInfo`, and `CreateFile`, `ReadFile`, `WriteFile` on them.

mod creating;
mod names;
mod overlapped;
mod reading;
mod writing;

use crate::overlapped_pipes::Completion;
use crate::{Case, GENERIC_WRITE, Outcome, code};

/// MAILSLOT_WAIT_FOREVER.
pub const FOREVER: u32 = u32::MAX;
/// MAILSLOT_NO_MESSAGE.
pub const NO_MESSAGE: u32 = u32::MAX;
/// FILE_SHARE_READ.
pub const SHARE_READ: u32 = 1;
/// FILE_SHARE_WRITE.
pub const SHARE_WRITE: u32 = 2;

/// What `GetMailslotInfo` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// *lpMaxMessageSize*.
    pub max_message: u32,
    /// *lpNextSize*.
    pub next: u32,
    /// *lpMessageCount*.
    pub count: u32,
    /// *lpReadTimeout*.
    pub timeout: u32,
}

/// An implementation under test. Every handle closes when it is dropped.
pub trait Mailslots: Sync + Sized {
    /// A server's handle.
    type Slot: Sync + Send;
    /// A client's handle.
    type Writer: Sync + Send;

    /// `CreateMailslot`.
    fn create(&self, name: &str, max_message: u32, timeout: u32) -> Outcome<Self::Slot>;
    /// `CreateFile`, OPEN_EXISTING, with an access and a share mode.
    fn open(&self, name: &str, access: u32, share: u32) -> Outcome<Self::Writer>;
    /// `GetMailslotInfo`.
    fn info(&self, slot: &Self::Slot) -> Outcome<Info>;
    /// `SetMailslotInfo`.
    fn set_timeout(&self, slot: &Self::Slot, timeout: u32) -> Outcome<()>;
    /// `ReadFile` into a buffer of `len` bytes, and `GetOverlappedResult` that waits.
    fn read(&self, slot: &Self::Slot, len: usize) -> Outcome<Vec<u8>>;
    /// `WriteFile`.
    fn write(&self, writer: &Self::Writer, data: &[u8]) -> Outcome<usize>;

    /// Another process opens the slot, writes these messages, and is ended at once; when this returns, it has ended.
    fn write_elsewhere(&self, name: &str, messages: &[&[u8]]) -> Outcome<()>;
    /// Another process creates the slot and is ended at once; when this returns, it has ended. Before, it has done `meanwhile`.
    fn create_elsewhere(&self, name: &str, meanwhile: &mut dyn FnMut()) -> Outcome<()>;
}

/// An implementation whose reads can be overlapped.
pub trait OverlappedMailslots: Mailslots {
    /// A read that was started.
    type Operation;

    /// `ReadFile` into a buffer of `len` bytes.
    fn start_read(&self, slot: &Self::Slot, len: usize) -> Self::Operation;
    /// Whether `GetOverlappedResult` without waiting says other than ERROR_IO_INCOMPLETE.
    fn is_complete(&self, operation: &Self::Operation) -> bool;
    /// `GetOverlappedResult`, waiting.
    fn finish(&self, operation: Self::Operation) -> Completion;
    /// `CancelIoEx` of it.
    fn cancel(&self, operation: &Self::Operation) -> Outcome<()>;
}

/// All cases of overlapped reads.
#[must_use]
pub fn overlapped_cases<M: OverlappedMailslots>() -> Vec<Case<M>> {
    overlapped::cases()
}

/// All cases but those.
#[must_use]
pub fn cases<M: Mailslots>() -> Vec<Case<M>> {
    [creating::cases(), names::cases(), writing::cases(), reading::cases()].concat()
}

fn full(name: &str) -> String {
    format!(r"\\.\mailslot\{name}")
}

/// A slot for messages of any size whose reads do not wait for ever, and a writer.
fn pair<M: Mailslots>(slots: &M, name: &str) -> (M::Slot, M::Writer) {
    let slot = slots.create(&full(name), 0, FOREVER).unwrap_or_else(|e| panic!("create {name}: {e}"));
    let writer = writer(slots, name);
    (slot, writer)
}

fn writer<M: Mailslots>(slots: &M, name: &str) -> M::Writer {
    slots.open(&full(name), GENERIC_WRITE, SHARE_READ).unwrap_or_else(|e| panic!("open {name}: {e}"))
}

fn waiting<M: Mailslots>(slots: &M, slot: &M::Slot) -> (u32, u32) {
    let info = slots.info(slot).expect("information");
    (info.next, info.count)
}
