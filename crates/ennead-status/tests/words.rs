//! What a user of the codes relies on, whatever the code.

use ennead_status::{HResult, NtStatus, Win32Error};
use proptest::prelude::*;
use std::io;

proptest! {
    #[test]
    fn any_win32_code_survives_an_io_error(code in any::<u32>()) {
        let code = Win32Error(code);
        let io = io::Error::from(code);
        prop_assert_eq!(io.kind(), code.kind());
        prop_assert_eq!(Win32Error::from(&io), code);
        prop_assert_eq!(Win32Error::from(&io::Error::other(io)), code);
    }

    #[test]
    fn any_code_prints(code in any::<u32>()) {
        for text in [Win32Error(code).to_string(), NtStatus(code).to_string(), HResult(code.cast_signed()).to_string()] {
            prop_assert!(!text.is_empty());
        }
        prop_assert!(Win32Error(code).name().is_some() || Win32Error(code).to_string().contains(&code.to_string()));
        let hex = format!("0x{code:08X}");
        prop_assert!(NtStatus(code).to_string().contains(&hex));
        prop_assert!(HResult(code.cast_signed()).to_string().contains(&hex));
    }

    #[test]
    fn any_16_bit_code_survives_ntstatus_and_hresult(code in any::<u16>()) {
        let code = Win32Error(u32::from(code));
        prop_assert_eq!(Win32Error::from(NtStatus::from(code)), code);
        prop_assert_eq!(HResult::from(code).win32(), Some(code));
    }

    #[test]
    fn any_status_survives_hresult(status in any::<u32>()) {
        let status = NtStatus(status & !0x1000_0000);
        prop_assert_eq!(HResult::from(status).nt_status(), Some(status));
    }

    #[test]
    fn an_errno_keeps_its_kind(errno in 1..=133i32) {
        let (from, to) = (io::Error::from_raw_os_error(errno), Win32Error::from_errno(errno));
        prop_assert_eq!(Win32Error::from(&from), to);
        if let Some(back) = to.errno() {
            prop_assert_eq!(Win32Error::from_errno(back), to);
        }
    }
}

#[test]
fn what_pipes_say() {
    for (status, code, number) in [
        (NtStatus::PIPE_BROKEN, Win32Error::BROKEN_PIPE, 109),
        (NtStatus::PIPE_NOT_AVAILABLE, Win32Error::PIPE_BUSY, 231),
        (NtStatus::PIPE_CLOSING, Win32Error::NO_DATA, 232),
        (NtStatus::PIPE_EMPTY, Win32Error::NO_DATA, 232),
        (NtStatus::PIPE_DISCONNECTED, Win32Error::PIPE_NOT_CONNECTED, 233),
        (NtStatus::BUFFER_OVERFLOW, Win32Error::MORE_DATA, 234),
        (NtStatus::PIPE_CONNECTED, Win32Error::PIPE_CONNECTED, 535),
        (NtStatus::PIPE_LISTENING, Win32Error::PIPE_LISTENING, 536),
        (NtStatus::CANCELLED, Win32Error::OPERATION_ABORTED, 995),
        (NtStatus::PENDING, Win32Error::IO_PENDING, 997),
    ] {
        assert_eq!(Win32Error::from(status), code);
        assert_eq!(code.0, number);
    }
    assert_eq!(NtStatus::from(Win32Error::PIPE_BUSY), NtStatus::PIPE_NOT_AVAILABLE);
    assert_eq!(Win32Error(60_000).to_string(), "Win32 error 60000 (0xEA60)");
    assert_eq!(Win32Error::from(NtStatus(0xC00A_FFFF)), Win32Error::MR_MID_NOT_FOUND);
    assert_eq!(NtStatus(0xC00A_FFFF).to_string(), "NTSTATUS 0xC00AFFFF");
    assert_eq!(Win32Error::from(NtStatus(0xE000_0001)), Win32Error(0xE000_0001), "customer codes pass");
}

#[test]
fn errors_of_the_system_and_of_std() {
    let of = |errno| Win32Error::from(&io::Error::from_raw_os_error(errno));
    assert_eq!(of(2), Win32Error::FILE_NOT_FOUND);
    assert_eq!(of(13), Win32Error::ACCESS_DENIED);
    assert_eq!(of(32), Win32Error::BROKEN_PIPE);
    assert_eq!(of(231), Win32Error::PIPE_BUSY, "no Linux errno: taken for a Win32 code");
    assert_eq!(Win32Error::from(&io::Error::from(io::ErrorKind::UnexpectedEof)), Win32Error::HANDLE_EOF);
    assert_eq!(Win32Error::from(&io::Error::from(io::ErrorKind::NotFound)), Win32Error::FILE_NOT_FOUND);
    assert_eq!(Win32Error::from(&io::Error::other("?")), Win32Error::GEN_FAILURE);
    assert_eq!(Win32Error::from(&io::Error::other(NtStatus::ACCESS_DENIED)), Win32Error::ACCESS_DENIED);
    assert_eq!(Win32Error::from(&io::Error::other(HResult::E_ACCESSDENIED)), Win32Error::ACCESS_DENIED);
}

#[test]
fn hresults() {
    assert_eq!(HResult::from(Win32Error::ACCESS_DENIED), HResult::E_ACCESSDENIED);
    assert_eq!(HResult::from(Win32Error::SUCCESS), HResult::S_OK);
    assert_eq!(HResult::from(Win32Error(0x8009_030C)).0.cast_unsigned(), 0x8009_030C);
    assert!(!HResult::E_FAIL.is_success() && HResult::S_FALSE.is_success());
    assert_eq!(HResult::E_NOINTERFACE.name(), Some("E_NOINTERFACE"));
    assert_eq!(HResult::E_NOINTERFACE.win32(), None);
}
