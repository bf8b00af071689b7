//! What the fuzz targets reach that users do not.

use super::layout::{self, RECORD_LEN, RECORDS, Record, Traits, record_at};

/// Parses the body of a pipe's entry as a client does: the traits, and how many records are in use; else why not.
pub fn entry_body(bytes: &[u8]) -> Result<(Traits, usize), String> {
    let front = bytes.first_chunk().ok_or("too short")?;
    let traits = Traits::decode(front).map_err(|reason| reason.to_string())?;
    if (bytes.len() as u64) < layout::LEN {
        return Err("too short".to_owned());
    }
    let record = |n| Record::from_bytes(bytes.get(record_at(n)..record_at(n) + RECORD_LEN)?);
    Ok((traits, (0..RECORDS).filter_map(record).filter(Record::is_used).count()))
}
