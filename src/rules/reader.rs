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
use travel_core::rule::{CurrentLocation, EvaluatedEvent, EventDetails, EventId, Micros, Treatment};
use travel_core::site::Site;

/// The number of texts that are shared at a time.
const KEPT_TEXTS: usize = 100_000;

/// The number of texts that are found without hashing. A power of two.
const LAST_TEXTS: usize = 4096;

/// The number of details that are shared at a time. A power of two.
const LAST_DETAILS: usize = 4096;

/// The labels that an event keeps among its details.
const DETAILS: [EventLabel; 9] = [
    EventLabel::EventSource,
    EventLabel::AwsRegion,
    EventLabel::ErrorCode,
    EventLabel::AccountId,
    EventLabel::Principal,
    EventLabel::Actor,
    EventLabel::SessionName,
    EventLabel::UserName,
    EventLabel::Arn,
];

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
    /// The details of the events that were read last, each at a place that follows from the entity and the source of the
    /// event. They are shared as texts are.
    last_details: Vec<Option<Arc<EventDetails>>>,
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
        Self {
            location_type,
            places,
            texts: HashSet::new(),
            last_texts: vec![None; LAST_TEXTS],
            last_details: vec![None; LAST_DETAILS],
        }
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
        Ok(match self.event(row)? {
            None => Read::Nothing,
            Some((time, None)) => Read::NotLocated(time),
            Some((_, Some(event))) => Read::Located(Box::new(event)),
        })
    }

    /// Reads a row as [`Self::read_row`] does: its time, and the event if it is located. `None` if it has no time.
    pub fn event(
        &mut self,
        row: &RowDatums,
    ) -> Result<Option<(Micros, Option<EvaluatedEvent>)>, TravelError> {
        let Some(time) = row[QueryColumn::EventTime.index()].map(|time| time.value() as i64) else {
            return Ok(None);
        };
        let (Some(entity), Some(location)) =
            (self.name(row, QueryColumn::Entity)?, self.location(row, time)?)
        else {
            return Ok(Some((time, None)));
        };
        let details = self.details(row, &entity, &location)?;
        let EventLocation { site, coordinates, accuracy_km, place, treatment, .. } = location;
        let place = place.as_deref();
        let mut label = |label: EventLabel| self.text(row, QueryColumn::Label(label));
        let event_name = label(EventLabel::EventName)?;
        let access_key_id = label(EventLabel::AccessKeyId)?;
        let user_agent = label(EventLabel::UserAgent)?;
        let outcome = label(EventLabel::Outcome)?;
        let identity_type = label(EventLabel::IdentityType)?;
        let city = self.place_name(row, PlaceField::City, place.and_then(|place| place.city.as_ref()))?;
        let subdivision = place.and_then(|place| place.subdivision.as_ref());
        let subdivision = self.place_name(row, PlaceField::Subdivision, subdivision)?;
        let country_code = place.and_then(|place| place.country_code.as_ref());
        let country_code = self.place_name(row, PlaceField::CountryCode, country_code)?;
        let event = EvaluatedEvent {
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
            event_id: self.event_id(row)?,
            event_name,
            access_key_id,
            user_agent,
            outcome,
            identity_type,
            mfa_used: row[QueryColumn::MfaUsed.index()].map(|truth| truth.value() as u8 != 0),
            details,
        };
        Ok(Some((time, Some(event))))
    }

    /// A name of the place of an event, where `of_place` is the one of its address.
    fn place_name(
        &mut self,
        row: &RowDatums,
        field: PlaceField,
        of_place: Option<&Arc<str>>,
    ) -> Result<Option<Arc<str>>, TravelError> {
        match self.location_type {
            LocationType::Address => Ok(of_place.cloned()),
            LocationType::Coordinates => self.text(row, QueryColumn::Place(field)),
        }
    }

    /// The details of an event. Those of an earlier one, if they are the same.
    fn details(
        &mut self,
        row: &RowDatums,
        entity: &str,
        location: &EventLocation,
    ) -> Result<Arc<EventDetails>, TravelError> {
        let place = location.place.as_deref();
        let country =
            self.place_name(row, PlaceField::Country, place.and_then(|place| place.country.as_ref()))?;
        let bytes = |label: EventLabel| {
            // SAFETY: the column is a text, as `read` checked; the row lives longer than the call.
            row[QueryColumn::Label(label).index()].map(|datum| unsafe { varlena_bytes(datum) })
        };
        let source = bytes(EventLabel::EventSource).unwrap_or_default();
        let at = (place_of(entity.as_bytes()) ^ place_of(source)) % LAST_DETAILS;
        let of_place = |of: fn(&Place) -> &Option<Arc<str>>| place.and_then(|place| of(place).as_ref());
        let as_organization = of_place(|place| &place.as_organization);
        let hosting = of_place(|place| &place.hosting);
        if let Some(known) = &self.last_details[at]
            && DETAILS
                .iter()
                .all(|label| detail(known, *label).as_ref().map(|text| text.as_bytes()) == bytes(*label))
            && known.country == country
            && known.as_organization.as_ref() == as_organization
            && known.hosting.as_ref() == hosting
            && known.network == location.network
            && known.hosting_network == location.hosting_network
        {
            return Ok(known.clone());
        }
        let mut label = |label: EventLabel| self.text(row, QueryColumn::Label(label));
        let details = Arc::new(EventDetails {
            event_source: label(EventLabel::EventSource)?,
            aws_region: label(EventLabel::AwsRegion)?,
            error_code: label(EventLabel::ErrorCode)?,
            account_id: label(EventLabel::AccountId)?,
            principal: label(EventLabel::Principal)?,
            actor: label(EventLabel::Actor)?,
            session_name: label(EventLabel::SessionName)?,
            user_name: label(EventLabel::UserName)?,
            arn: label(EventLabel::Arn)?,
            country,
            as_organization: as_organization.cloned(),
            hosting: hosting.cloned(),
            network: location.network.clone(),
            hosting_network: location.hosting_network.clone(),
        });
        self.last_details[at] = Some(details.clone());
        Ok(details)
    }

    /// The id of the event in a row that [`Self::read_row`] can read. An id occurs only once, so it is not shared.
    pub fn event_id(&self, row: &RowDatums) -> Result<Option<EventId>, TravelError> {
        let Some(datum) = row[QueryColumn::Label(EventLabel::EventId).index()] else { return Ok(None) };
        // SAFETY: the column is a text, as `read` checked; the row lives longer than the call.
        let id = utf8(unsafe { varlena_bytes(datum) })?;
        Ok(Some(id.into()))
    }

    /// A label of a row that [`Self::read_row`] can read, except the id of the event.
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
        let bytes = unsafe { varlena_bytes(datum) };
        let last = &mut self.last_texts[place_of(bytes) % LAST_TEXTS];
        if let Some(last) = last.as_ref().filter(|last| last.as_bytes() == bytes) {
            return Ok(Some(last.clone()));
        }
        let text = utf8(bytes)?;
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

/// A number by which a text is found among the last ones. Its length and its last bytes differ most often from those of
/// other texts.
fn place_of(bytes: &[u8]) -> usize {
    let word = |bytes: &[u8]| match bytes.last_chunk() {
        Some(last) => u64::from_le_bytes(*last),
        None => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let mixed = (word(bytes) ^ (bytes.len() as u64) << 56 ^ word(&bytes[..bytes.len() / 2]).rotate_left(24))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as usize
}

/// A label that an event keeps among its details. `None` for any other.
fn detail(details: &EventDetails, label: EventLabel) -> &Option<Arc<str>> {
    match label {
        EventLabel::EventSource => &details.event_source,
        EventLabel::AwsRegion => &details.aws_region,
        EventLabel::ErrorCode => &details.error_code,
        EventLabel::AccountId => &details.account_id,
        EventLabel::Principal => &details.principal,
        EventLabel::Actor => &details.actor,
        EventLabel::SessionName => &details.session_name,
        EventLabel::UserName => &details.user_name,
        EventLabel::Arn => &details.arn,
        _ => &None,
    }
}
