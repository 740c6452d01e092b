//! The positions of rows in their table.

use pgrx::pg_sys;

/// The physical location of a row in its table, as in a `tid`: a block and a row number in this block.
pub type RowPosition = pg_sys::ItemPointerData;

/// Reads a `tid`.
///
/// # Safety
/// The value must be a `tid`.
#[inline]
pub unsafe fn of_tid(datum: pg_sys::Datum) -> RowPosition {
    // SAFETY: by the caller; a tid is passed by reference, and aligned to 2 bytes.
    unsafe { *datum.cast_mut_ptr::<RowPosition>() }
}

/// Returns a position as bytes, which [`from_bytes`] reads.
#[inline]
pub fn to_bytes(position: RowPosition) -> [u8; 6] {
    let (block, row) = (position.ip_blkid, position.ip_posid);
    let [[a, b], [c, d], [e, f]] = [block.bi_hi, block.bi_lo, row].map(u16::to_le_bytes);
    [a, b, c, d, e, f]
}

/// Reads a position that [`to_bytes`] returned.
#[inline]
pub fn from_bytes(bytes: [u8; 6]) -> RowPosition {
    let [a, b, c, d, e, f] = bytes;
    let [bi_hi, bi_lo, ip_posid] = [[a, b], [c, d], [e, f]].map(u16::from_le_bytes);
    RowPosition { ip_blkid: pg_sys::BlockIdData { bi_hi, bi_lo }, ip_posid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let position =
            RowPosition { ip_blkid: pg_sys::BlockIdData { bi_hi: 0x0102, bi_lo: 0x0304 }, ip_posid: 0x0506 };
        let read = from_bytes(to_bytes(position));
        assert_eq!((read.ip_blkid.bi_hi, read.ip_blkid.bi_lo, read.ip_posid), (0x0102, 0x0304, 0x0506));
    }
}
