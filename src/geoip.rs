//! Locating addresses: `travel.locate`, `travel.is_located`, `travel.geoip_databases`, and [`Places`].
//!
//! Every entry point locates addresses through [`Places`]. It combines the named networks of `travel.networks` with the
//! GeoIP databases. A named network takes precedence.

use crate::networks;
use crate::pg::array;
use crate::pg::errors::{GeoipError, TravelError};
use crate::pg::function::{Call, pg_function};
use crate::pg::memory::varlena;
use crate::pg::report::Report;
use crate::pg::role::Role;
use crate::pg::row::{RowType, RowWriter};
use crate::pg::settings::{self, with_geoip_path};
use crate::pg::snapshot::Snapshot;
use crate::pg::srf::RowSet;
use crate::pg::time::{from_unix_seconds, statement_start, to_unix_us};
use crate::pg::types::Type;
use pgrx::pg_sys;
use std::cell::{OnceCell, RefCell};
use std::ffi::CStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use travel_core::address;
use travel_core::geodesy::Coordinates;
use travel_core::network::{NamedNetwork, Networks, Resolved};
use travel_core::place::Place;
use travel_core::rule::Treatment;
use travel_geoip::{DatabaseStatus, InUse, LookupError, Stack, Store, StoreError, Warning};

/// The columns of `travel.place`.
const PLACE_COLUMNS: usize = 14;

/// Their types.
const PLACE_TYPES: [Type; PLACE_COLUMNS] = {
    use Type::{Cidr, Float8, Int8OrTime, Text};
    [Float8, Float8, Float8, Text, Text, Text, Text, Text, Cidr, Int8OrTime, Text, Text, Text, Text]
};

thread_local! {
    static STORE: RefCell<Option<Store>> = const { RefCell::new(None) };
    /// The databases and networks of the running statement, which every row uses.
    static CURRENT: RefCell<Option<Rc<StatementPlaces>>> = const { RefCell::new(None) };
}

/// The locations of addresses, as of this statement. All processes of a statement see the same databases and networks.
#[derive(Clone)]
pub struct Places {
    known: Rc<StatementPlaces>,
}

/// The databases and the networks that one statement uses.
struct StatementPlaces {
    /// The start of the statement, which decides the databases that it uses.
    statement: i64,
    /// The snapshot with which the networks were read. A statement can change the networks and then locate again.
    snapshot: Option<Snapshot>,
    stack: Rc<Stack>,
    networks: Rc<Networks>,
    have_networks: bool,
    /// Computed on demand, because only scans need it.
    edition: OnceCell<i64>,
}

/// Coordinates, and the radius in km around them.
pub type Point = (Coordinates, Option<f64>);

/// What is known about a host at a time.
#[derive(Clone, Debug, Default)]
pub struct AddressInfo {
    pub place: Option<Arc<Place>>,
    /// The treatment of the named network that contains the host, if there is one.
    pub treatment: Option<Treatment>,
    /// The names of the networks that say the treatment and the hosting provider.
    pub network: Option<Arc<str>>,
    pub hosting_network: Option<Arc<str>>,
}

impl Places {
    #[inline]
    pub fn of_statement() -> Result<Self, TravelError> {
        let (statement, snapshot) = (statement_start(), Snapshot::active());
        let known = CURRENT.with_borrow(|current| match current {
            Some(known) if known.statement == statement && known.snapshot == snapshot => {
                Some(Rc::clone(known))
            }
            _ => None,
        });
        match known {
            Some(known) => Ok(Self { known }),
            None => Self::look(statement, snapshot),
        }
    }

    #[cold]
    fn look(statement: i64, snapshot: Option<Snapshot>) -> Result<Self, TravelError> {
        let networks = networks::as_of(snapshot)?;
        let (stack, warnings) = with_store(Store::stack_for)?;
        report(&warnings);
        let have_networks = !networks.is_empty();
        let known = Rc::new(StatementPlaces {
            statement,
            snapshot,
            stack,
            networks,
            have_networks,
            edition: OnceCell::new(),
        });
        CURRENT.set(Some(Rc::clone(&known)));
        Ok(Self { known })
    }

    /// The same databases with more networks, as if `travel.networks` contained them.
    pub fn with_networks(&self, more: impl IntoIterator<Item = NamedNetwork>) -> Self {
        let StatementPlaces { statement, snapshot, stack, networks, .. } = &*self.known;
        let networks = Rc::new(networks.with(more));
        let known = StatementPlaces {
            statement: *statement,
            snapshot: *snapshot,
            stack: Rc::clone(stack),
            have_networks: !networks.is_empty(),
            networks,
            edition: OnceCell::new(),
        };
        Self { known: Rc::new(known) }
    }

    /// The build time of the oldest database, in microseconds since 2000-01-01 UTC. The combined data is as old as its
    /// oldest part.
    pub fn built_at(&self) -> Option<i64> {
        self.known.stack.built_at().map(from_unix_seconds)
    }

    /// A number that identifies the databases and networks together. Two equal editions locate and treat every address
    /// alike.
    pub fn edition(&self) -> i64 {
        let StatementPlaces { stack, networks, edition, .. } = &*self.known;
        *edition.get_or_init(|| networks.edition_with(&stack.edition()))
    }

    /// The databases in use, in the order of their precedence.
    pub fn databases(&self) -> impl Iterator<Item = InUse<'_>> {
        self.known.stack.in_use()
    }

    /// Whether a named network is given by its AS, which only a database can find for an address.
    pub fn need_systems(&self) -> bool {
        self.known.networks.need_asn()
    }

    /// Returns an error if no database and no named network has coordinates. Without it, the result of the caller would
    /// be empty without any explanation.
    pub fn require_coordinates(&self) -> Result<(), TravelError> {
        if self.known.networks.has_coordinates() { Ok(()) } else { self.require_located() }
    }

    /// Returns an error if nothing can locate an address that is in no named network. Databases without coordinates are
    /// no error if some named network has coordinates: the databases are then used for their other data.
    #[inline]
    fn require_located(&self) -> Result<(), TravelError> {
        let StatementPlaces { stack, networks, .. } = &*self.known;
        if stack.locates_anything() || (!stack.is_empty() && networks.has_coordinates()) {
            return Ok(());
        }
        self.nothing_locates()
    }

    /// Returns an error if there is no database at all.
    #[inline]
    fn require_database(&self) -> Result<(), TravelError> {
        if self.known.stack.is_empty() { self.nothing_locates() } else { Ok(()) }
    }

    #[cold]
    fn nothing_locates(&self) -> Result<(), TravelError> {
        // The next row may find a database.
        CURRENT.set(None);
        let stack = &self.known.stack;
        let setting = settings::GEOIP_PATH.to_owned();
        let tried = || if Role::may_see_paths() { stack.tried().to_vec() } else { Vec::new() };
        Err(match stack.is_empty() {
            true => GeoipError::NoDatabase { setting, tried: tried() }.into(),
            false => GeoipError::NoCoordinates { files: stack.described() }.into(),
        })
    }

    /// Whether there are named networks.
    #[inline]
    pub fn have_networks(&self) -> bool {
        self.known.have_networks
    }

    /// Whether the location of an address can depend on the time, because a named network has a validity.
    pub fn depend_on_time(&self) -> bool {
        self.known.networks.depend_on_time()
    }

    /// The coordinates and the accuracy radius (km) of a host at a time (microseconds since 2000-01-01 UTC). `None` if
    /// the host is not located, or if a named network says to ignore it.
    #[inline]
    pub fn coordinates(&self, host: IpAddr, at: i64) -> Result<Option<Point>, TravelError> {
        if self.have_networks() {
            return self.coordinates_with_networks(host, at);
        }
        self.coordinates_of_geoip(host)
    }

    #[cold]
    fn coordinates_with_networks(&self, host: IpAddr, at: i64) -> Result<Option<Point>, TravelError> {
        let resolved = self.resolve(host, at)?;
        match resolved.located {
            _ if resolved.is_ignored() => Ok(None),
            Some((_, location)) => Ok(Some((location.coordinates, None))),
            None => self.coordinates_of_geoip(host),
        }
    }

    #[inline]
    fn coordinates_of_geoip(&self, host: IpAddr) -> Result<Option<Point>, TravelError> {
        if address::is_private(host) {
            return Ok(None);
        }
        self.require_located()?;
        self.known.stack.coordinates(host).map_err(damaged)
    }

    /// Everything that is known about a host at a time.
    #[inline]
    pub fn locate(&self, host: IpAddr, at: i64) -> Result<AddressInfo, TravelError> {
        if self.have_networks() {
            return self.locate_with_networks(host, at);
        }
        Ok(AddressInfo { place: self.place_of_geoip(host)?, ..AddressInfo::default() })
    }

    #[cold]
    fn locate_with_networks(&self, host: IpAddr, at: i64) -> Result<AddressInfo, TravelError> {
        let resolved = self.resolve(host, at)?;
        // A host that a named network locates or ignores needs no database.
        let needs_none = resolved.located.is_some() || resolved.is_ignored();
        let known = if needs_none && self.known.stack.is_empty() { None } else { self.place_of_geoip(host)? };
        Ok(AddressInfo {
            place: resolved.over(known),
            treatment: resolved.treatment(),
            network: resolved.first.map(|row| row.name.clone()),
            hosting_network: resolved.hosted.map(|(row, _)| row.name.clone()),
        })
    }

    #[inline]
    fn place_of_geoip(&self, host: IpAddr) -> Result<Option<Arc<Place>>, TravelError> {
        if address::is_private(host) {
            return Ok(None);
        }
        self.require_database()?;
        self.known.stack.locate(host).map_err(damaged)
    }

    /// Returns an error if there is no database and no named network locates the host, even if its events are ignored.
    #[cold]
    fn require_database_for(&self, host: IpAddr, at: i64) -> Result<(), TravelError> {
        if address::is_private(host) || self.resolve(host, at)?.located.is_some() {
            return Ok(());
        }
        self.require_database()
    }

    /// Whether a named network says to ignore events from a host.
    pub fn is_ignored(&self, host: IpAddr, at: i64) -> Result<bool, TravelError> {
        Ok(self.have_networks() && self.resolve(host, at)?.is_ignored())
    }

    fn resolve(&self, host: IpAddr, at: i64) -> Result<Resolved<'_>, TravelError> {
        let StatementPlaces { networks, stack, .. } = &*self.known;
        if networks.is_empty() {
            return Ok(Resolved::default());
        }
        let asn = if networks.need_asn() && !address::is_private(host) {
            stack.locate(host).map_err(damaged)?.and_then(|place| place.asn)
        } else {
            None
        };
        Ok(networks.resolve(host, asn, at))
    }
}

fn damaged(error: LookupError) -> TravelError {
    GeoipError::Damaged { detail: told(&error.to_string(), &error.path) }.into()
}

fn with_store<T>(
    ask: impl FnOnce(&mut Store, &str, i64, &mut dyn FnMut()) -> Result<(T, Vec<Warning>), StoreError>,
) -> Result<(T, Vec<Warning>), TravelError> {
    let statement = statement_start();
    let mut interrupt = || {
        pgrx::check_for_interrupts!();
    };
    STORE
        .with_borrow_mut(|store| {
            let store = store.get_or_insert_with(|| Store::new(store_directory()));
            let (answer, mut warnings) =
                with_geoip_path(|path| ask(store, path, to_unix_us(statement), &mut interrupt))?;
            // SAFETY: reads a variable of the backend.
            if unsafe { pg_sys::ParallelWorkerNumber } >= 0 && !store.can_write() {
                // A worker is a new process in every statement, and would warn of the full disk in each. Sessions warn
                // once. Refused files are always told, because perhaps only workers look at them.
                let of_disk: Vec<Warning> = warnings.extract_if(.., |warning| warning.is_of_disk).collect();
                if !of_disk.is_empty() && store.takes_turn_to_log() {
                    for Warning { message, detail, .. } in of_disk {
                        Report::warning(message).detail(detail).log();
                    }
                }
            }
            Ok((answer, warnings))
        })
        .map_err(|error| match error {
            StoreError::ChangedWhileInMemory { .. } | StoreError::ChangedInFuture { .. } => {
                GeoipError::Changed { detail: told(&error.to_string(), error.path()) }.into()
            }
            error => GeoipError::Unusable { detail: told(&error.to_string(), error.path()) }.into(),
        })
}

/// The folder for copies of databases. PostgreSQL empties it at every start, and base backups, pg_rewind and
/// pg_checksums skip it.
fn store_directory() -> PathBuf {
    // SAFETY: a C string that the server sets at its start.
    let data = unsafe { CStr::from_ptr(pg_sys::DataDir) };
    PathBuf::from(data.to_string_lossy().into_owned()).join("base/pgsql_tmp/pgsql_tmp_impossible_travel")
}

/// Sends warnings about files. If the client may not see their paths, the full warning goes to the server log.
fn report(warnings: &[Warning]) {
    for Warning { message, detail, path, .. } in warnings {
        if !Role::may_see_paths() {
            Report::warning(message.clone()).detail(detail.clone()).log();
        }
        Report::warning(told(message, path)).detail(detail.clone()).send();
    }
}

/// A text that contains the path of a file. If the client may not see paths, only the name of the file is left.
fn told(text: &str, path: &str) -> String {
    let name = Path::new(path).file_name().map(|name| name.to_string_lossy());
    match name {
        Some(name) if !Role::may_see_paths() => text.replace(path, &name),
        _ => text.to_owned(),
    }
}

pg_function!(travel_locate, pg_finfo_travel_locate, locate);
pg_function!(travel_is_located, pg_finfo_travel_is_located, is_located);
pg_function!(travel_is_ignored, pg_finfo_travel_is_ignored, is_ignored);
pg_function!(travel_geoip_databases, pg_finfo_travel_geoip_databases, geoip_databases);

/// `(ip, at) -> travel.place`. The next two functions have the same arguments.
fn locate(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(host), Some(at)) = (call.inet(0), call.timestamp(1)) else { return Ok(call.null()) };
    let places = Places::of_statement()?;
    if places.have_networks() {
        places.require_database_for(host, at)?;
    }
    match places.locate(host, at)?.place {
        Some(place) => place_row(call, &place),
        None => Ok(call.null()),
    }
}

fn place_row(call: &Call, place: &Place) -> Result<pg_sys::Datum, TravelError> {
    // SAFETY: SQL declares the result as travel.place; the call site outlives the call.
    let row_type =
        call.site_cache(|| unsafe { RowType::load(call.result_type()?, PLACE_TYPES, call.site_context()) })?;
    let mut row = RowWriter::<PLACE_COLUMNS>::new();
    row.f64(place.coordinates.map(Coordinates::latitude));
    row.f64(place.coordinates.map(Coordinates::longitude));
    row.f64(place.accuracy_km);
    row.text(place.precision.map(|precision| precision.into_str()));
    row.text(place.city.as_deref());
    row.text(place.subdivision.as_deref());
    row.text(place.country.as_deref());
    row.text(place.country_code.as_deref());
    row.network(place.network.map(|network| (network.addr(), network.prefix_len())));
    row.i64(place.asn);
    row.text(place.as_organization.as_deref());
    row.text(place.hosting.as_deref());
    row.text(place.anonymizer.map(|anonymizer| anonymizer.into_str()));
    row.text(place.carrier.map(|carrier| carrier.into_str()));
    row.finish(*row_type)
}

/// Whether an address has coordinates. `travel.coverage` calls it for every row.
fn is_located(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(host), Some(at)) = (call.inet(0), call.timestamp(1)) else { return Ok(call.null()) };
    let located = Places::of_statement()?.coordinates(host, at)?.is_some();
    Ok(pg_sys::Datum::from(usize::from(located)))
}

fn is_ignored(call: &Call) -> Result<pg_sys::Datum, TravelError> {
    let (Some(host), Some(at)) = (call.inet(0), call.timestamp(1)) else { return Ok(call.null()) };
    let ignored = Places::of_statement()?.is_ignored(host, at)?;
    Ok(pg_sys::Datum::from(usize::from(ignored)))
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

fn database_row(database: &DatabaseStatus, statement: i64) -> [Option<pg_sys::Datum>; 9] {
    let text = |text: &str| varlena(text.as_bytes());
    let built_at = database.built_at.map(from_unix_seconds).map(pg_sys::Datum::from);
    let age = built_at.and_then(|built_at| {
        let now = pg_sys::Datum::from(statement);
        // SAFETY: both arguments are timestamps.
        unsafe { pgrx::direct_function_call_as_datum(pg_sys::timestamp_mi, &[Some(now), Some(built_at)]) }
    });
    [
        Some(text(&database.path)),
        database.database_type.as_deref().map(text),
        database.ip_version.map(|version| pg_sys::Datum::from(i32::from(version))),
        built_at,
        age,
        database.size_bytes.map(|size| pg_sys::Datum::from(size as i64)),
        Some(array::of_texts(&database.provides)),
        Some(text(database.status)),
        database.detail.as_deref().map(text),
    ]
}
