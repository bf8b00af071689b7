//! Which robust words this process has mapped: one page an object, however many handles, so that recursion belongs to the thread and not to a handle.

#![allow(unsafe_code, reason = "registers fork handlers")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::me::{self, Me};
use super::page::{Page, SEVERAL};
use super::slow;

/// What a page is known by: device, inode, offset, length.
pub(super) type Key = (u64, u64, u64, usize);

type Pages = BTreeMap<Key, Arc<Page>>;

static PAGES: Mutex<Pages> = Mutex::new(BTreeMap::new());

thread_local! {
    /// Held by the forking thread, so that the child finds no half-made change.
    static FORKING: RefCell<Option<MutexGuard<'static, Pages>>> = const { RefCell::new(None) };
}

/// The page of that key, made if there is none; counted as one handle more.
pub(super) fn admit(key: Key, make: impl FnOnce() -> io::Result<Page>) -> io::Result<Arc<Page>> {
    let mut pages = pages();
    let page = match pages.get(&key) {
        Some(page) => Arc::clone(page),
        None => {
            let page = Arc::new(make()?);
            pages.insert(key, Arc::clone(&page));
            page
        }
    };
    page.handles.fetch_add(1, Relaxed);
    Ok(page)
}

/// One handle less. A page that a thread owns stays until it gives it up.
pub(super) fn dismiss(page: &Page) {
    let mut pages = pages();
    if page.handles.fetch_sub(1, Relaxed) == 1 && !page.is_owned_here() {
        pages.remove(&page.key);
    }
}

/// The page of that key, if there is one.
pub(super) fn find(key: &Key) -> Option<Arc<Page>> {
    pages().get(key).map(Arc::clone)
}

/// At the end of a thread.
pub(super) fn abandon_all(me: &Me) {
    let mut pages = pages();
    pages.retain(|_, page| {
        let owned = page.owner.load(Relaxed) == me.token();
        if owned {
            page.abandon(me);
        }
        !owned || page.handles.load(Relaxed) > 0
    });
}

/// Has forks leave the child in good order.
pub(super) fn expect_forks() -> io::Result<()> {
    static REGISTERED: OnceLock<i32> = OnceLock::new();
    // SAFETY: the handlers are functions of this program that never unwind.
    let outcome = *REGISTERED
        .get_or_init(|| unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after_in_child)) });
    if outcome == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(outcome)) }
}

fn pages() -> MutexGuard<'static, Pages> {
    PAGES.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn before() {
    let _ = FORKING.try_with(|forking| forking.replace(Some(pages())));
}

extern "C" fn after() {
    let _ = FORKING.try_with(RefCell::take);
}

extern "C" fn after_in_child() {
    me::forked();
    let moved = slow::forked();
    let _ = FORKING.try_with(|forking| {
        let Some(pages) = forking.take() else { return };
        for page in pages.values() {
            page.forget_slow_lock();
            if moved {
                // Where it cannot be told, it is one more.
                page.settle(slow::pid_namespace().unwrap_or(SEVERAL));
            }
        }
    });
}
