//! Causes and explanations, in words that an analyst can act on. Times are UTC.

use super::ends::End;
use super::entity_rows::{EntityRow, Status};
use super::named_rows::NamedRows;
use crate::pg::errors::TravelError;
use crate::pg::time::utc;
use crate::rules::reader::LONGEST_NAME;
use std::sync::Arc;
use travel_core::journey::Thresholds;
use travel_core::message::{LegEnd, travel_time};
use travel_core::rule::settings::DAYS_OF_PROOF;
use travel_core::rule::{
    AddressClass, EvaluatedEvent, KnownBefore, KnownPlace, Learn, Micros, PlaceState, Reason, Rule,
};
use travel_core::site::Site;

/// What the reasons of a verdict refer to.
pub struct Facts<'a> {
    pub rule: &'a Rule,
    pub named: &'a NamedRows,
    /// The ends of the leg on which the verdict was given.
    pub from: &'a End,
    pub to: &'a End,
    /// When the leg arrives.
    pub time: Micros,
    /// What the baseline knew before the leg arrived, as it is evaluated now. `None`: nothing is known of that.
    pub known: Option<&'a KnownBefore>,
    pub suppressions: &'a [i64],
    /// The networks that gave reasons, in no relation to the ends.
    pub networks: &'a [Arc<str>],
}

/// A leg in the words of an explanation.
pub struct LegWords<'a> {
    pub from: LegEnd<'a>,
    pub distance_km: f64,
    pub effective_distance_km: f64,
    pub elapsed_seconds: f64,
    pub velocity_kmh: Option<f64>,
}

impl LegWords<'_> {
    /// The leg, as in `9559 km from London, GB in 10 minutes (57351 km/h)`.
    pub fn text(&self) -> String {
        let mut text = format!("{:.0} km from {}", self.distance_km, self.from);
        match self.velocity_kmh {
            Some(velocity) => {
                text.push_str(&format!(" in {} ({velocity:.0} km/h)", travel_time(self.elapsed_seconds)));
            }
            None => text.push_str(" in the same second"),
        }
        if self.effective_distance_km.round() < self.distance_km.round() {
            text.push_str(&format!(
                ", at least {:.0} km by the accuracy of both locations",
                self.effective_distance_km
            ));
        }
        text
    }

    /// Why the leg is possible.
    pub fn why_possible(&self, rule: &Rule) -> String {
        let Thresholds { min_distance_km, min_velocity_kmh, .. } = rule.thresholds;
        let effective_km = self.effective_distance_km;
        if effective_km <= min_distance_km {
            return if self.distance_km <= min_distance_km {
                format!("the distance is not over {min_distance_km} km")
            } else {
                format!("{effective_km:.0} km is not over {min_distance_km} km")
            };
        }
        match self.velocity_kmh.filter(|velocity| *velocity > min_velocity_kmh) {
            Some(velocity) => format!(
                "over {effective_km:.0} km, the velocity is {:.0} km/h, which is not over {min_velocity_kmh} km/h",
                velocity * effective_km / self.distance_km
            ),
            None => format!("the velocity is not over {min_velocity_kmh} km/h"),
        }
    }
}

/// What was known of a place, as in `Tokyo, JP was not known`.
fn place_in_words(known: &KnownPlace, named: &NamedRows) -> String {
    let name = &known.place;
    let rows: Vec<String> = known.rows.iter().map(|id| named.place(*id)).collect();
    if !rows.is_empty() {
        return format!("{name} was known ({})", rows.join("; "));
    }
    match known.learned.map(|record| record.state) {
        Some(PlaceState::Known { since }) => format!("{name} was known since {} (learned)", utc(since)),
        Some(PlaceState::Trial { since, days, .. }) => format!(
            "{name} was on trial since {} (seen on {days} of at least {DAYS_OF_PROOF} days)",
            utc(since)
        ),
        Some(PlaceState::Contested { since }) => {
            format!("{name} was contested since {} (contradicted by activity elsewhere)", utc(since))
        }
        None => format!("{name} was not known"),
    }
}

/// What the baseline knew, as one sentence or none. It leaves out what these causes say already.
pub fn knowledge(
    known: Option<&KnownBefore>,
    named: &NamedRows,
    with_start: bool,
    causes: &[String],
) -> Option<String> {
    let known = known?;
    let from = known.from.as_ref().filter(|from| with_start && Some(*from) != known.to.as_ref());
    let mut places: Vec<String> =
        known.to.iter().chain(from).map(|place| place_in_words(place, named)).collect();
    places.retain(|place| !causes.iter().any(|cause| cause.contains(place)));
    if known.is_learning {
        places.push(match known.learning_until {
            Some(until) => format!("locations are learned until {}", utc(until)),
            None => "the learning period begins with this event".to_owned(),
        });
    }
    if places.is_empty() {
        return None;
    }
    Some(format!("For {}, {}.", known.baseline_entity, places.join(", and ")))
}

/// The causes of a verdict, one for each reason.
pub fn causes(reasons: &[&str], facts: &Facts) -> Result<Vec<String>, TravelError> {
    reasons.iter().map(|reason| Ok(format!("{reason}: {}", facts.cause(reason, reasons)?))).collect()
}

impl Facts<'_> {
    /// The cause of one of the reasons of a verdict.
    fn cause(&self, reason: &str, reasons: &[&str]) -> Result<String, TravelError> {
        let to = self.to;
        Ok(match reason {
            "before_raise_from" => self.raise_from(),
            "learning" => self.learning(),
            "known_place" => self.known_places(),
            "known_transition" => self.known_transition(),
            "vpn" => self.networks(Reason::Vpn, reasons)?,
            "trusted_network" => self.networks(Reason::TrustedNetwork, reasons)?,
            "hosting" => {
                let named = self.networks(Reason::Hosting, reasons)?;
                if named.is_empty() { self.address(to.hosting.as_deref()) } else { named }
            }
            "anonymizer" => self.address(to.anonymizer.as_deref()),
            "carrier" => self.address(to.carrier.as_deref()),
            "same_asn" => match to.asn.or(self.from.asn) {
                Some(asn) => format!("both addresses are in AS {asn}"),
                None => "both addresses".to_owned(),
            },
            "suppressed" => {
                let rows: Vec<String> =
                    self.suppressions.iter().map(|id| self.named.suppression(*id)).collect();
                rows.join("; ")
            }
            _ => String::new(),
        })
    }

    fn raise_from(&self) -> String {
        match self.rule.raise_from {
            Some(raise_from) if self.time < raise_from => {
                format!("the rule raises nothing before {}", utc(raise_from))
            }
            Some(raise_from) => format!(
                "raise_from of the rule was later when the verdict was given; now it is {}",
                utc(raise_from)
            ),
            None => "the rule had a raise_from when the verdict was given; now it has none".to_owned(),
        }
    }

    fn learning(&self) -> String {
        match self.known {
            Some(known) if known.is_learning => match known.learning_until {
                Some(until) => {
                    format!("locations of {} are learned until {}", known.baseline_entity, utc(until))
                }
                None => {
                    format!("{} has no earlier event from which locations are learned", known.baseline_entity)
                }
            },
            Some(known) => {
                format!(
                    "locations of {} were being learned when the verdict was given",
                    known.baseline_entity
                )
            }
            None => "locations were being learned when the verdict was given".to_owned(),
        }
    }

    fn known_places(&self) -> String {
        let from = self.from.place.as_ref().filter(|_| self.rule.learn == Learn::Proven);
        let ends: Vec<String> = from
            .into_iter()
            .chain(&self.to.place)
            .map(|end| {
                let mut known = self.known.into_iter().flat_map(|known| known.to.iter().chain(&known.from));
                match known.find(|known| known.place == *end && known.is_known()) {
                    Some(known) => place_in_words(known, self.named),
                    None => format!("{end} was known when the verdict was given"),
                }
            })
            .collect();
        if ends.is_empty() {
            "the location was known when the verdict was given".to_owned()
        } else {
            ends.join(", and ")
        }
    }

    fn known_transition(&self) -> String {
        // What is known now is about the leg that arrives now.
        let known = self.known.filter(|known| {
            let places = |known: &Option<KnownPlace>| known.as_ref().map(|known| known.place.clone());
            places(&known.from) == self.from.place && places(&known.to) == self.to.place
        });
        let rows = known.into_iter().flat_map(|known| &known.transition_rows);
        let rows: Vec<String> = rows.map(|id| self.named.transition(*id)).collect();
        match known.and_then(|known| known.traveled) {
            _ if !rows.is_empty() => rows.join("; "),
            Some(last) => format!("the transition was last traveled at {}", utc(last)),
            None => "the transition was known when the verdict was given".to_owned(),
        }
    }

    /// The address at which the leg arrives, and what is known of it, as in `198.51.100.7 (vpn)`.
    fn address(&self, what: Option<&str>) -> String {
        let address = self.to.address.map(|address| address.to_string());
        let address = address.unwrap_or_else(|| "the address at which the leg arrives".to_owned());
        what.map_or(address.clone(), |what| format!("{address} ({what})"))
    }

    /// The networks that gave a reason, each with who entered it and when. Empty if no network did.
    fn networks(&self, reason: Reason, reasons: &[&str]) -> Result<String, TravelError> {
        let mut found: Vec<String> = Vec::new();
        let mut changed: Vec<String> = Vec::new();
        // The verdict does not say which network gave which reason.
        let others: Vec<Reason> = [Reason::Vpn, Reason::TrustedNetwork, Reason::Hosting]
            .into_iter()
            .filter(|other| *other != reason && reasons.contains(&other.into_str()))
            .collect();
        for name in self.networks {
            let own = self.network(reason, name)?;
            let is_of_others = || {
                others.iter().try_fold(false, |is, other| {
                    Ok::<_, TravelError>(is || self.network(*other, name)?.is_some())
                })
            };
            match own {
                Some(network) => found.push(network),
                // An address of a hosting provider need not be in a named network.
                None if reason == Reason::Hosting && !others.is_empty() => {}
                None if is_of_others()? => {}
                None => changed.push(format!("network \"{name}\"")),
            }
        }
        let verb = if changed.len() == 1 { "has" } else { "have" };
        if !changed.is_empty() {
            let names = changed.join(if others.is_empty() { " and " } else { " or " });
            found.push(format!("{names}, which {verb} since been changed or deleted"));
        }
        Ok(found.join("; "))
    }

    /// The network of this name that gives a reason for the leg now.
    fn network(&self, reason: Reason, name: &Arc<str>) -> Result<Option<String>, TravelError> {
        let of_start = match reason {
            Reason::TrustedNetwork => self.named.network(reason, name, self.from, self.time)?,
            _ => None,
        };
        of_start
            .map_or_else(|| self.named.network(reason, name, self.to, self.time), |network| Ok(Some(network)))
    }
}

/// Why no leg arrives at an event that is evaluated. `start` is the event from which a leg would start.
pub fn no_leg(start: Option<(Micros, Site)>) -> String {
    match start {
        Some((time, site)) => {
            let sites =
                if site.address().is_some() { "the address is that" } else { "the coordinates are those" };
            format!("No leg: {sites} of the event at {}, from which a leg would start.", utc(time))
        }
        None => "No leg: the entity has no earlier event from which a leg can start.".to_owned(),
    }
}

/// Why a row forms no leg although its entity was active.
pub fn why_no_leg(row: &EntityRow) -> String {
    match row.status {
        Status::Evaluated => "The event arrived while this statement ran.".to_owned(),
        Status::Duplicate => {
            "Another row with this time and address represents the event, so this one is not counted."
                .to_owned()
        }
        Status::FailedAuth => {
            "A failed sign-in does not prove that the credential was used, so the event is not evaluated."
                .to_owned()
        }
        Status::Service => "An AWS service made the call, so its address is not that of the user.".to_owned(),
        Status::Ignored => match &row.network {
            Some(name) => {
                format!("Network \"{name}\" has the treatment ignore, so the event counts as absent.")
            }
            None => "The address is in an ignored network, so the event counts as absent.".to_owned(),
        },
        Status::Excluded => "The condition of the rule excludes the event.".to_owned(),
        Status::TooLong => format!(
            "The name of the entity has more than {LONGEST_NAME} bytes, so the event is not evaluated."
        ),
        Status::Missing => "The source no longer has the event.".to_owned(),
        Status::NotLocated => format!("The event is not located: {}.", why_not_located(row)),
    }
}

fn why_not_located(row: &EntityRow) -> &'static str {
    match &*row.source_kind {
        "absent" => "it has no address",
        "malformed" => "its address is malformed",
        "private" => "its address is private, and no named network locates it",
        "aws_service" => "its address is the name of an AWS service",
        "aws_internal" => "its address is AWS Internal",
        _ if row.address.is_none() => "it has no usable coordinates",
        _ => "no GeoIP database and no named network locates its address",
    }
}

/// Why no leg starts at a passing event.
pub fn why_passing(class: &AddressClass, event: &EvaluatedEvent) -> Option<String> {
    let AddressClass::Passing(reasons) = class else { return None };
    let whys: Vec<String> = reasons
        .iter()
        .map(|reason| match (reason.into_str(), &event.details.network) {
            ("vpn", Some(name)) => format!("network \"{name}\" has the treatment vpn"),
            (ignored, _) => format!("the rule ignores {ignored}"),
        })
        .collect();
    Some(format!("No leg starts here: {}.", whys.join(", and ")))
}
