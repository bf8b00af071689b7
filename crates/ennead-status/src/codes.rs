//! The two macros that the tables are written in: each line makes an associated constant and a row.

/// A code with its name in the Windows headers and its phrase.
pub(crate) struct Code<T> {
    pub value: T,
    pub name: &'static str,
    pub message: &'static str,
}

/// An NTSTATUS with its name in the Windows headers and the Win32 code that it becomes.
pub(crate) struct NtCode {
    pub value: u32,
    pub name: &'static str,
    pub win32: crate::Win32Error,
}

/// The row of `value` in tables whose rows ascend and which ascend among themselves.
pub(crate) fn find<T: Copy + Ord>(tables: &[&'static [Code<T>]], value: T) -> Option<&'static Code<T>> {
    tables.iter().find_map(|rows| {
        let at = rows.binary_search_by_key(&value, |row| row.value).ok()?;
        Some(&rows[at])
    })
}

/// `CONSTANT = HEADER_NAME, "phrase";` lines for [`Win32Error`](crate::Win32Error) or
/// [`HResult`](crate::HResult), by ascending value.
macro_rules! codes {
    ($type:ident : $int:ty => $($short:ident = $name:ident, $message:literal;)*) => {
        #[allow(clippy::unnecessary_cast, reason = "windows-sys types some of these codes i32 and some u32")]
        impl $type {
            $(
                #[doc = concat!("`", stringify!($name), "`: ", $message)]
                pub const $short: Self = Self($name as $int);
            )*
        }
        pub(super) const ROWS: &[crate::codes::Code<$int>] = &[
            $(crate::codes::Code { value: $type::$short.0, name: stringify!($name), message: $message },)*
        ];
    };
}

/// `CONSTANT = HEADER_NAME => WIN32_CONSTANT;` lines for [`NtStatus`](crate::NtStatus).
macro_rules! nt_codes {
    ($($short:ident = $name:ident => $win32:ident;)*) => {
        impl NtStatus {
            $(
                #[doc = concat!("`", stringify!($name), "`, which is [`Win32Error::", stringify!($win32), "`].")]
                pub const $short: Self = Self($name as u32);
            )*
        }
        pub(super) const ROWS: &[crate::codes::NtCode] = &[
            $(crate::codes::NtCode {
                value: NtStatus::$short.0, name: stringify!($name), win32: Win32Error::$win32,
            },)*
        ];
    };
}

pub(crate) use {codes, nt_codes};
