//! The verdicts on legs of an entity, as scans stored them.

use super::Wanted;
use super::ends::End;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument, Column, Cursor, QueryRow, Rows};
use crate::pg::types::Type;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use travel_core::geodesy::Coordinates;
use travel_core::rule::{EventId, Learn, Micros, PlaceKey};
use travel_core::site::Site;

/// The stored verdicts that no row has shown yet, read in portions in the order of their legs.
pub struct StoredVerdicts {
    learn: Learn,
    /// `None`: every verdict was read.
    cursor: Option<Cursor>,
    /// The verdicts of the portions read so far. The key is the time and the site at which a leg arrives.
    waiting: BTreeMap<(Micros, Site), StoredVerdict>,
    /// The newest time that was read.
    newest: Option<Micros>,
}

/// How many verdicts are read at once.
const PORTION: usize = 1000;

/// A row of `travel.verdicts`.
pub struct StoredVerdict {
    pub leg_id: String,
    pub raised: bool,
    pub reasons: Vec<String>,
    pub alert_id: Option<i64>,
    pub suppression_ids: Vec<i64>,
    pub network_names: Vec<Arc<str>>,
    pub from_time: Option<Micros>,
    /// The ends of the leg as they were when the verdict was given.
    pub from: End,
    pub from_latitude: f64,
    pub from_longitude: f64,
    pub to: End,
    pub to_event_id: Option<EventId>,
    pub to_event_name: Option<Arc<str>>,
    pub distance_km: f64,
    pub effective_distance_km: f64,
    pub elapsed_seconds: f64,
    pub velocity_kmh: Option<f64>,
}

impl StoredVerdicts {
    pub fn open(wanted: &Wanted, learn: Learn) -> Self {
        let cursor = Cursor::open(
            "SELECT leg_id, raised, reasons, alert_id, suppression_ids::text[] AS suppression_ids, network_names,
                    from_time, pg_catalog.host(from_ip) AS from_ip, from_city, from_subdivision, from_country_code,
                    from_asn, from_latitude, from_longitude, to_time, pg_catalog.host(to_ip) AS to_ip, to_latitude,
                    to_longitude, to_event_id, to_event_name, to_city, to_subdivision, to_country_code, to_asn, to_hosting, to_anonymizer,
                    to_carrier, distance_km, effective_distance_km, elapsed_seconds, velocity_kmh
             FROM travel.verdicts
             WHERE rule = $1 AND entity = $2 AND to_time >= coalesce($3, '-infinity')
               AND to_time < coalesce($4, 'infinity')
             ORDER BY to_time",
            &[
                Argument::text(&wanted.rule),
                Argument::text(&wanted.entity),
                Argument::time(wanted.since),
                Argument::time(wanted.until),
            ],
            false,
        );
        Self { learn, cursor: Some(cursor), waiting: BTreeMap::new(), newest: None }
    }

    /// Takes out the first verdict, if its leg arrives before a time and a site. Events without a site are the last ones
    /// of their time.
    pub fn take_before(
        &mut self,
        time: Micros,
        site: Option<Site>,
    ) -> Result<Option<(Micros, StoredVerdict)>, TravelError> {
        self.take_first(time, |at| (at.0, false, Some(at.1)) < (time, site.is_none(), site))
    }

    /// Takes out the first verdict, if its leg arrives before a time.
    pub fn take_earlier(&mut self, time: Micros) -> Result<Option<(Micros, StoredVerdict)>, TravelError> {
        self.take_first(time, |at| at.0 < time)
    }

    /// Takes out the verdict on the leg that arrives at an event. Those before it were taken out.
    pub fn take(&mut self, time: Micros, site: Site) -> Result<Option<StoredVerdict>, TravelError> {
        while self.newest.is_none_or(|newest| newest <= time) && self.read_more()? {}
        Ok(self.waiting.remove(&(time, site)))
    }

    /// Takes out the first verdict, if it is wanted. Only verdicts up to a time can be.
    fn take_first(
        &mut self,
        until: Micros,
        is_wanted: impl FnOnce((Micros, Site)) -> bool,
    ) -> Result<Option<(Micros, StoredVerdict)>, TravelError> {
        // More verdicts of the newest time may follow, and one of them may come first.
        while self.newest.is_none_or(|newest| newest <= until)
            && self.waiting.first_key_value().is_none_or(|(first, _)| Some(first.0) == self.newest)
            && self.read_more()?
        {}
        let first = self.waiting.first_entry().filter(|first| is_wanted(*first.key()));
        Ok(first.map(|first| {
            let ((arrives, _), verdict) = first.remove_entry();
            (arrives, verdict)
        }))
    }

    /// Reads the next verdicts. Returns whether there were any.
    fn read_more(&mut self) -> Result<bool, TravelError> {
        let Some(cursor) = &mut self.cursor else { return Ok(false) };
        let rows = cursor.fetch(PORTION);
        if rows.is_empty()
            && let Some(cursor) = self.cursor.take()
        {
            cursor.close();
        }
        self.read(&rows)?;
        Ok(!rows.is_empty())
    }

    fn read(&mut self, rows: &Rows) -> Result<(), TravelError> {
        spi::columns!(rows => leg_id, raised, reasons, alert_id, suppression_ids, network_names, from_time, from_ip);
        spi::columns!(rows => from_city, from_subdivision, from_country_code, from_asn, from_latitude, from_longitude);
        spi::columns!(rows => to_time, to_ip, to_latitude, to_longitude, to_event_id, to_event_name, to_city, to_subdivision, to_country_code, to_asn);
        spi::columns!(rows => to_hosting, to_anonymizer, to_carrier, distance_km, effective_distance_km);
        spi::columns!(rows => elapsed_seconds, velocity_kmh);
        for row in rows.iter() {
            pgrx::check_for_interrupts!();
            let end = |ip, city, subdivision, country_code, asn| {
                let (city, country_code) = (row.shared_text(city)?, row.shared_text(country_code)?);
                let subdivision = row.shared_text(subdivision)?;
                let place = country_code.clone().map(|country_code| {
                    PlaceKey { country_code, subdivision, city: city.clone() }.under(self.learn)
                });
                let address: Option<IpAddr> = row.text(ip)?.and_then(|text| text.parse().ok());
                Ok::<_, TravelError>(End {
                    address,
                    city,
                    country_code,
                    place,
                    asn: row.i64(asn),
                    ..End::default()
                })
            };
            let from = end(from_ip, from_city, from_subdivision, from_country_code, from_asn)?;
            let to = End {
                hosting: row.shared_text(to_hosting)?,
                anonymizer: row.shared_text(to_anonymizer)?,
                carrier: row.shared_text(to_carrier)?,
                ..end(to_ip, to_city, to_subdivision, to_country_code, to_asn)?
            };
            let coordinates = number(row, to_latitude)
                .zip(number(row, to_longitude))
                .and_then(|(latitude, longitude)| Coordinates::new(latitude, longitude).ok());
            let site = to.address.map(Site::from_address).or(coordinates.map(Site::from_coordinates));
            let Some(time) = row.i64(to_time) else { continue };
            self.newest = self.newest.max(Some(time));
            let Some(site) = site else { continue };
            let verdict = StoredVerdict {
                leg_id: row.string(leg_id)?.unwrap_or_default(),
                raised: row.is_true(raised),
                reasons: row.texts(reasons)?,
                alert_id: row.i64(alert_id),
                suppression_ids: row
                    .texts(suppression_ids)?
                    .iter()
                    .filter_map(|id| id.parse().ok())
                    .collect(),
                network_names: row.texts(network_names)?.into_iter().map(Arc::from).collect(),
                from_time: row.i64(from_time),
                from,
                from_latitude: number(row, from_latitude).unwrap_or_default(),
                from_longitude: number(row, from_longitude).unwrap_or_default(),
                to,
                to_event_id: row.text(to_event_id)?.map(Into::into),
                to_event_name: row.shared_text(to_event_name)?,
                distance_km: number(row, distance_km).unwrap_or_default(),
                effective_distance_km: number(row, effective_distance_km).unwrap_or_default(),
                elapsed_seconds: number(row, elapsed_seconds).unwrap_or_default(),
                velocity_kmh: number(row, velocity_kmh),
            };
            self.waiting.insert((time, site), verdict);
        }
        Ok(())
    }
}

fn number(row: QueryRow, column: Column) -> Option<f64> {
    row.datum(column, Type::Float8).map(|datum| f64::from_bits(datum.value() as u64))
}
