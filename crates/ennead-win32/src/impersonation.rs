//! Acting as the client of a pipe.

#![allow(unsafe_code, reason = "exporting functions under their own names")]

use std::cell::RefCell;

use ennead_pipe::impersonation::Impersonation;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::core::BOOL;

use crate::call::truth;
use crate::named_pipe::server;
use crate::table::HANDLES;

thread_local! {
    /// Whom the thread acts as.
    static ACTING: RefCell<Option<Impersonation>> = const { RefCell::new(None) };
}

/// Page: [ImpersonateNamedPipeClient](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-impersonatenamedpipeclient).
#[unsafe(no_mangle)]
pub extern "system" fn ImpersonateNamedPipeClient(hnamedpipe: HANDLE) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hnamedpipe)?;
        let instance = server(&held)?;
        ACTING.with_borrow_mut(|acting| {
            // Who impersonates again is first itself again: another client's rights are not those to begin from.
            *acting = None;
            *acting = Some(instance.impersonate().map_err(|error| error.win32())?);
            Ok(())
        })
    })
}

/// Page: [RevertToSelf](https://learn.microsoft.com/windows/win32/api/securitybaseapi/nf-securitybaseapi-reverttoself).
#[unsafe(no_mangle)]
pub extern "system" fn RevertToSelf() -> BOOL {
    truth(|| {
        ACTING.set(None);
        Ok(())
    })
}
