//! `travel.locate`, `travel.geoip_databases`, and [`Places`], through which every door places an address.

use crate::pg::array;
use crate::pg::errors::TravelError;
use crate::pg::function::{Call, pg_function};
use crate::pg::row::{Row, RowType};
use crate::pg::settings::{self, with_geoip_path};
use crate::pg::srf::RowSet;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::ffi::CStr;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use travel_core::address;
use travel_core::geodesy::Coordinates;
use travel_core::place::Place;
use travel_geoip::{DatabaseStatus, LookupError, Stack, Store, StoreError, Warning};

/// Microseconds from the Unix epoch to PostgreSQL's.
pub const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// The columns of `travel.place`.
const PLACE_COLUMNS: usize = 14;

thread_local! {
    static STORE: RefCell<Option<Store>> = const { RefCell::new(None) };
    /// The databases of the running statement, with the time at which it began: what every row asks for.
    static CURRENT: RefCell<Option<(i64, Rc<Stack>)>> = const { RefCell::new(None) };
}

unsafe extern "C-unwind" {
    /// access/xact.h. pgrx binds it behind a barrier against errors, but it only returns a variable.
    fn GetCurrentStatementStartTimestamp() -> pg_sys::TimestampTz;
}

/// Microseconds since 2000-01-01 UTC; the same in all processes of a statement.
fn statement_start() -> i64 {
    // SAFETY: returns a variable of the backend, and raises nothing.
    unsafe { GetCurrentStatementStartTimestamp() }
}

/// Where addresses are, as of this statement: all processes of a statement see the same databases.
pub struct Places {
    stack: Rc<Stack>,
}

impl Places {
    pub fn of_statement() -> Result<Self, TravelError> {
        let statement = statement_start();
        let known = CURRENT.with_borrow(|current| match current {
            Some((start, stack)) if *start == statement => Some(Rc::clone(stack)),
            _ => None,
        });
        if let Some(stack) = known {
            return Ok(Self { stack });
        }
        let (stack, warnings) = with_store(Store::stack_for)?;
        report(&warnings);
        // Without a database the next row may find one.
        CURRENT.set((!stack.is_empty()).then(|| (statement, Rc::clone(&stack))));
        Ok(Self { stack })
    }

    /// Raises an error where there is no database at all.
    pub fn require_database(&self) -> Result<(), TravelError> {
        if !self.stack.is_empty() {
            return Ok(());
        }
        let tried = self.stack.tried().to_vec();
        Err(TravelError::NoGeoipDatabase { setting: settings::GEOIP_PATH.to_owned(), tried })
    }

    /// Coordinates and accuracy radius (km) of a host; none where it is private or not located.
    pub fn coordinates(&self, host: IpAddr) -> Result<Option<(Coordinates, Option<f64>)>, TravelError> {
        if address::is_private(host) {
            return Ok(None);
        }
        self.require_database()?;
        self.stack.coordinates(host).map_err(damaged)
    }

    /// All that is known of a host.
    pub fn place(&self, host: IpAddr) -> Result<Option<Arc<Place>>, TravelError> {
        if address::is_private(host) {
            return Ok(None);
        }
        self.require_database()?;
        self.stack.locate(host).map_err(damaged)
    }
}

fn damaged(error: LookupError) -> TravelError {
    TravelError::GeoipDamaged { detail: error.to_string() }
}

fn with_store<T>(
    ask: impl FnOnce(&mut Store, &str, i64, bool, &mut dyn FnMut()) -> Result<(T, Vec<Warning>), StoreError>,
) -> Result<(T, Vec<Warning>), TravelError> {
    let statement = statement_start();
    // SAFETY: reads a variable of the backend.
    let in_worker = unsafe { pg_sys::ParallelWorkerNumber >= 0 };
    let mut interrupt = || {
        pgrx::check_for_interrupts!();
    };
    STORE
        .with_borrow_mut(|store| {
            let store = store.get_or_insert_with(|| Store::new(store_directory()));
            with_geoip_path(|path| {
                ask(store, path, statement + POSTGRES_EPOCH_US, !in_worker, &mut interrupt)
            })
        })
        .map_err(|error| match error {
            StoreError::ChangedWhileInMemory { .. } => {
                TravelError::GeoipChanged { detail: error.to_string() }
            }
            error => TravelError::GeoipUnusable { detail: error.to_string() },
        })
}

/// PostgreSQL empties this folder at every start; base backups, pg_rewind and pg_checksums leave it out.
fn store_directory() -> PathBuf {
    // SAFETY: a C string that the server sets at its start.
    let data = unsafe { CStr::from_ptr(pg_sys::DataDir) };
    PathBuf::from(data.to_string_lossy().into_owned()).join("base/pgsql_tmp/pgsql_tmp_impossible_travel")
}

fn report(warnings: &[Warning]) {
    for warning in warnings {
        pgrx::pg_sys::panic::ErrorReport::new(
            pgrx::PgSqlErrorCode::ERRCODE_WARNING,
            warning.message.clone(),
            "impossible_travel",
        )
        .set_detail(warning.detail.clone())
        .report(pgrx::PgLogLevel::WARNING);
    }
}

pg_function!(travel_locate, pg_finfo_travel_locate, locate);
pg_function!(travel_is_placed, pg_finfo_travel_is_placed, is_placed);
pg_function!(travel_geoip_databases, pg_finfo_travel_geoip_databases, geoip_databases);

fn locate(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(host) = call.inet(0) else { return Ok(call.null()) };
    match Places::of_statement()?.place(host)? {
        Some(place) => place_row(call, &place),
        None => Ok(call.null()),
    }
}

fn place_row(call: &Call, place: &Place) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: SQL declares the result as travel.place; the call site outlives the call.
    let row_type =
        call.site_cache(|| Ok(unsafe { RowType::load(call.result_type(), call.site_context()) }))?;
    let mut row = Row::<PLACE_COLUMNS>::new();
    row.f64(place.coordinates.map(Coordinates::latitude));
    row.f64(place.coordinates.map(Coordinates::longitude));
    row.f64(place.accuracy_km);
    row.text(place.precision.map(|precision| precision.as_str()));
    row.text(place.city.as_deref());
    row.text(place.subdivision.as_deref());
    row.text(place.country.as_deref());
    row.text(place.country_code.as_deref());
    row.network(place.network.map(|network| (network.address, network.prefix)));
    row.i64(place.asn);
    row.text(place.as_organization.as_deref());
    row.text(place.hosting.as_deref());
    row.text(place.anonymizer.map(|anonymizer| anonymizer.as_str()));
    row.text(place.carrier.map(|carrier| carrier.as_str()));
    row.finish(*row_type)
}

/// Whether an address has coordinates: what coverage asks of every row.
fn is_placed(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let Some(host) = call.inet(0) else { return Ok(call.null()) };
    let placed = Places::of_statement()?.coordinates(host)?.is_some();
    Ok(pg_sys::Datum::from(usize::from(placed)))
}

fn geoip_databases(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (databases, warnings) = with_store(Store::databases)?;
    report(&warnings);
    let statement = statement_start();
    let mut rows = RowSet::begin(call)?;
    for database in &databases {
        rows.push(database_row(database, statement));
    }
    Ok(rows.finish(call))
}

fn database_row(database: &DatabaseStatus, statement: i64) -> Row<9> {
    let built_at =
        database.built_at.map(|seconds| (seconds as i64).saturating_mul(1_000_000) - POSTGRES_EPOCH_US);
    let mut row = Row::new();
    row.text(Some(&database.path));
    row.text(database.database_type.as_deref());
    row.datum(database.ip_version.map(|version| pg_sys::Datum::from(i32::from(version))));
    row.timestamp(built_at);
    row.datum(built_at.and_then(|built_at| {
        let (now, built_at) = (pg_sys::Datum::from(statement), pg_sys::Datum::from(built_at));
        // SAFETY: both arguments are timestamps.
        unsafe { pgrx::direct_function_call_as_datum(pg_sys::timestamp_mi, &[Some(now), Some(built_at)]) }
    }));
    row.i64(database.size_bytes.map(|size| size as i64));
    row.datum(Some(array::of_texts(&database.provides)));
    row.text(Some(database.status));
    row.text(database.detail.as_deref());
    row
}
