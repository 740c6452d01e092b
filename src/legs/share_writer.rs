//! The aggregate `travel_internal.write_events`, by which the processes of `travel.detect` divide the events into shares
//! of the entities. Each process reads a part of the rows and writes each event to the file of its share (see
//! [`crate::pg::shared_files`]). [`super::share_legs`] reads the files.

use super::aggregate::{AggregateRow, fate};
use super::arguments::{SiteArguments, finite};
use crate::event_counts;
use crate::pg::aggregate::{context_of_aggregate, require_aggregate};
use crate::pg::errors::{LegError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function, plain_bytes, varlena_bytes};
use crate::pg::inet;
use crate::pg::memory::{MAX_VARLENA, Palloc, varlena, within};
use crate::pg::row_position;
use crate::pg::shared_files::{FileToWrite, SharedFiles};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ptr::null_mut;
use travel_core::address;
use travel_core::event_set::Memory;
use travel_core::share::{self, Record};
use travel_core::site::{Site, SiteKind};

pg_function!(travel_write_events_add, pg_finfo_travel_write_events_add, first add_to_buffer, |call: &Call| add(
    call,
    SiteArguments::Inet
));
pg_function!(
    travel_write_events_add_coordinates,
    pg_finfo_travel_write_events_add_coordinates,
    |call: &Call| add(call, SiteArguments::Coordinates)
);
pg_function!(travel_write_events_serialize, pg_finfo_travel_write_events_serialize, serialize);
pg_function!(travel_write_events_deserialize, pg_finfo_travel_write_events_deserialize, deserialize);
pg_function!(travel_write_events_combine, pg_finfo_travel_write_events_combine, combine);
pg_function!(travel_write_events_final, pg_finfo_travel_write_events_final, finish);

/// The size of the buffer of each share. PostgreSQL writes a file in blocks of this size.
const BUFFER: usize = pg_sys::BLCKSZ as usize;

/// The number of the first argument that says where an event was, after the state and the time.
const PLACE: usize = 2;

/// The largest number of columns of an entity.
pub const MOST_COLUMNS: usize = 8;

/// The state of a process, in the memory of the aggregate.
struct Writer {
    /// Null if the files are finished, or belong to another process.
    shares: *mut ShareBuffer,
    share_count: u32,
    /// The number of the files. A cursor can keep this state for longer than the files exist.
    files: u64,
    /// The number of this process among those that write files.
    number: u32,
    context: pg_sys::MemoryContext,
    written: i64,
    not_located: u64,
}

/// The end of the file of a share.
#[derive(Clone, Copy)]
struct ShareBuffer {
    file: Option<FileToWrite>,
    start: *mut u8,
    used: usize,
}

/// What a call site keeps between rows.
#[derive(Default)]
struct CallSite {
    without_networks: Cell<Option<bool>>,
}

/// Adds a row with a position and a public IPv4 address, if the buffer of its share has room. Otherwise it does nothing
/// and returns `None`. It does not call PostgreSQL.
#[inline]
fn add_to_buffer(call: &Call) -> Option<pg_sys::Datum> {
    // SAFETY: `add` caches this type.
    let site = unsafe { call.known_site::<CallSite>() }?;
    if site.without_networks.get() != Some(true) {
        return None;
    }
    let (state, time_us, address, position) =
        (call.datum(0)?, call.timestamp(1)?, call.datum(PLACE)?, call.datum(PLACE + 1)?);
    // SAFETY: SQL declares the arguments as inet and tid. `add` checked that the call site has a state of `begin`, and
    // that the others are texts.
    unsafe {
        let address = inet::plain_ipv4(address)?;
        if time_us == i64::MIN || time_us == i64::MAX || address::is_private_v4(address) {
            return None;
        }
        let entity = Entity::of_call(call, PLACE + 2, |datum| plain_bytes(datum))?;
        let writer = &mut *state.cast_mut_ptr::<Writer>();
        let site = Site::from_ipv4(address);
        let size = Record::size(site, entity.size);
        let buffer = writer.buffer_of(&entity)?;
        if buffer.used + size > BUFFER {
            return None;
        }
        let out = std::slice::from_raw_parts_mut(buffer.start.add(buffer.used), size);
        let position = row_position::to_bytes(row_position::of_tid(position));
        Record::write(out, time_us, site, position, |out| entity.write(out));
        buffer.used += size;
        writer.written += 1;
        Some(state)
    }
}

/// Adds a row: `(state, event_time, <place>, position, column of the entity…)`. The position may be NULL.
fn add(call: &Call, place: SiteArguments) -> Result<pg_sys::Datum, TravelError> {
    let at_position = PLACE + place.arguments();
    const FUNCTION: &str = "write_events_add";
    let context = context_of_aggregate(call, FUNCTION)?;
    let call_site = call.site_cache(|| {
        require_texts(call, at_position + 1)?;
        Ok(CallSite::default())
    })?;
    let state = match call.datum(0) {
        Some(state) => state,
        // SAFETY: the context lives as long as the aggregate.
        None => unsafe { within(context, || Writer::begin(call, context, FUNCTION))? },
    };
    // SAFETY: SQL cannot make a value of type internal, so it is a state of `begin`. This is the only reference to it
    // during the call.
    let writer = unsafe { &mut *state.cast_mut_ptr::<Writer>() };
    writer.require_files()?;
    let Some(time_us) = call.timestamp(1) else { return Ok(state) };
    let time_us = finite(time_us)?;
    let site = match place.read(|n| call.datum(PLACE + n))? {
        Some(at) if at.site.kind() == SiteKind::Coordinates => Some(at.site),
        None => None,
        Some(at) => match fate(&call_site.without_networks, at.site, time_us)? {
            AggregateRow::Kept => Some(at.site),
            AggregateRow::Ignored => return Ok(state),
            AggregateRow::NotLocated => None,
        },
    };
    let Some(site) = site else {
        writer.not_located += 1;
        return Ok(state);
    };
    // SAFETY: the types were checked; SQL declares the position as tid.
    let (entity, position) = unsafe {
        let entity = Entity::of_call(call, at_position + 1, |datum| Some(varlena_bytes(datum)));
        (entity, call.datum(at_position).map(|tid| row_position::to_bytes(row_position::of_tid(tid))))
    };
    if let Some(entity) = entity {
        writer.write(time_us, site, position.unwrap_or_default(), &entity)?;
    }
    Ok(state)
}

/// The columns of an entity.
struct Entity<'a> {
    columns: [&'a [u8]; MOST_COLUMNS],
    count: usize,
    /// The size of the entity in a record: the length of each column, and its bytes.
    size: usize,
}

impl<'a> Entity<'a> {
    /// Reads the columns, the arguments from `first` on. `None` if one of them is NULL, or cannot be read.
    ///
    /// # Safety
    /// These arguments must be texts.
    #[inline]
    unsafe fn of_call(
        call: &'a Call,
        first: usize,
        read: impl Fn(pg_sys::Datum) -> Option<&'a [u8]>,
    ) -> Option<Self> {
        let count = call.count().saturating_sub(first);
        if count == 0 || count > MOST_COLUMNS {
            return None;
        }
        let mut columns: [&[u8]; MOST_COLUMNS] = [&[]; MOST_COLUMNS];
        let mut size = 0;
        for (n, column) in columns.iter_mut().take(count).enumerate() {
            *column = read(call.datum(first + n)?)?;
            size += 4 + column.len();
        }
        Some(Self { columns, count, size })
    }

    /// Writes the columns to `out`, which has the size of the entity.
    #[inline]
    fn write(&self, mut out: &mut [u8]) {
        for column in &self.columns[..self.count] {
            let (length, rest) = out.split_at_mut(4);
            length.copy_from_slice(&(column.len() as u32).to_le_bytes());
            let (bytes, rest) = rest.split_at_mut(column.len());
            bytes.copy_from_slice(column);
            out = rest;
        }
    }

    /// The share of the entity. One column that tells most entities apart would be enough, but it is not known which
    /// one does.
    #[inline]
    fn share(&self, shares: u32) -> u32 {
        match &self.columns[..self.count] {
            [column] => share::of_entity(column, shares),
            columns => {
                let digest = columns.iter().fold(0_i64, |digest, column| share::digest_after(digest, column));
                share::of_entity(&digest.to_le_bytes(), shares)
            }
        }
    }
}

impl Writer {
    /// Makes the state in the current memory context, which is `context`.
    fn begin(
        call: &Call,
        context: pg_sys::MemoryContext,
        function: &'static str,
    ) -> Result<pg_sys::Datum, TravelError> {
        let (share_count, files, number) = SharedFiles::to_write(call.query_text(), |files| {
            Some((files.shares(), files.number(), files.next_writer()?))
        })
        .flatten()
        .ok_or(UsageError::NotInDetect { function })?;
        // SAFETY: plain allocations of the sizes that are written, which live as long as the aggregate.
        unsafe {
            let shares =
                pg_sys::palloc(share_count as usize * size_of::<ShareBuffer>()).cast::<ShareBuffer>();
            let buffers = pg_sys::MemoryContextAllocHuge(context, share_count as usize * BUFFER).cast::<u8>();
            for n in 0..share_count as usize {
                shares.add(n).write(ShareBuffer { file: None, start: buffers.add(n * BUFFER), used: 0 });
            }
            Ok(Self { shares, share_count, files, number, context, written: 0, not_located: 0 }.into_datum())
        }
    }

    /// Checks that the files still exist. If they do not, no file of this writer may be used. PostgreSQL closes these
    /// files with the query that opened them, for which it does not need the shared memory of their set.
    fn require_files(&self) -> Result<(), TravelError> {
        let exist = SharedFiles::with_number(self.files, |_| ());
        exist.ok_or_else(|| UsageError::NotInDetect { function: "write_events" }.into())
    }

    /// The state as a value of the aggregate, in the current memory context.
    fn into_datum(self) -> pg_sys::Datum {
        // SAFETY: a plain allocation of the size that is written.
        unsafe {
            let state = pg_sys::palloc(size_of::<Self>()).cast::<Self>();
            state.write(self);
            pg_sys::Datum::from(state)
        }
    }

    #[inline]
    fn buffer_of(&mut self, entity: &Entity) -> Option<&mut ShareBuffer> {
        if self.shares.is_null() {
            return None;
        }
        // SAFETY: `begin` made this many buffers, and the number of the share is smaller.
        Some(unsafe { &mut *self.shares.add(entity.share(self.share_count) as usize) })
    }

    fn write(
        &mut self,
        time_us: i64,
        site: Site,
        position: [u8; 6],
        entity: &Entity,
    ) -> Result<(), TravelError> {
        let size = Record::size(site, entity.size);
        if size > MAX_VARLENA {
            return Err(LegError::TooManyEvents.into());
        }
        let share = entity.share(self.share_count);
        let Some(buffer) = self.buffer_of(entity) else { return Ok(()) };
        if buffer.used + size > BUFFER {
            self.flush(share)?;
        }
        let Some(buffer) = self.buffer_of(entity) else { return Ok(()) };
        if size <= BUFFER {
            // SAFETY: the buffer has so much room.
            let out = unsafe { std::slice::from_raw_parts_mut(buffer.start.add(buffer.used), size) };
            Record::write(out, time_us, site, position, |out| entity.write(out));
            buffer.used += size;
        } else {
            let mut out = Palloc.slice::<u8>(size).map_err(|_| LegError::TooManyEvents)?;
            Record::write(&mut out, time_us, site, position, |out| entity.write(out));
            self.file_of(share)?.write(&out);
        }
        self.written += 1;
        Ok(())
    }

    /// Moves what is in the buffer of a share to its file.
    fn flush(&mut self, share: u32) -> Result<(), TravelError> {
        pgrx::check_for_interrupts!();
        // SAFETY: `begin` made this many buffers.
        let buffer = unsafe { &mut *self.shares.add(share as usize) };
        let used = std::mem::take(&mut buffer.used);
        // SAFETY: this many bytes were written.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.start, used) };
        if !bytes.is_empty() {
            self.file_of(share)?.write(bytes);
        }
        Ok(())
    }

    /// Returns the file of a share, and creates it if there is none.
    fn file_of(&mut self, share: u32) -> Result<FileToWrite, TravelError> {
        // SAFETY: the context of the aggregate is alive.
        let file = SharedFiles::with_number(self.files, |files| unsafe {
            self.known_file(share)
                .unwrap_or_else(|| within(self.context, || files.create_file(self.number, share)))
        })
        .ok_or(UsageError::NotInDetect { function: "write_events_add" })?;
        // SAFETY: `begin` made this many buffers.
        unsafe { (*self.shares.add(share as usize)).file = Some(file) };
        Ok(file)
    }

    fn known_file(&self, share: u32) -> Option<FileToWrite> {
        // SAFETY: `begin` made this many buffers.
        unsafe { (*self.shares.add(share as usize)).file }
    }

    /// Writes what is left, and lets other processes read the files.
    fn finish(&mut self) -> Result<(), TravelError> {
        if self.shares.is_null() {
            return Ok(());
        }
        self.require_files()?;
        // PostgreSQL counts only open files against temp_file_limit, so none is closed before all are written.
        for share in 0..self.share_count {
            self.flush(share)?;
            if let Some(file) = self.known_file(share) {
                file.export();
            }
        }
        for share in 0..self.share_count {
            if let Some(file) = self.known_file(share) {
                file.close();
            }
        }
        self.shares = null_mut();
        event_counts::add(0, 0, std::mem::take(&mut self.not_located));
        Ok(())
    }
}

/// Checks that the columns of the entity are texts.
fn require_texts(call: &Call, first: usize) -> Result<(), TravelError> {
    let columns = first..call.count();
    let are_texts = !columns.is_empty()
        && columns.len() <= MOST_COLUMNS
        // SAFETY: a look-up in the expression of the call.
        && columns.into_iter().all(|n| unsafe {
            pg_sys::get_fn_expr_argtype((*call.raw()).flinfo, n as i32) == pg_sys::TEXTOID
        });
    if are_texts { Ok(()) } else { Err(UsageError::NotInDetect { function: "write_events" }.into()) }
}

/// The state of a call of an aggregate function.
///
/// # Safety
/// Argument `n` must be of type internal. Only one such reference may be used at a time.
unsafe fn writer<'a>(call: &Call, n: usize) -> Option<&'a mut Writer> {
    // SAFETY: by the caller; SQL cannot make a value of type internal, so it is a state of this module.
    call.datum(n).map(|state| unsafe { &mut *state.cast_mut_ptr::<Writer>() })
}

/// Finishes the files of this process. Returns the number of events as bytes.
fn serialize(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "write_events_serialize")?;
    // SAFETY: SQL declares the argument as internal.
    let Some(writer) = (unsafe { writer(call, 0) }) else { return Ok(call.null()) };
    writer.finish()?;
    Ok(varlena(&writer.written.to_le_bytes()))
}

/// A state with the number of events of another process.
fn deserialize(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "write_events_deserialize")?;
    let written = call.bytes(0).and_then(|bytes| bytes.first_chunk().copied()).map_or(0, i64::from_le_bytes);
    Ok(finished(written))
}

/// A state without files, in the current memory context.
fn finished(written: i64) -> pg_sys::Datum {
    let (shares, context) = (null_mut(), null_mut());
    Writer { shares, share_count: 0, files: 0, number: 0, context, written, not_located: 0 }.into_datum()
}

/// Adds the number of events of another process.
fn combine(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let context = context_of_aggregate(call, "write_events_combine")?;
    // SAFETY: SQL declares both arguments as internal, and they are different states. The context lives as long as they.
    unsafe {
        let other = writer(call, 1).map_or(0, |other| other.written);
        match call.datum(0) {
            Some(state) => {
                (*state.cast_mut_ptr::<Writer>()).written += other;
                Ok(state)
            }
            None => Ok(within(context, || finished(other))),
        }
    }
}

/// The number of events that were written.
fn finish(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    require_aggregate(call, "write_events_final")?;
    // SAFETY: SQL declares the argument as internal.
    let Some(writer) = (unsafe { writer(call, 0) }) else { return Ok(pg_sys::Datum::from(0_i64)) };
    writer.finish()?;
    Ok(pg_sys::Datum::from(writer.written))
}
