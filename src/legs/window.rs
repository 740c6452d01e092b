//! The window function `travel.leg`. It reads a partition once and keeps only its last stop.

use super::arguments::{ArgumentSite, SiteArguments, finite, thresholds};
use super::row::{leg_row, leg_types};
use crate::event_counts;
use crate::geoip::Places;
use crate::pg::errors::{LegError, TravelError, UsageError};
use crate::pg::function::{Call, pg_function, varlena_bytes};
use crate::pg::memory::varlena;
use crate::pg::row::RowType;
use crate::pg::window::{Ahead, Window};
use pgrx::pg_sys;
use travel_core::journey::{Journey, Leg, Stop, Thresholds};

pg_function!(travel_leg_inet, pg_finfo_travel_leg_inet, |call: &Call| leg(call, SiteArguments::Inet));
pg_function!(travel_leg_text, pg_finfo_travel_leg_text, |call: &Call| leg(call, SiteArguments::Text));
pg_function!(travel_leg_coordinates, pg_finfo_travel_leg_coordinates, |call: &Call| leg(
    call,
    SiteArguments::Coordinates
));
pg_function!(travel_leg_accurate, pg_finfo_travel_leg_accurate, |call: &Call| leg(
    call,
    SiteArguments::Accurate
));

/// The properties of a call site.
#[derive(Clone, Copy)]
struct CallSite {
    row_type: RowType,
    /// Whether the thresholds are the same in every row of a partition.
    fixed_thresholds: bool,
    /// Whether no row has an event id.
    without_ids: bool,
}

/// The state of a partition. PostgreSQL initializes it with zeros.
struct Partition {
    ready: bool,
    thresholds: Thresholds,
    last_time_us: i64,
    journey: Journey<()>,
    /// The smallest id of the rows of the last stop.
    id: Id,
}

fn leg(call: &Call, place: SiteArguments) -> Result<pg_sys::Datum, TravelError> {
    let window = Window::of(call).ok_or(UsageError::NotAWindow)?;
    let id_at = 1 + place.arguments();
    let site = *call.site_cache(|| {
        // SAFETY: SQL declares the result as travel.leg; the call site outlives the call.
        let row_type = unsafe { RowType::load(call.result_type()?, leg_types(), call.site_context()) }?;
        let fixed_thresholds = (id_at + 1..id_at + 4).all(|n| call.is_stable(n));
        let without_ids = call.is_stable(id_at) && window.arguments::<1>(id_at)[0].is_none();
        Ok(CallSite { row_type, fixed_thresholds, without_ids })
    })?;
    let (partition, [time, place_1, place_2, place_3]) =
        window.current_row::<Partition, 4>(1 + place.arguments());
    // SAFETY: `ready` is false in the zeros that a partition begins with, and true once all is written.
    let partition = unsafe {
        if !(*partition).ready {
            partition.write(Partition {
                ready: true,
                thresholds: window_thresholds(&window, id_at + 1)?,
                last_time_us: i64::MIN,
                journey: Journey::default(),
                id: Id::none(),
            });
        } else if !site.fixed_thresholds && window_thresholds(&window, id_at + 1)? != (*partition).thresholds
        {
            return Err(LegError::ThresholdVaries { over: "partition" }.into());
        }
        &mut *partition
    };

    let Some(time) = time else { return Ok(call.null()) };
    let time_us = finite(time.value() as i64)?;
    if time_us < partition.last_time_us {
        return Err(LegError::DescendingTime.into());
    }
    partition.last_time_us = time_us;
    let at = place.read(|n| [place_1, place_2, place_3][n])?;
    let (stop, places) = match fate_of(time_us, at)? {
        WindowRow::Located(stop, places) => (stop, places),
        WindowRow::NotLocated => {
            event_counts::add(0, 0, 1);
            return Ok(call.null());
        }
        WindowRow::Ignored => return Ok(call.null()),
    };

    let last = partition.journey.last();
    if last.is_some_and(|last| (last.time_us, last.site) == (time_us, stop.site)) {
        // The row is the same event again. It matters only if its id is smaller.
        event_counts::add(0, 1, 0);
        if !site.without_ids {
            partition.id.keep_smaller(window.arguments::<1>(id_at)[0], &window);
        }
        return Ok(call.null());
    }
    event_counts::add(u64::from(last.is_none()), 1, 0);
    let arrived = partition.journey.arrive(stop);
    let mut result = None;
    let id = match (site.without_ids, arrived) {
        (true, _) => None,
        (false, None) => window.arguments::<1>(id_at)[0],
        (false, Some(_)) => smallest_id(&window, place, id_at, &stop)?,
    };
    if let Some(leg) = arrived {
        let from = partition.id.bytes();
        // SAFETY: the id is a text, alive until the next row.
        let to = id.map(|id| unsafe { varlena_bytes(id) });
        let leg = Leg { from: with_id(leg.from, from), to: with_id(leg.to, to) };
        let measure = leg.measure(&partition.thresholds);
        result = Some(leg_row(site.row_type, &leg, &measure, places.as_ref())?);
    }
    if !site.without_ids {
        partition.id.keep(id, &window);
    }
    Ok(result.unwrap_or_else(|| call.null()))
}

fn window_thresholds(window: &Window, first: usize) -> Result<Thresholds, TravelError> {
    let [distance, velocity, accuracy] = window.arguments::<3>(first);
    let number = |datum: pg_sys::Datum| f64::from_bits(datum.value() as u64);
    thresholds(distance.map(number), velocity.map(number), accuracy.map(|datum| datum.value() as u8 != 0))
}

/// The fate of a row.
enum WindowRow {
    Located(Stop<()>, Option<Places>),
    NotLocated,
    /// A named network says that the row is treated as if it did not exist.
    Ignored,
}

fn fate_of(time_us: i64, at: Option<ArgumentSite>) -> Result<WindowRow, TravelError> {
    let Some(ArgumentSite { site, accuracy_km }) = at else { return Ok(WindowRow::NotLocated) };
    let Some(host) = site.address() else {
        return Ok(site.coordinates().map_or(WindowRow::NotLocated, |coordinates| {
            WindowRow::Located(Stop { time_us, site, coordinates, accuracy_km, event: () }, None)
        }));
    };
    let places = Places::of_statement()?;
    match places.coordinates(host, time_us)? {
        Some((coordinates, accuracy_km)) => {
            Ok(WindowRow::Located(Stop { time_us, site, coordinates, accuracy_km, event: () }, Some(places)))
        }
        None if places.is_ignored(host, time_us)? => Ok(WindowRow::Ignored),
        None => Ok(WindowRow::NotLocated),
    }
}

fn with_id(stop: Stop<()>, id: Option<&[u8]>) -> Stop<Option<&[u8]>> {
    Stop {
        time_us: stop.time_us,
        site: stop.site,
        coordinates: stop.coordinates,
        accuracy_km: stop.accuracy_km,
        event: id,
    }
}

/// The smallest id of the rows that are the same event as the current row. They follow each other.
fn smallest_id(
    window: &Window,
    place: SiteArguments,
    id_at: usize,
    stop: &Stop<()>,
) -> Result<Option<pg_sys::Datum>, TravelError> {
    let mut smallest = window.arguments::<1>(id_at)[0];
    for distance in 1.. {
        match window.argument_ahead(0, distance) {
            Ahead::Value(Some(time)) if time.value() as i64 == stop.time_us => {}
            _ => break,
        }
        let ahead = |n| match window.argument_ahead(n, distance) {
            Ahead::Value(value) => value,
            Ahead::Out => None,
        };
        if place.read(|n| ahead(1 + n))?.map(|at| at.site) != Some(stop.site) {
            break;
        }
        // SAFETY: the id is a text.
        let bytes = |id: pg_sys::Datum| unsafe { varlena_bytes(id) };
        if let Some(id) = ahead(id_at).map(bytes)
            && smallest.map(bytes).is_none_or(|known| id < known)
        {
            // Reading the next row overwrites this one, so the id is copied.
            smallest = Some(varlena(id));
        }
        pgrx::check_for_interrupts!();
    }
    Ok(smallest)
}

/// An event id, copied into memory of the partition that is reused.
struct Id {
    start: *mut u8,
    capacity: usize,
    length: Option<usize>,
}

impl Id {
    fn none() -> Self {
        Self { start: std::ptr::null_mut(), capacity: 0, length: None }
    }

    fn bytes(&self) -> Option<&[u8]> {
        // SAFETY: `keep` wrote that many bytes.
        self.length.map(|length| unsafe { std::slice::from_raw_parts(self.start, length) })
    }

    fn keep(&mut self, id: Option<pg_sys::Datum>, window: &Window) {
        // SAFETY: SQL declares the id as text.
        let Some(bytes) = id.map(|id| unsafe { varlena_bytes(id) }) else {
            self.length = None;
            return;
        };
        if self.start.is_null() || bytes.len() > self.capacity {
            self.capacity = bytes.len().next_power_of_two().max(64);
            self.start = window.partition_allocate(self.start, self.capacity);
        }
        // SAFETY: the block is at least as long as the id, and not part of it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start, bytes.len()) };
        self.length = Some(bytes.len());
    }

    fn keep_smaller(&mut self, id: Option<pg_sys::Datum>, window: &Window) {
        // SAFETY: SQL declares the id as text.
        let is_smaller = match (self.bytes(), id.map(|id| unsafe { varlena_bytes(id) })) {
            (Some(known), Some(new)) => new < known,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if is_smaller {
            self.keep(id, window);
        }
    }
}
