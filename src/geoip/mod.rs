//! Locating addresses: `travel.locate`, `travel.is_located`, `travel.geoip_databases`, and [`Places`].
//!
//! Every entry point locates addresses through [`Places`]. It combines the named networks of `travel.networks` with the
//! GeoIP databases. A named network takes precedence.

mod functions;
mod store;

use self::store::{report, told, with_store};
use crate::networks;
use crate::pg::errors::{GeoipError, TravelError};
use crate::pg::role::Role;
use crate::pg::settings;
use crate::pg::snapshot::Snapshot;
use crate::pg::time::{from_unix_seconds, statement_start};
use std::cell::{OnceCell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use travel_core::address;
use travel_core::geodesy::Coordinates;
use travel_core::network::{NamedNetwork, Networks, Resolved};
use travel_core::place::Place;
use travel_core::rule::Treatment;
use travel_geoip::{InUse, LookupError, Stack, Store};

thread_local! {
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
