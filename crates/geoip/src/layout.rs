//! The layouts of records, which are recognized only by their keys. MaxMind, DB-IP and IP2Location nest their values
//! (`location.latitude`, `city.names.en`). IPinfo and ip-location-db are flat. One serde visitor reads all of them. It
//! skips unknown keys, and treats a value of an unexpected type as missing.

use crate::record::Fields;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess};
use std::sync::Arc;
use travel_core::geodesy::Coordinates;
use travel_core::place::{Anonymizer, Carrier};
use value::{Group, Named, Scalar};

mod value;

/// The confidence in percent, in files of MaxMind, below which an address does not count as a VPN or a residential proxy.
const LEAST_CONFIDENCE: f64 = 50.0;

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut draft = Draft::default();
        Group { draft: &mut draft, depth: 0 }.read(deserializer)?;
        Ok(draft.finish())
    }
}

/// A record while it is read. Texts are borrowed from the file, and numbers are not interpreted yet.
#[derive(Default)]
pub(crate) struct Draft<'de> {
    latitude: Option<f64>,
    longitude: Option<f64>,
    radius: Option<f64>,
    city: Option<&'de str>,
    subdivision: Option<&'de str>,
    country: Option<&'de str>,
    country_code: Option<&'de str>,
    asn: Option<i64>,
    as_organization: Option<&'de str>,
    name: Option<&'de str>,
    confidence: Option<f64>,
    /// The name of a mobile carrier, and whether the record has one of its codes.
    carrier: Option<&'de str>,
    carrier_code: bool,
    /// The name of a service that hides addresses, and whether the record says when the service was seen there.
    service: Option<&'de str>,
    seen: bool,
    /// Whether the record has a flag for a kind of anonymizer, set or not.
    flags_anonymizers: bool,
    /// Whether the record describes a contact, a registration or names, and not a location.
    about_others: bool,
    placeholder: bool,
    anycast: bool,
    hosting: bool,
    vpn: bool,
    tor: bool,
    proxy: bool,
    relay: bool,
    mobile: bool,
    satellite: bool,
}

/// The meaning of a key in a record.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Group,
    Latitude,
    Longitude,
    Radius,
    City,
    Subdivision,
    Country,
    CountryCode,
    Asn,
    AsOrganization,
    Name,
    Anycast,
    Hosting,
    Vpn,
    Tor,
    Proxy,
    Relay,
    Mobile,
    Satellite,
    ConnectionType,
    Confidence,
    GroupConfidence,
    Carrier,
    CarrierCode,
    Service,
    Seen,
    Anonymous,
    AboutOthers,
    Other,
}

impl Key {
    fn of(key: &[u8]) -> Self {
        match key {
            b"location" | b"traits" | b"anonymizer" | b"privacy" | b"geo" | b"as" => Self::Group,
            b"latitude" | b"lat" => Self::Latitude,
            b"longitude" | b"lng" | b"lon" => Self::Longitude,
            b"accuracy_radius" | b"radius" => Self::Radius,
            b"city" => Self::City,
            b"subdivisions" | b"region" | b"region_name" | b"state1" => Self::Subdivision,
            b"country" | b"country_name" => Self::Country,
            b"country_code" => Self::CountryCode,
            b"asn" | b"autonomous_system_number" => Self::Asn,
            b"as_name" | b"as_organization" | b"autonomous_system_organization" => Self::AsOrganization,
            b"name" => Self::Name,
            b"is_anycast" | b"anycast" => Self::Anycast,
            b"is_hosting" | b"is_hosting_provider" | b"hosting" => Self::Hosting,
            b"is_vpn" | b"is_anonymous_vpn" | b"vpn" => Self::Vpn,
            b"is_tor" | b"is_tor_exit_node" | b"tor" => Self::Tor,
            b"is_proxy"
            | b"is_public_proxy"
            | b"is_residential_proxy"
            | b"is_res_proxy"
            | b"is_anonymous_proxy"
            | b"proxy" => Self::Proxy,
            b"is_relay" | b"relay" => Self::Relay,
            b"is_mobile" | b"mobile" => Self::Mobile,
            b"is_satellite" | b"is_satellite_provider" | b"satellite" => Self::Satellite,
            b"connection_type" => Self::ConnectionType,
            b"anonymizer_confidence" => Self::Confidence,
            b"confidence" => Self::GroupConfidence,
            b"carrier" | b"carrier_name" => Self::Carrier,
            b"mcc" | b"mnc" => Self::CarrierCode,
            b"service" | b"provider_name" => Self::Service,
            b"percent_days_seen" | b"network_last_seen" => Self::Seen,
            b"is_anonymous" => Self::Anonymous,
            // Contacts for reports of abuse, registrations (whois), and names (rDNS, hosted domains).
            b"email" | b"phone" | b"address" | b"maintainer" | b"tech" | b"admin" | b"netname"
            | b"whois_domain" | b"rdns_domain" | b"rdns" | b"domains" => Self::AboutOthers,
            _ => Self::Other,
        }
    }
}

impl<'de> Draft<'de> {
    /// Reads the value of one key. The first value is kept; no known layout repeats a field.
    pub(crate) fn read<M: MapAccess<'de>>(
        &mut self,
        key: Key,
        map: &mut M,
        depth: u8,
    ) -> Result<(), M::Error> {
        match key {
            Key::Group => map.next_value_seed(Group { draft: self, depth: depth + 1 })?,
            Key::Latitude => fill(&mut self.latitude, map.next_value::<Scalar>()?.number()),
            Key::Longitude => fill(&mut self.longitude, map.next_value::<Scalar>()?.number()),
            Key::Radius => fill(&mut self.radius, map.next_value::<Scalar>()?.number()),
            Key::City => fill(&mut self.city, map.next_value::<Named>()?.name),
            Key::Subdivision => fill(&mut self.subdivision, map.next_value::<Named>()?.name),
            Key::Country => {
                let country: Named = map.next_value()?;
                self.placeholder |= country.placeholder;
                fill(&mut self.country, country.name);
                fill(&mut self.country_code, country.code);
            }
            Key::CountryCode => {
                let code: Scalar = map.next_value()?;
                self.placeholder |= code.is_placeholder();
                fill(&mut self.country_code, code.text());
            }
            Key::Asn => fill(&mut self.asn, map.next_value::<Scalar>()?.asn()),
            Key::AsOrganization => fill(&mut self.as_organization, map.next_value::<Scalar>()?.text()),
            Key::Name => fill(&mut self.name, map.next_value::<Scalar>()?.text()),
            Key::Anycast => self.anycast |= map.next_value::<Scalar>()?.flag(),
            Key::Hosting => self.hosting |= map.next_value::<Scalar>()?.flag(),
            Key::Vpn => self.vpn |= self.anonymizer_flag(map)?,
            Key::Tor => self.tor |= self.anonymizer_flag(map)?,
            Key::Proxy => self.proxy |= self.anonymizer_flag(map)?,
            Key::Relay => self.relay |= self.anonymizer_flag(map)?,
            Key::Anonymous => {
                self.anonymizer_flag(map)?;
            }
            Key::Mobile => self.mobile |= map.next_value::<Scalar>()?.flag(),
            Key::Satellite => self.satellite |= map.next_value::<Scalar>()?.flag(),
            Key::ConnectionType => match map.next_value::<Scalar>()?.text() {
                Some(kind) if kind.eq_ignore_ascii_case("cellular") => self.mobile = true,
                Some(kind) if kind.eq_ignore_ascii_case("satellite") => self.satellite = true,
                _ => {}
            },
            Key::Confidence => fill(&mut self.confidence, map.next_value::<Scalar>()?.number()),
            Key::GroupConfidence => {
                let confidence = map.next_value::<Scalar>()?.number();
                // In MaxMind's group `anonymizer` this is a percentage. At the top level, IPinfo has levels from 1 to 3.
                fill(&mut self.confidence, confidence.filter(|_| depth > 0));
            }
            Key::Carrier => fill(&mut self.carrier, map.next_value::<Scalar>()?.text()),
            Key::CarrierCode => self.carrier_code |= map.next_value::<Scalar>()?.is_there(),
            Key::Service => fill(&mut self.service, map.next_value::<Scalar>()?.text()),
            Key::Seen => self.seen |= map.next_value::<Scalar>()?.is_there(),
            Key::AboutOthers => {
                map.next_value::<IgnoredAny>()?;
                self.about_others |= depth == 0;
            }
            Key::Other => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn anonymizer_flag<M: MapAccess<'de>>(&mut self, map: &mut M) -> Result<bool, M::Error> {
        self.flags_anonymizers = true;
        map.next_value::<Scalar>().map(|flag| flag.flag())
    }

    fn finish(mut self) -> Fields {
        let coordinates = self.coordinates();
        // The country in such a record is that of a contact or a company.
        if self.about_others && coordinates.is_none() {
            (self.city, self.subdivision, self.country, self.country_code) = (None, None, None, None);
        }
        let (country, country_code) = self.country();
        let text = |text: Option<&str>| text.map(Arc::from);
        Fields {
            coordinates,
            accuracy_km: coordinates.and(self.radius).filter(|radius| radius.is_finite() && *radius >= 0.0),
            city: text(self.city).filter(|_| !self.anycast),
            subdivision: text(self.subdivision).filter(|_| !self.anycast),
            country: text(country),
            country_code: country_code.map(|code| Arc::from(code.to_ascii_uppercase())),
            asn: self.asn,
            // The ASN file of IPinfo calls the organization `name`. Without an AS number, `name` could mean anything.
            as_organization: text(self.as_organization.or(self.name.filter(|_| self.asn.is_some()))),
            hosting: self.hosting,
            anonymizer: self.anonymizer(),
            carrier: match (self.satellite, self.mobile || self.is_of_mobile_carrier()) {
                (true, _) => Some(Carrier::Satellite),
                (false, true) => Some(Carrier::Mobile),
                (false, false) => None,
            },
            anycast: self.anycast,
        }
    }

    fn coordinates(&self) -> Option<Coordinates> {
        let (latitude, longitude) = (self.latitude?, self.longitude?);
        // IP2Location writes `-` for an unknown country, with the coordinates 0,0. Otherwise 0,0 is a real place.
        if self.anycast || (self.placeholder && latitude == 0.0 && longitude == 0.0) {
            return None;
        }
        Coordinates::new(latitude, longitude).ok()
    }

    /// The name and the ISO code of a country. A name of two letters is a code, as in older files of IPinfo.
    fn country(&self) -> (Option<&'de str>, Option<&'de str>) {
        let code = self.country_code.filter(|code| is_code(code));
        match self.country {
            Some(name) if is_code(name) => (None, code.or(Some(name))),
            name => (name, code),
        }
    }

    /// The carrier file of IPinfo has no flag, but a record for each network of a mobile carrier, with the carrier's name
    /// and its country code and network code.
    fn is_of_mobile_carrier(&self) -> bool {
        self.carrier_code && (self.carrier.is_some() || self.name.is_some())
    }

    /// The residential-proxy files of IPinfo and MaxMind have no flags, but a record for each address that a service for
    /// proxies uses, with the name of the service and when it was seen.
    fn is_residential_proxy(&self) -> bool {
        self.seen && !self.flags_anonymizers && (self.service.is_some() || self.confidence.is_some())
    }

    fn anonymizer(&self) -> Option<Anonymizer> {
        let is_sure = self.confidence.is_none_or(|confidence| confidence >= LEAST_CONFIDENCE);
        [
            (self.tor, Anonymizer::Tor),
            (self.vpn && is_sure, Anonymizer::Vpn),
            (self.proxy || (self.is_residential_proxy() && is_sure), Anonymizer::Proxy),
            (self.relay, Anonymizer::Relay),
        ]
        .into_iter()
        .find_map(|(there, kind)| there.then_some(kind))
    }
}

fn fill<T>(field: &mut Option<T>, value: Option<T>) {
    if field.is_none() {
        *field = value;
    }
}

fn is_code(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
