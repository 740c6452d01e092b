//! The verdicts on legs of an entity, as scans stored them.

use super::Wanted;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument, Column, QueryRow};
use crate::pg::types::Type;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use travel_core::geodesy::Coordinates;
use travel_core::rule::Micros;
use travel_core::site::Site;

/// The stored verdicts that no row has shown yet, by the time and the site at which their legs arrive.
pub struct StoredVerdicts(BTreeMap<(Micros, Site), StoredVerdict>);

/// A row of `travel.verdicts`.
pub struct StoredVerdict {
    pub leg_id: String,
    pub raised: bool,
    pub reasons: Vec<String>,
    pub alert_id: Option<i64>,
    pub suppression_ids: Vec<i64>,
    pub network_names: Vec<String>,
    pub from_time: Option<Micros>,
    pub from_city: Option<String>,
    pub from_country_code: Option<String>,
    pub to_address: Option<IpAddr>,
    pub to_event_id: Option<String>,
    pub to_event_name: Option<String>,
    pub to_city: Option<String>,
    pub to_country_code: Option<String>,
    pub distance_km: f64,
    pub effective_distance_km: f64,
    pub elapsed_seconds: f64,
    pub velocity_kmh: Option<f64>,
}

impl StoredVerdicts {
    pub fn load(wanted: &Wanted) -> Result<Self, TravelError> {
        let rows = spi::select(
            "SELECT leg_id, raised, reasons, alert_id, suppression_ids::text[] AS suppression_ids, network_names,
                    from_time, from_city, from_country_code, to_time, pg_catalog.host(to_ip) AS to_ip, to_latitude,
                    to_longitude, to_event_id, to_event_name, to_city, to_country_code, distance_km,
                    effective_distance_km, elapsed_seconds, velocity_kmh
             FROM travel.verdicts
             WHERE rule = $1 AND entity = $2 AND to_time >= coalesce($3, '-infinity')
               AND to_time < coalesce($4, 'infinity')",
            &[
                Argument::text(&wanted.rule),
                Argument::text(&wanted.entity),
                Argument::time(wanted.since),
                Argument::time(wanted.until),
            ],
        );
        spi::columns!(rows => leg_id, raised, reasons, alert_id, suppression_ids, network_names, from_time, from_city);
        spi::columns!(rows => from_country_code, to_time, to_ip, to_latitude, to_longitude, to_event_id, to_event_name);
        spi::columns!(rows => to_city, to_country_code, distance_km, effective_distance_km, elapsed_seconds);
        spi::columns!(rows => velocity_kmh);
        let mut verdicts = BTreeMap::new();
        for row in rows.iter() {
            let to_address = row.text(to_ip)?.and_then(|text| text.parse::<IpAddr>().ok());
            let coordinates = number(row, to_latitude)
                .zip(number(row, to_longitude))
                .and_then(|(latitude, longitude)| Coordinates::new(latitude, longitude).ok());
            let site = match to_address {
                Some(address) => Some(Site::from_address(address)),
                None => coordinates.map(Site::from_coordinates),
            };
            let Some((time, site)) = row.i64(to_time).zip(site) else { continue };
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
                network_names: row.texts(network_names)?,
                from_time: row.i64(from_time),
                from_city: row.string(from_city)?,
                from_country_code: row.string(from_country_code)?,
                to_address,
                to_event_id: row.string(to_event_id)?,
                to_event_name: row.string(to_event_name)?,
                to_city: row.string(to_city)?,
                to_country_code: row.string(to_country_code)?,
                distance_km: number(row, distance_km).unwrap_or_default(),
                effective_distance_km: number(row, effective_distance_km).unwrap_or_default(),
                elapsed_seconds: number(row, elapsed_seconds).unwrap_or_default(),
                velocity_kmh: number(row, velocity_kmh),
            };
            verdicts.insert((time, site), verdict);
        }
        Ok(Self(verdicts))
    }

    /// Takes out the verdict on the leg that arrives at an event.
    pub fn take(&mut self, time: Micros, site: Site) -> Option<StoredVerdict> {
        self.0.remove(&(time, site))
    }

    /// Takes out the verdicts on legs that arrive before a time, in order.
    pub fn take_before(&mut self, time: Micros) -> Vec<(Micros, StoredVerdict)> {
        let mut taken = Vec::new();
        while let Some(first) = self.0.first_entry().filter(|first| first.key().0 < time) {
            let ((arrives, _), verdict) = first.remove_entry();
            taken.push((arrives, verdict));
        }
        taken
    }
}

impl StoredVerdict {
    /// The names of the networks, shared.
    pub fn networks(&self) -> Vec<Arc<str>> {
        self.network_names.iter().map(|name| name.as_str().into()).collect()
    }
}

fn number(row: QueryRow, column: Column) -> Option<f64> {
    row.datum(column, Type::Float8).map(|datum| f64::from_bits(datum.value() as u64))
}
