//! Reads the rows of a rule's source as events that the rule evaluates.

use super::source_columns::QueryColumn;
use crate::detect::LocationType;
use crate::geoip::{AddressInfo, Places};
use crate::pg::errors::TravelError;
use crate::pg::function::{utf8, varlena_bytes};
use crate::pg::inet;
use crate::pg::spi::Rows;
use pgrx::pg_sys;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use travel_cloudtrail::NOBODY;
use travel_core::address;
use travel_core::columns::{EventLabel, PlaceField};
use travel_core::entity::is_entity;
use travel_core::geodesy::Coordinates;
use travel_core::place::Place;
use travel_core::rule::{CurrentLocation, EvaluatedEvent, EventDetails, Micros, Treatment};
use travel_core::site::Site;

/// The number of texts that are shared at a time.
const KEPT_TEXTS: usize = 100_000;

/// The number of texts that are found without hashing. A power of two.
const LAST_TEXTS: usize = 4096;

/// The longest name of an entity or a baseline user in bytes. An index entry can have 2700 bytes, with the name of the
/// rule and a time. Names in CloudTrail have at most 2048 characters, and rarely 200.
pub const LONGEST_NAME: usize = 2000;

/// A row of a query over the source.
pub type RowDatums = [Option<pg_sys::Datum>; QueryColumn::COUNT];

pub struct Reader {
    location_type: LocationType,
    places: Places,
    /// Texts that were read before, because most texts occur again and again.
    texts: HashSet<Arc<str>>,
    /// Those of them that were read last, each at a place that follows from a few of its bytes. Finding a text here takes
    /// a fraction of the time of hashing it.
    last_texts: Vec<Option<Arc<str>>>,
}

/// The location of an event.
struct EventLocation {
    site: Site,
    coordinates: Coordinates,
    accuracy_km: Option<f64>,
    /// `None` for a source with coordinates, whose rows name their places themselves.
    place: Option<Arc<Place>>,
    treatment: Option<Treatment>,
    /// The named networks that say the treatment and whose machines they are.
    network: Option<Arc<str>>,
    hosting_network: Option<Arc<str>>,
}

/// Returns whether a text names a baseline user. Anonymous callers have no baseline.
pub fn is_baseline_entity(name: &str) -> bool {
    is_entity(name) && !NOBODY.iter().any(|nobody| name.eq_ignore_ascii_case(nobody))
}

/// Returns whether a name is short enough for the indexes of the tables that store it.
pub fn is_storable(name: &str) -> bool {
    name.len() <= LONGEST_NAME
}

/// The result of reading a row.
pub enum Read {
    Located(Box<EvaluatedEvent>),
    /// The row has a time, but its address or coordinates are not located, or it has no entity.
    NotLocated(Micros),
    /// The row has no time.
    Nothing,
}

/// Why a row with a time is not located.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlocated {
    /// It has no entity, or one whose name is too long to be stored.
    NoEntity,
    /// It has no address or, if the source has coordinates, no valid ones.
    NoAddress,
    /// No named network gives the location of the private address.
    PrivateAddress,
    /// Neither GeoIP nor a named network has coordinates for the address.
    UnknownAddress,
}

impl Reader {
    pub fn new(location_type: LocationType) -> Result<Self, TravelError> {
        let places = Places::of_statement()?;
        if location_type == LocationType::Address {
            places.require_coordinates()?;
        }
        Ok(Self::with(location_type, places))
    }

    /// A reader that locates addresses by these places.
    pub fn with(location_type: LocationType, places: Places) -> Self {
        Self { location_type, places, texts: HashSet::new(), last_texts: vec![None; LAST_TEXTS] }
    }

    /// The places of addresses. `None` if the rows have coordinates.
    pub fn places(&self) -> Option<&Places> {
        (self.location_type == LocationType::Address).then_some(&self.places)
    }

    /// The edition of place data. For a source with coordinates there is only one.
    pub fn edition(&self) -> i64 {
        self.places().map_or(0, Places::edition)
    }

    /// The location of an address at the time of an event, by the current edition. `None` if it is not located.
    pub fn current_location(&self, site: Site, time: Micros) -> Result<Option<CurrentLocation>, TravelError> {
        let Some(host) = site.address() else { return Ok(None) };
        let AddressInfo { place, treatment, network, hosting_network } = self.places.locate(host, time)?;
        Ok(place.and_then(|place| {
            Some(CurrentLocation {
                coordinates: place.coordinates?,
                accuracy_km: place.accuracy_km,
                country: place.country.clone(),
                country_code: place.country_code.clone(),
                subdivision: place.subdivision.clone(),
                city: place.city.clone(),
                anonymizer: place.anonymizer,
                hosting: place.hosting.clone(),
                carrier: place.carrier,
                asn: place.asn,
                as_organization: place.as_organization.clone(),
                treatment,
                network,
                hosting_network,
            })
        }))
    }

    /// The time at which the databases that locate addresses were built.
    pub fn built_at(&self) -> Option<Micros> {
        self.places.built_at().filter(|_| self.location_type == LocationType::Address)
    }

    pub fn read(&mut self, rows: &Rows, row: usize) -> Result<Read, TravelError> {
        self.read_row(&rows.columns(row, &QueryColumn::TYPES)?)
    }

    /// Reads a row whose columns were checked to have the types of [`QueryColumn::TYPES`].
    pub fn read_row(&mut self, row: &RowDatums) -> Result<Read, TravelError> {
        let Some(time) = row[QueryColumn::EventTime.index()].map(|time| time.value() as i64) else {
            return Ok(Read::Nothing);
        };
        let (Some(entity), Some(location)) =
            (self.name(row, QueryColumn::Entity)?, self.location(row, time)?)
        else {
            return Ok(Read::NotLocated(time));
        };
        let EventLocation { site, coordinates, accuracy_km, place, treatment, network, hosting_network } =
            location;
        let place = place.as_deref();
        let mut label = |label: EventLabel| self.text(row, QueryColumn::Label(label));
        let event_id = label(EventLabel::EventId)?;
        let event_name = label(EventLabel::EventName)?;
        let access_key_id = label(EventLabel::AccessKeyId)?;
        let user_agent = label(EventLabel::UserAgent)?;
        let outcome = label(EventLabel::Outcome)?;
        let identity_type = label(EventLabel::IdentityType)?;
        let mut details = EventDetails {
            event_source: label(EventLabel::EventSource)?,
            aws_region: label(EventLabel::AwsRegion)?,
            error_code: label(EventLabel::ErrorCode)?,
            account_id: label(EventLabel::AccountId)?,
            principal: label(EventLabel::Principal)?,
            actor: label(EventLabel::Actor)?,
            session_name: label(EventLabel::SessionName)?,
            user_name: label(EventLabel::UserName)?,
            arn: label(EventLabel::Arn)?,
            country: None,
            as_organization: place.and_then(|place| place.as_organization.clone()),
            hosting: place.and_then(|place| place.hosting.clone()),
            network,
            hosting_network,
        };
        let mut name = |field: PlaceField, of_place: Option<&Arc<str>>| match self.location_type {
            LocationType::Address => Ok(of_place.cloned()),
            LocationType::Coordinates => self.text(row, QueryColumn::Place(field)),
        };
        let city = name(PlaceField::City, place.and_then(|place| place.city.as_ref()))?;
        let subdivision = name(PlaceField::Subdivision, place.and_then(|place| place.subdivision.as_ref()))?;
        details.country = name(PlaceField::Country, place.and_then(|place| place.country.as_ref()))?;
        let country_code =
            name(PlaceField::CountryCode, place.and_then(|place| place.country_code.as_ref()))?;
        Ok(Read::Located(Box::new(EvaluatedEvent {
            entity,
            baseline_entity: self
                .name(row, QueryColumn::BaselineEntity)?
                .filter(|name| is_baseline_entity(name)),
            time,
            site,
            coordinates,
            accuracy_km,
            country_code,
            subdivision,
            city,
            anonymizer: place.and_then(|place| place.anonymizer),
            hosting: place.is_some_and(|place| place.hosting.is_some()),
            carrier: place.and_then(|place| place.carrier),
            asn: place.and_then(|place| place.asn),
            treatment,
            event_id,
            event_name,
            access_key_id,
            user_agent,
            outcome,
            identity_type,
            mfa_used: row[QueryColumn::MfaUsed.index()].map(|truth| truth.value() as u8 != 0),
            details,
        })))
    }

    /// A label of a row that [`Self::read_row`] can read.
    pub fn label(&mut self, row: &RowDatums, label: EventLabel) -> Result<Option<Arc<str>>, TravelError> {
        self.text(row, QueryColumn::Label(label))
    }

    /// The address of a row that [`Self::read_row`] can read. `None` if the source has coordinates.
    pub fn host(row: &RowDatums) -> Option<IpAddr> {
        // SAFETY: the column is an inet, as was checked.
        row[QueryColumn::Address.index()].and_then(|datum| unsafe { inet::read(datum) })
    }

    /// The named network that decides how an address is treated at a time.
    pub fn network(&self, address: IpAddr, time: Micros) -> Result<Option<Arc<str>>, TravelError> {
        Ok(self.places.locate(address, time)?.network)
    }

    /// Why a row is [`Read::NotLocated`].
    pub fn why_not_located(&mut self, row: &RowDatums) -> Result<Unlocated, TravelError> {
        if self.name(row, QueryColumn::Entity)?.is_none() {
            return Ok(Unlocated::NoEntity);
        }
        Ok(match Self::host(row) {
            None => Unlocated::NoAddress,
            Some(host) if address::is_private(host) => Unlocated::PrivateAddress,
            Some(_) => Unlocated::UnknownAddress,
        })
    }

    fn location(&self, row: &RowDatums, time: Micros) -> Result<Option<EventLocation>, TravelError> {
        if self.location_type == LocationType::Coordinates {
            let number =
                |column: QueryColumn| row[column.index()].map(|number| f64::from_bits(number.value() as u64));
            let (latitude, longitude) = (number(QueryColumn::Latitude), number(QueryColumn::Longitude));
            let radius =
                number(QueryColumn::AccuracyKm).filter(|radius| radius.is_finite() && *radius >= 0.0);
            return Ok(crate::legs::coordinates_of(latitude, longitude).map(|at| EventLocation {
                site: Site::from_coordinates(at),
                coordinates: at,
                accuracy_km: radius,
                place: None,
                treatment: None,
                network: None,
                hosting_network: None,
            }));
        }
        let Some(host) = Self::host(row) else { return Ok(None) };
        let AddressInfo { place, treatment, network, hosting_network } = self.places.locate(host, time)?;
        Ok(place.and_then(|place| {
            let (coordinates, accuracy_km) = (place.coordinates?, place.accuracy_km);
            Some(EventLocation {
                site: Site::from_address(host),
                coordinates,
                accuracy_km,
                place: Some(place),
                treatment,
                network,
                hosting_network,
            })
        }))
    }

    /// A name under which states and verdicts are stored. `None` if it is too long for their indexes.
    fn name(&mut self, row: &RowDatums, column: QueryColumn) -> Result<Option<Arc<str>>, TravelError> {
        Ok(self.text(row, column)?.filter(|name| is_storable(name)))
    }

    fn text(&mut self, row: &RowDatums, column: QueryColumn) -> Result<Option<Arc<str>>, TravelError> {
        let Some(datum) = row[column.index()] else { return Ok(None) };
        // SAFETY: the column is a text, as `read` checked; the row lives longer than the call.
        let text = utf8(unsafe { varlena_bytes(datum) })?;
        // An id occurs only once, so it is not shared.
        if column == QueryColumn::Label(EventLabel::EventId) {
            return Ok(Some(text.into()));
        }
        let last = &mut self.last_texts[place_of(text)];
        if let Some(last) = last.as_ref().filter(|last| ***last == *text) {
            return Ok(Some(last.clone()));
        }
        if let Some(known) = self.texts.get(text) {
            *last = Some(known.clone());
            return Ok(Some(known.clone()));
        }
        let text: Arc<str> = text.into();
        *last = Some(text.clone());
        if self.texts.len() >= KEPT_TEXTS {
            self.texts.clear();
        }
        self.texts.insert(text.clone());
        Ok(Some(text))
    }
}

/// The place of a text among the last ones. Its length and its last bytes differ most often from those of other texts.
fn place_of(text: &str) -> usize {
    let bytes = text.as_bytes();
    let word =
        |bytes: &[u8]| bytes.iter().rev().take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    let mixed = (word(bytes) ^ (bytes.len() as u64) << 56 ^ word(&bytes[..bytes.len() / 2]).rotate_left(24))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize % LAST_TEXTS
}
