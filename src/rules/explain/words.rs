//! Causes and explanations, in words that an analyst can act on. Times are UTC.

use super::entity_rows::{EntityRow, Status};
use super::named_rows::NamedRows;
use crate::pg::time::utc;
use std::sync::Arc;
use travel_core::message::travel_time;
use travel_core::rule::settings::DAYS_OF_PROOF;
use travel_core::rule::{
    AddressClass, EvaluatedEvent, KnownBefore, KnownPlace, Learn, PlaceKey, PlaceState, Rule,
};

/// What the reasons of a verdict refer to.
pub struct Facts<'a> {
    pub rule: &'a Rule,
    pub named: &'a NamedRows,
    /// The events at both ends of the leg, as far as they are known.
    pub from: Option<&'a EvaluatedEvent>,
    pub to: Option<&'a EvaluatedEvent>,
    pub known: Option<&'a KnownBefore>,
    pub suppressions: &'a [i64],
    pub networks: &'a [Arc<str>],
}

/// A leg in the words of an explanation.
pub struct LegWords<'a> {
    pub from_city: Option<&'a str>,
    pub from_country_code: Option<&'a str>,
    pub distance_km: f64,
    pub effective_distance_km: f64,
    pub elapsed_seconds: f64,
    pub velocity_kmh: Option<f64>,
}

impl LegWords<'_> {
    /// The leg, as in `9559 km from London, GB in 10 minutes (57351 km/h)`.
    pub fn text(&self) -> String {
        let from = self.from_city.into_iter().chain(self.from_country_code).collect::<Vec<_>>().join(", ");
        let from = if from.is_empty() { "an unnamed location".to_owned() } else { from };
        let mut text = format!("{:.0} km from {from}", self.distance_km);
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
        let thresholds = &rule.thresholds;
        if self.effective_distance_km <= thresholds.min_distance_km {
            format!("the distance is not over {} km", thresholds.min_distance_km)
        } else {
            format!("the velocity is not over {} km/h", thresholds.min_velocity_kmh)
        }
    }
}

/// A place, as in `London, England, GB`.
fn place(key: &PlaceKey) -> String {
    let mut parts: Vec<&str> =
        [&key.city, &key.subdivision].into_iter().flatten().map(|part| &**part).collect();
    parts.dedup();
    parts.push(&key.country_code);
    parts.join(", ")
}

/// What was known of a place, as in `Tokyo, JP was not known`.
fn place_in_words(known: &KnownPlace, named: &NamedRows) -> String {
    let name = place(&known.place);
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

/// What the baseline knew, as one sentence or none.
pub fn knowledge(known: Option<&KnownBefore>, named: &NamedRows, with_start: bool) -> Option<String> {
    let known = known?;
    let from = known.from.as_ref().filter(|from| with_start && Some(*from) != known.to.as_ref());
    let mut places: Vec<String> =
        known.to.iter().chain(from).map(|place| place_in_words(place, named)).collect();
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
pub fn causes(reasons: &[&str], facts: &Facts) -> Vec<String> {
    reasons.iter().map(|reason| format!("{reason}: {}", cause(reason, facts))).collect()
}

fn cause(reason: &str, facts: &Facts) -> String {
    let Facts { rule, named, from, to, known, suppressions, networks } = facts;
    let known = known.as_ref();
    let at_address = |what: Option<String>| {
        let address = to.and_then(|to| to.site.address()).map(|address| address.to_string());
        let address = address.unwrap_or_else(|| "the address at which the leg arrives".to_owned());
        what.map_or(address.clone(), |what| format!("{address} ({what})"))
    };
    // A network that the verdict names, if it is this one; otherwise all that it names.
    let network = |one: Option<&Arc<str>>| {
        let named: Vec<&Arc<str>> =
            networks.iter().filter(|name| one.is_none_or(|one| one == *name)).collect();
        if named.is_empty() { in_words(&networks.iter().collect::<Vec<_>>()) } else { in_words(&named) }
    };
    match reason {
        "before_raise_from" => match rule.raise_from {
            Some(time) => format!("the rule raises nothing before {}", utc(time)),
            None => "the rule had a later raise_from when the verdict was given".to_owned(),
        },
        "learning" => match known.and_then(|known| Some((known, known.learning_until?))) {
            Some((known, until)) if known.is_learning => {
                format!("locations of {} are learned until {}", known.baseline_entity, utc(until))
            }
            Some((known, _)) => {
                format!(
                    "locations of {} were being learned when the verdict was given",
                    known.baseline_entity
                )
            }
            None => "the baseline user has no earlier event".to_owned(),
        },
        "known_place" => {
            let from = known.and_then(|known| known.from.as_ref()).filter(|_| rule.learn == Learn::Proven);
            let ends: Vec<String> = from
                .into_iter()
                .chain(known.and_then(|known| known.to.as_ref()))
                .map(|end| {
                    if end.is_known() {
                        place_in_words(end, named)
                    } else {
                        format!("{} was known when the verdict was given", place(&end.place))
                    }
                })
                .collect();
            if ends.is_empty() { "the location was known".to_owned() } else { ends.join(", and ") }
        }
        "known_transition" => {
            let rows = known.into_iter().flat_map(|known| &known.transition_rows);
            let rows: Vec<String> = rows.map(|id| named.transition(*id)).collect();
            match known.and_then(|known| known.traveled) {
                _ if !rows.is_empty() => rows.join("; "),
                Some(last) => format!("the transition was last traveled at {}", utc(last)),
                None => "the transition was known when the verdict was given".to_owned(),
            }
        }
        "vpn" => network(to.and_then(|to| to.details.network.as_ref())),
        "trusted_network" => network(None),
        "hosting" => match to.and_then(|to| to.details.hosting_network.as_ref()) {
            Some(one) => network(Some(one)),
            None => at_address(to.and_then(|to| to.details.hosting.as_deref()).map(str::to_owned)),
        },
        "anonymizer" => at_address(to.and_then(|to| to.anonymizer).map(|what| what.into_str().to_owned())),
        "carrier" => at_address(to.and_then(|to| to.carrier).map(|what| what.into_str().to_owned())),
        "same_asn" => {
            let asn = to.and_then(|to| to.asn).or(from.and_then(|from| from.asn));
            asn.map_or_else(|| "both addresses".to_owned(), |asn| format!("both addresses are in AS {asn}"))
        }
        "suppressed" => {
            let rows: Vec<String> = suppressions.iter().map(|id| named.suppression(*id)).collect();
            rows.join("; ")
        }
        _ => String::new(),
    }
}

/// Networks by name, as in `networks "Berlin" and "Zürich"`.
fn in_words(names: &[&Arc<str>]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    format!("network{} {}", if names.len() == 1 { "" } else { "s" }, quoted.join(" and "))
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
