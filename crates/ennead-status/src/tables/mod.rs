//! The tables, split by range. Rows of a Win32 or HRESULT file ascend; rows of an NTSTATUS file are grouped by
//! the Win32 code that they become. The tests below hold them to it.

mod classic;
mod hr_com;
mod hr_sspi;
mod nt_classic;
mod nt_rpc;
mod nt_system;
mod rpc;
mod security;
mod system;
mod window;
mod winsock;

use crate::codes::{Code, NtCode};

pub(crate) const WIN32: &[&[Code<u32>]] =
    &[classic::ROWS, system::ROWS, security::ROWS, window::ROWS, rpc::ROWS, winsock::ROWS];
pub(crate) const HRESULT: &[&[Code<i32>]] = &[hr_com::ROWS, hr_sspi::ROWS];
pub(crate) const NT: &[&[NtCode]] = &[nt_classic::ROWS, nt_system::ROWS, nt_rpc::ROWS];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NtStatus, Win32Error};

    fn ascends<T: Ord + Copy>(tables: &[&[Code<T>]]) {
        for rows in tables {
            for pair in rows.windows(2) {
                assert!(pair[0].value < pair[1].value, "{} stands before {}", pair[0].name, pair[1].name);
            }
        }
    }

    #[test]
    fn rows_ascend_and_no_value_has_two() {
        ascends(WIN32);
        ascends(HRESULT);
        let mut values: Vec<u32> = WIN32.iter().flat_map(|rows| rows.iter().map(|row| row.value)).collect();
        values.sort_unstable();
        assert!(values.windows(2).all(|pair| pair[0] != pair[1]));
        let mut values: Vec<u32> = NT.iter().flat_map(|rows| rows.iter().map(|row| row.value)).collect();
        values.sort_unstable();
        assert!(values.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn every_row_prints_its_name_and_its_phrase() {
        for row in WIN32.iter().copied().flatten() {
            let text = Win32Error(row.value).to_string();
            assert!(text.contains(row.name) && text.contains(row.message), "{text}");
            assert!(!row.message.is_empty());
        }
        for row in NT.iter().copied().flatten() {
            assert!(NtStatus(row.value).to_string().contains(row.name));
        }
    }

    #[test]
    fn every_status_becomes_its_code_and_every_code_comes_back() {
        for row in NT.iter().copied().flatten() {
            assert_eq!(Win32Error::from(NtStatus(row.value)), row.win32, "{}", row.name);
        }
        for row in WIN32.iter().copied().flatten() {
            let code = Win32Error(row.value);
            assert_eq!(Win32Error::from(NtStatus::from(code)), code, "{}", row.name);
        }
    }
}
