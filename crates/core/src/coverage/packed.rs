//! The rows of an entity as bytes, which one process sends to another. No value is stored in this form, so it has no
//! version.

use super::entity_rows::{COMMON_KINDS, EntityRows, Event};
use super::growing::Growing;
use super::{Corrupt, Count, Status};
use crate::event_set::{Memory, TooLarge};
use crate::site::Site;

// The first byte of an event.
const SAME_SITE: u8 = 1;
const SAME_KIND: u8 = 2;
const ONE_ROW: u8 = 4;

const IS_ENTITY: u8 = 1;
const IS_SETTLED: u8 = 2;

impl<M: Memory> EntityRows<M> {
    /// Passes the rows as bytes to `with`.
    pub fn pack<R>(&self, memory: &M, with: impl FnOnce(&[u8]) -> R) -> Result<R, TooLarge> {
        let mut out = Writer { bytes: Growing::default(), memory };
        let flag = |is: bool, flag| if is { flag } else { 0 };
        out.put(&[flag(self.is_entity, IS_ENTITY) | flag(self.is_settled, IS_SETTLED)])?;
        let others = self.others.values().len() as u64;
        out.number(others)?;
        for number in (COMMON_KINDS.len() as u32..).take(others as usize) {
            let name = self.name(number);
            out.number(name.len() as u64)?;
            out.put(name)?;
        }
        out.number(self.known_counts().count() as u64)?;
        for (kind, status, count) in self.known_counts() {
            out.number(kind.into())?;
            out.put(&[status as u8])?;
            out.number(count.rows)?;
            out.put(&count.first.to_le_bytes())?;
            out.put(&count.last.to_le_bytes())?;
        }
        out.number(self.events.values().len() as u64)?;
        let (mut last_time, mut last_site, mut last_kind) = (0, None, 0);
        for (step, event) in self.events.values().iter().enumerate() {
            if step % 65_536 == 65_535 {
                memory.tick();
            }
            let (site, kind) = (event.site(), event.kind());
            let flags = flag(site == last_site, SAME_SITE)
                | flag(kind == last_kind, SAME_KIND)
                | flag(event.rows == 1, ONE_ROW);
            out.put(&[flags])?;
            let elapsed = event.time_us.wrapping_sub(last_time);
            out.number((elapsed << 1 ^ elapsed >> 63) as u64)?;
            if let Some(site) = site.filter(|_| flags & SAME_SITE == 0) {
                let (bytes, length) = site.to_bytes();
                out.put(&[site.kind() as u8])?;
                out.put(&bytes[..length])?;
            }
            if flags & SAME_KIND == 0 {
                out.number(kind.into())?;
            }
            if flags & ONE_ROW == 0 {
                out.number(event.rows.into())?;
            }
            (last_time, last_site, last_kind) = (event.time_us, site, kind);
        }
        Ok(with(out.bytes.values()))
    }

    /// Adds packed rows.
    pub fn add_packed(&mut self, packed: &[u8], memory: &M) -> Result<(), Unreadable> {
        let packed = &mut Reader { rest: packed };
        let flags = packed.byte()?;
        self.is_entity |= flags & IS_ENTITY != 0;
        // The numbers that the other kinds have here.
        let mut others = Growing::<u32, M>::default();
        for step in 0..packed.number()? {
            // Finding each kind compares it with all others, so a loop over many kinds takes long.
            if step % 256 == 255 {
                memory.tick();
            }
            let length = packed.length()?;
            let kind = self.kind(packed.bytes(length)?, memory)?;
            others.push(kind, memory)?;
        }
        let kind_of = |number: usize| match number.checked_sub(COMMON_KINDS.len()) {
            Some(other) => others.values().get(other).copied().ok_or(Corrupt),
            None => Ok(number as u32),
        };
        for _ in 0..packed.number()? {
            let kind = kind_of(packed.length()?)?;
            let status = *Status::ALL.get(usize::from(packed.byte()?)).ok_or(Corrupt)?;
            let rows = packed.number()?;
            let [first, last] = [packed.time()?, packed.time()?];
            self.count(kind, status, Count { rows, first, last }, memory)?;
        }
        let count = packed.length()?;
        self.is_settled &= flags & IS_SETTLED != 0 || count == 0;
        // An event takes at least two bytes.
        self.events.reserve(count.min(packed.rest.len() / 2), memory)?;
        let (mut last_time, mut last_site, mut last_kind) = (0_i64, None, 0);
        for step in 0..count {
            if step % 65_536 == 65_535 {
                memory.tick();
            }
            let flags = packed.byte()?;
            let elapsed = packed.number()?;
            let elapsed = (elapsed >> 1) as i64 ^ -((elapsed & 1) as i64);
            let site = if flags & SAME_SITE == 0 { packed.site()? } else { last_site.ok_or(Corrupt)? };
            let kind = if flags & SAME_KIND == 0 { kind_of(packed.length()?)? } else { last_kind };
            let rows = if flags & ONE_ROW == 0 { packed.rows()? } else { 1 };
            let time_us = last_time.wrapping_add(elapsed);
            self.add_event(Event::new(time_us, site, kind, rows), memory)?;
            (last_time, last_site, last_kind) = (time_us, Some(site), kind);
        }
        Ok(())
    }
}

/// Why packed rows were not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    TooLarge,
    Corrupt,
}

impl From<TooLarge> for Unreadable {
    fn from(_: TooLarge) -> Self {
        Self::TooLarge
    }
}

impl From<Corrupt> for Unreadable {
    fn from(_: Corrupt) -> Self {
        Self::Corrupt
    }
}

struct Writer<'a, M: Memory> {
    bytes: Growing<u8, M>,
    memory: &'a M,
}

impl<M: Memory> Writer<'_, M> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), TooLarge> {
        self.bytes.extend(bytes, self.memory)
    }

    /// A number in groups of seven bits, the lowest first.
    fn number(&mut self, mut number: u64) -> Result<(), TooLarge> {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80, self.memory)?;
            number >>= 7;
        }
        self.bytes.push(number as u8, self.memory)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, Corrupt> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Corrupt> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Corrupt)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, Corrupt> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Corrupt)
    }

    fn length(&mut self) -> Result<usize, Corrupt> {
        usize::try_from(self.number()?).map_err(|_| Corrupt)
    }

    /// The number of rows of an event, which has at least one.
    fn rows(&mut self) -> Result<u32, Corrupt> {
        u32::try_from(self.number()?).ok().filter(|rows| *rows > 0).ok_or(Corrupt)
    }

    fn time(&mut self) -> Result<i64, Corrupt> {
        self.bytes(8)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)).ok_or(Corrupt)
    }

    fn site(&mut self) -> Result<Site, Corrupt> {
        let kind = self.byte()?;
        let (site, length) = Site::from_bytes(kind, self.rest).ok_or(Corrupt)?;
        self.bytes(length)?;
        Ok(site)
    }
}
