//! The function `travel_internal.legs_of_shares`, which returns the impossible legs of the entities of some shares, with
//! the positions of the rows at their ends. It reads the events from the files that [`super::share_writer`] wrote. The
//! entities of a share are few, so their events are in the processor's cache while they are evaluated.
//!
//! The files are read twice: first the events of each entity are collected, as the aggregate `travel.impossible_legs`
//! does, in memory that depends on the number of distinct events. When the legs are known, the rows at their ends are
//! found.

use super::aggregate::evaluate;
use super::arguments::thresholds;
use super::row::{leg_row, leg_types};
use super::share_entities::ShareEntities;
use crate::pg::array::{self, Growing};
use crate::pg::errors::{LegError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function, utf8};
use crate::pg::memory::{MAX_VARLENA, Palloc, PallocSlice, PallocVec, Scratch};
use crate::pg::row::RowType;
use crate::pg::row_position::{self, RowPosition};
use crate::pg::shared_files::SharedFiles;
use crate::pg::srf::RowSet;
use pgrx::{PgTupleDesc, pg_sys};
use std::ffi::CStr;
use travel_core::ends;
use travel_core::event_set::{Memory, SetRow};
use travel_core::journey::Thresholds;
use travel_core::share::Record;

pg_function!(travel_legs_of_shares, pg_finfo_travel_legs_of_shares, legs_of_shares);

/// The number of bytes that are read at a time, and of ends or positions that are handled between two checks for
/// interrupts.
const CHUNK: usize = 64 * 1024;

/// Returns the legs of each entity that has some, in every n-th share: `(first, n, min_distance_km, min_velocity_kmh,
/// use_accuracy, with_positions)`.
fn legs_of_shares(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let mut rows = RowSet::begin(call)?;
    let share_count = SharedFiles::to_read(call.query_text(), SharedFiles::shares)
        .ok_or(UsageError::NotInDetect { function: "legs_of_shares" })?;
    let thresholds = thresholds(call.f64(2), call.f64(3), call.bool(4))?;
    let number = |n: usize| call.datum(n).and_then(|datum| u32::try_from(datum.value() as i32).ok());
    let (Some(first), Some(step)) = (number(0), number(1).filter(|step| *step > 0)) else {
        return Ok(rows.finish(call));
    };
    let with_positions = call.bool(5).unwrap_or_default();
    // SAFETY: the set has the columns that SQL declares, and its descriptor lives as long as the query.
    let (element, row_type) = unsafe {
        let columns = PgTupleDesc::from_pg_unchecked(rows.tuple_desc());
        let element =
            columns.get(1).map_or(pg_sys::InvalidOid, |legs| pg_sys::get_element_type(legs.atttypid));
        (element, RowType::load(element, leg_types(), rows.context())?)
    };
    let scratch = Scratch::new(c"travel: events of a share", 64 * 1024);
    for share in (first..share_count).step_by(step as usize) {
        scratch.within(|| {
            let query = call.query_text();
            Share { number: share, query, thresholds, element, row_type, with_positions }.evaluate(&mut rows)
        })?;
        scratch.reset();
    }
    Ok(rows.finish(call))
}

struct Share<'a> {
    number: u32,
    /// The text of the query.
    query: Option<&'a CStr>,
    thresholds: Thresholds,
    /// The type `travel.leg`.
    element: pg_sys::Oid,
    row_type: RowType,
    with_positions: bool,
}

/// The positions of rows, by the entity to which they belong.
struct Positions {
    all: PallocSlice<RowPosition>,
    /// The end of the positions of each entity.
    ends: PallocSlice<usize>,
}

impl Positions {
    /// Groups positions by the numbers of their entities. `entities` is the number of entities. The time does not
    /// depend on how the positions are distributed among the entities, and the loops can be canceled.
    fn grouped(positions: &[(u32, RowPosition)], entities: usize) -> Result<Self, TravelError> {
        let mut all = Palloc.slice(positions.len()).map_err(|_| LegError::TooManyEnds)?;
        let mut ends: PallocSlice<usize> = Palloc.slice(entities).map_err(|_| LegError::TooManyEnds)?;
        for part in positions.chunks(CHUNK) {
            pgrx::check_for_interrupts!();
            for (number, _) in part {
                ends[*number as usize] += 1;
            }
        }
        let mut start = 0;
        for end in ends.iter_mut() {
            start += std::mem::replace(end, start);
        }
        for part in positions.chunks(CHUNK) {
            pgrx::check_for_interrupts!();
            for (number, position) in part {
                let end = &mut ends[*number as usize];
                all[*end] = *position;
                *end += 1;
            }
        }
        Ok(Self { all, ends })
    }

    /// The positions of the rows of an entity, which must fit into an array.
    fn of(&self, entity: usize) -> Result<&[RowPosition], TravelError> {
        let start = entity.checked_sub(1).map_or(0, |before| self.ends[before]);
        let of_entity = &self.all[start..self.ends[entity]];
        if size_of_val(of_entity) > MAX_VARLENA { Err(LegError::TooManyEnds.into()) } else { Ok(of_entity) }
    }
}

/// The legs of an entity, and where the times of their ends are.
#[derive(Clone, Copy)]
struct Found {
    entity: usize,
    legs: pg_sys::Datum,
    first_end: usize,
    ends: usize,
}

impl Share<'_> {
    /// Evaluates the entities in the current memory context, and adds those with legs to the rows.
    fn evaluate(&self, rows: &mut RowSet) -> Result<(), TravelError> {
        let mut entities = ShareEntities::new(self.thresholds)?;
        self.each_record(|record| {
            let row = SetRow { time_us: record.time_us, site: record.site, id: None, accuracy_km: None };
            entities.add(record.entity, &row)
        })?;
        let (mut found, mut ends) = (PallocVec::<Found>::new(), PallocVec::<i64>::new());
        for (number, entity) in entities.all().iter().enumerate() {
            pgrx::check_for_interrupts!();
            let (mut legs, first_end) = (Growing::new(self.element), ends.len());
            evaluate(entity.events(), |leg, places| {
                let Some(measure) = leg.measure_if_impossible(&self.thresholds) else { return Ok(()) };
                for time_us in [leg.from.time_us, leg.to.time_us] {
                    if ends.get(first_end..).and_then(<[i64]>::last) != Some(&time_us) {
                        ends.push(time_us);
                    }
                }
                legs.push(|| leg_row(self.row_type, leg, &measure, places))
            })?;
            if ends.len() > first_end {
                let (legs, ends) = (legs.finish(), ends.len() - first_end);
                found.push(Found { entity: number, legs, first_end, ends });
            }
        }
        if found.is_empty() {
            return Ok(());
        }
        let positions =
            if self.with_positions { Some(self.positions(&entities, &found, &ends)?) } else { None };
        for (number, of_entity) in found.iter().enumerate() {
            pgrx::check_for_interrupts!();
            let row = Scratch::new(c"travel: a row of legs", 8 * 1024);
            row.within(|| {
                let columns = entities.all()[of_entity.entity].columns().map(utf8);
                let columns = columns.collect::<Result<Vec<_>, _>>()?;
                let own = positions.as_ref().map(|positions| positions.of(number)).transpose()?;
                rows.push([
                    Some(array::of_texts(&columns)),
                    Some(of_entity.legs),
                    own.map(array::of_row_positions),
                ]);
                Ok::<_, TravelError>(())
            })?;
        }
        Ok(())
    }

    /// Returns the positions of all rows at the times of the ends.
    fn positions(
        &self,
        entities: &ShareEntities,
        found: &[Found],
        ends: &[i64],
    ) -> Result<Positions, TravelError> {
        let filter_size = ends::filter_size(ends.len());
        let mut filter: PallocSlice<u8> = Palloc.slice(filter_size).map_err(|_| LegError::TooManyEnds)?;
        for of_entity in found {
            let name = entities.all()[of_entity.entity].name();
            for part in ends[of_entity.first_end..][..of_entity.ends].chunks(CHUNK) {
                pgrx::check_for_interrupts!();
                for time_us in part {
                    ends::add(&mut filter, ends::digest(name, *time_us));
                }
            }
        }
        let mut positions = PallocVec::<(u32, RowPosition)>::new();
        self.each_record(|record| {
            if !ends::may_contain(&filter, ends::digest(record.entity, record.time_us)) {
                return Ok(());
            }
            let number = entities.find(record.entity);
            let number = number.and_then(|number| found.binary_search_by_key(&number, |f| f.entity).ok());
            let Some((number, of_entity)) = number.and_then(|number| Some((number, found.get(number)?)))
            else {
                return Ok(());
            };
            if ends[of_entity.first_end..][..of_entity.ends].binary_search(&record.time_us).is_ok() {
                positions.push((number as u32, row_position::from_bytes(record.position)));
            }
            Ok(())
        })?;
        Positions::grouped(&positions, found.len())
    }

    /// Passes each record of the share to `take`.
    fn each_record(
        &self,
        mut take: impl FnMut(&Record) -> Result<(), TravelError>,
    ) -> Result<(), TravelError> {
        let not_in_detect = UsageError::NotInDetect { function: "legs_of_shares" };
        let writers = SharedFiles::to_read(self.query, SharedFiles::writers).ok_or(not_in_detect)?;
        let mut bytes: PallocSlice<u8> = Palloc.slice(CHUNK).map_err(|_| LegError::TooManyEvents)?;
        for writer in 0..writers {
            let Some(mut file) =
                SharedFiles::to_read(self.query, |files| files.open_file(writer, self.number)).flatten()
            else {
                continue;
            };
            // The bytes in front of `kept` are the start of a record.
            let mut kept = 0;
            loop {
                pgrx::check_for_interrupts!();
                let wanted = bytes.len() - kept;
                let filled = kept + file.read(&mut bytes[kept..]);
                let mut rest = &bytes[..filled];
                while let Some((record, after)) = Record::read(rest) {
                    take(&record)?;
                    rest = after;
                }
                let is_end = filled < kept + wanted;
                if is_end && !rest.is_empty() {
                    return Err(UsageError::EventFileDamaged.into());
                }
                if is_end {
                    break;
                }
                kept = rest.len();
                let next = Record::size_of_next(rest).unwrap_or_default();
                let start = filled - kept;
                if next > bytes.len() {
                    let mut larger = Palloc.slice(next).map_err(|_| LegError::TooManyEvents)?;
                    larger[..kept].copy_from_slice(&bytes[start..filled]);
                    bytes = larger;
                } else if kept == bytes.len() {
                    // A whole record that cannot be read.
                    return Err(UsageError::EventFileDamaged.into());
                } else {
                    bytes.copy_within(start..filled, 0);
                }
            }
        }
        Ok(())
    }
}
