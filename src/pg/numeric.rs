//! Reading numeric in its binary form (utils/adt/numeric.c), without a copy. This form has not changed since PostgreSQL
//! 9.1.
//!
//! A header of 16 bits says which of two forms follows, the sign, and in the short form the weight: the power of 10,000
//! that the first digit counts. The digits are numbers below 10,000, without zeros at either end.

use super::function::varlena_bytes;
use pgrx::pg_sys;

const KIND: u16 = 0xc000;
const LONG_POSITIVE: u16 = 0x0000;
const SHORT: u16 = 0x8000;
const SHORT_NEGATIVE: u16 = 0x2000;
const SHORT_WEIGHT_NEGATIVE: u16 = 0x0040;
const SHORT_WEIGHT: u16 = 0x003f;

/// The number of decimal digits before the point, and the digits, the most significant first. Zeros at the end may be
/// missing. `None` for a number below 1, NaN and the infinities.
///
/// # Safety
/// `datum` must be a numeric.
pub unsafe fn digits<'a>(datum: pg_sys::Datum) -> Option<(usize, impl Iterator<Item = u8> + 'a)> {
    // SAFETY: by the caller.
    let bytes: &'a [u8] = unsafe { varlena_bytes(datum) };
    let (header, rest) = word(bytes)?;
    let (weight, rest) = match header & KIND {
        SHORT if header & (SHORT_NEGATIVE | SHORT_WEIGHT_NEGATIVE) == 0 => (header & SHORT_WEIGHT, rest),
        LONG_POSITIVE => word(rest)?,
        _ => return None,
    };
    let weight = usize::try_from(weight as i16).ok()?;
    let groups = rest.as_chunks().0;
    let first = u16::from_ne_bytes(*groups.first()?).checked_ilog10()? as usize + 1;
    let digits = groups.iter().flat_map(|group| {
        let group = u16::from_ne_bytes(*group);
        [group / 1000 % 10, group / 100 % 10, group / 10 % 10, group % 10].map(|digit| digit as u8)
    });
    Some((weight * 4 + first, digits.skip(4_usize.saturating_sub(first))))
}

fn word(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u16::from_ne_bytes(*word), rest))
}
