//! Writing the bytes of jsonb: containers as [`format`](crate::format) describes them, numbers as utils/numeric.c does.

use crate::format::{
    CONTAINER, FALSE, HAS_END, IS_ARRAY, IS_OBJECT, LENGTH_OR_END, NULL, NUMERIC, STRIDE, STRING, TRUE,
};
use crate::{Builder, Member, Value};

/// Writes a value at the end of `out` and returns its entry.
pub fn emit(out: &mut Vec<u8>, builder: &Builder, text: &[u8], value: Value) -> u32 {
    match value {
        Value::Null => NULL,
        Value::Bool(true) => TRUE,
        Value::Bool(false) => FALSE,
        Value::Text(part) => {
            out.extend_from_slice(builder.bytes(text, part));
            STRING | part.length
        }
        Value::Integer(number) => {
            let start = aligned(out);
            numeric(out, number);
            NUMERIC | (out.len() - start) as u32
        }
        Value::Array(elements) => {
            let start = aligned(out);
            let elements = builder.members(elements);
            let mut entries = Entries::reserve(out, IS_ARRAY, elements.len(), elements.len());
            for element in elements {
                let entry = emit(out, builder, text, element.value);
                entries.push(out, entry);
            }
            CONTAINER | (out.len() - start) as u32
        }
        Value::Object(members) => {
            let start = aligned(out);
            let members = builder.members(members);
            let mut entries = Entries::reserve(out, IS_OBJECT, members.len(), 2 * members.len());
            for Member { key, .. } in members {
                out.extend_from_slice(builder.bytes(text, *key));
                entries.push(out, STRING | key.length);
            }
            for member in members {
                let entry = emit(out, builder, text, member.value);
                entries.push(out, entry);
            }
            CONTAINER | (out.len() - start) as u32
        }
    }
}

/// The entries of a container, whose places are behind its header.
struct Entries {
    place: usize,
    count: usize,
    /// The length of all data so far.
    total: u32,
}

impl Entries {
    fn reserve(out: &mut Vec<u8>, kind: u32, children: usize, entries: usize) -> Self {
        out.extend_from_slice(&(kind | children as u32).to_ne_bytes());
        let place = out.len();
        out.resize(place + 4 * entries, 0);
        Self { place, count: 0, total: 0 }
    }

    fn push(&mut self, out: &mut [u8], entry: u32) {
        self.total += entry & LENGTH_OR_END;
        let entry = if self.count.is_multiple_of(STRIDE) {
            (entry & !LENGTH_OR_END) | self.total | HAS_END
        } else {
            entry
        };
        let place = self.place + 4 * self.count;
        if let Some(place) = out.get_mut(place..place + 4) {
            place.copy_from_slice(&entry.to_ne_bytes());
        }
        self.count += 1;
    }
}

/// Fills up to a multiple of 4 bytes, and returns the length before.
fn aligned(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start.next_multiple_of(4), 0);
    start
}

/// Writes a whole number as numeric stores it, in its short form: the header of a variable-length value, a header with
/// sign and weight, and the digits to the base of 10,000, of which zeros at the end are left out.
fn numeric(out: &mut Vec<u8>, number: i64) {
    const SHORT: u16 = 0x8000;
    const NEGATIVE: u16 = 0x2000;
    // An i64 has at most five such digits.
    let mut digits = [0_i16; 5];
    let mut count = 0;
    let mut rest = number.unsigned_abs();
    while rest > 0 && count < digits.len() {
        digits[count] = (rest % 10_000) as i16;
        rest /= 10_000;
        count += 1;
    }
    let zeros = digits.iter().take(count).take_while(|digit| **digit == 0).count();
    let weight = count.saturating_sub(1) as u16;
    let sign = if number < 0 { NEGATIVE } else { 0 };
    let size = (4 + 2 + 2 * (count - zeros)) as u32;
    let size = if cfg!(target_endian = "little") { size << 2 } else { size };
    out.extend_from_slice(&size.to_ne_bytes());
    out.extend_from_slice(&(SHORT | sign | weight).to_ne_bytes());
    for digit in digits.iter().take(count).skip(zeros).rev() {
        out.extend_from_slice(&digit.to_ne_bytes());
    }
}
