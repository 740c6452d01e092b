//! The causes of alerts, and the row that would silence each.

use crate::guards::{LONGEST_NAME, LONGEST_NOTE};
use crate::pg::identifier::visible_string;
use crate::rules::dry_run::Additions;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use travel_core::entity::is_temporary_key;
use travel_core::network::{NamedNetwork, Scope, prefix};
use travel_core::rule::{
    AnalystRow, EvaluatedEvent, KnownItem, Learn, Micros, PlaceKey, Rule, Suppression, Treatment, Verdict,
    like_exactly,
};

/// What several alerts have in common. Causes sort by kind, in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cause {
    /// A baseline user at a location that is not known.
    Location { user: Arc<str>, place: PlaceKey },
    /// An entity, in a rule without a baseline. A temporary access key is none, because it expires.
    Entity(Arc<str>),
    /// An address that several users share.
    Address(IpAddr),
    /// An autonomous system that several users share.
    System(i64),
    /// Two countries, the lesser code first.
    Countries(Arc<str>, Arc<str>),
}

/// A row that would silence a cause.
pub struct Remedy {
    /// The statement that inserts the row.
    pub statement: String,
    pub rows: Additions,
    /// A row of `travel.networks`.
    pub network: Option<NamedNetwork>,
}

/// The causes of an alert that a raised leg shows. An end at a known location causes no alert, and an end at a Tor address
/// is never a reason to silence alerts.
pub fn causes(verdict: &Verdict, rule: &Rule, has_lineage: bool) -> Vec<Cause> {
    let (from, to) = (verdict.leg.from.event, verdict.leg.to.event);
    let mut causes = Vec::new();
    let user = to.baseline_entity.as_ref().filter(|_| rule.baseline);
    // With Learn::Encountered, the location at the end of the leg decides alone.
    let is_from_free = verdict.from_known || (rule.learn == Learn::Encountered && user.is_some());
    for (end, is_known) in [(from, is_from_free), (to, verdict.to_known)] {
        if is_known || end.is_tor() {
            continue;
        }
        causes.extend(
            user.and_then(|user| Some(Cause::Location { user: user.clone(), place: end.place(rule.learn)? })),
        );
        causes.extend(end.site.address().map(Cause::Address));
        causes.extend(end.asn.map(Cause::System));
    }
    // With lineage, the entity is an access key, from which those of both ends may have been minted.
    let is_key = has_lineage || to.access_key_id.as_ref() == Some(&to.entity);
    let is_temporary = is_key && is_temporary_key(&to.entity);
    if user.is_none() && !is_temporary {
        causes.push(Cause::Entity(to.entity.clone()));
    }
    if let (Some(a), Some(b)) = (&from.country_code, &to.country_code)
        && !from.is_tor()
        && !to.is_tor()
    {
        causes.push(Cause::Countries(a.min(b).clone(), a.max(b).clone()));
    }
    causes
}

/// The user of a leg: the baseline user, or else the entity.
pub fn user_of(event: &EvaluatedEvent) -> &Arc<str> {
    event.baseline_entity.as_ref().unwrap_or(&event.entity)
}

impl Cause {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Location { .. } => "location",
            Self::Entity(_) => "entity",
            Self::Address(_) => "address",
            Self::System(_) => "asn",
            Self::Countries(..) => "countries",
        }
    }

    /// Whether the cause counts only if several users share it.
    pub fn must_be_shared(&self) -> bool {
        matches!(self, Self::Address(_) | Self::System(_) | Self::Countries(..))
    }

    /// The cause in words. `organization` is the name of an autonomous system.
    pub fn in_words(&self, organization: Option<&str>) -> String {
        match self {
            Self::Location { user, place } => format!("{user} in {place}"),
            Self::Entity(entity) => entity.to_string(),
            Self::Address(address) => address.to_string(),
            Self::System(asn) => match organization {
                Some(organization) => format!("AS{asn} ({organization})"),
                None => format!("AS{asn}"),
            },
            Self::Countries(a, b) if a == b => format!("within {a}"),
            Self::Countries(a, b) => format!("between {a} and {b}"),
        }
    }

    /// The row that would silence the cause.
    pub fn remedy(&self, rule: &str, organization: Option<&str>) -> Remedy {
        let reason = format!("suggested by travel.suggest: {}", self.in_words(organization));
        let reason = visible_string(first(LONGEST_NOTE, &reason));
        let of_rule = visible_string(rule);
        match self {
            Self::Location { user, place } => {
                let part =
                    |part: &Option<Arc<str>>| part.as_deref().map_or("NULL".to_owned(), visible_string);
                Remedy {
                    statement: format!(
                        "INSERT INTO travel.known_places (rule, baseline_entity, country_code, subdivision, city, \
                         valid_from, note) VALUES ({of_rule}, {}, {}, {}, {}, '-infinity', {reason});",
                        visible_string(user),
                        visible_string(&place.country_code),
                        part(&place.subdivision),
                        part(&place.city),
                    ),
                    rows: Additions {
                        analysts: vec![AnalystRow {
                            // The row does not exist.
                            id: 0,
                            baseline_entity: user.clone(),
                            known: KnownItem::Place(place.clone()),
                            valid_from: Micros::MIN,
                            valid_until: None,
                        }],
                        ..Additions::default()
                    },
                    network: None,
                }
            }
            Self::Entity(entity) => {
                let pattern = like_exactly(entity);
                suppression(
                    format!(
                        "INSERT INTO travel.suppressions (rule, entity_like, reason) VALUES ({of_rule}, {}, {reason});",
                        visible_string(&pattern)
                    ),
                    Suppression { entity_like: Some(pattern), ..Suppression::default() },
                )
            }
            Self::Countries(a, b) => suppression(
                format!(
                    "INSERT INTO travel.suppressions (rule, country_code_a, country_code_b, reason) VALUES ({of_rule}, \
                     {}, {}, {reason});",
                    visible_string(a),
                    visible_string(b)
                ),
                Suppression {
                    country_code_a: Some(a.to_string()),
                    country_code_b: Some(b.to_string()),
                    ..Suppression::default()
                },
            ),
            Self::Address(address) => {
                let scope = prefix(*address, if address.is_ipv4() { 32 } else { 128 });
                let name = address.to_string();
                network("network", &visible_string(&scope.to_string()), Scope::Prefix(scope), &name, &reason)
            }
            Self::System(asn) => {
                let name = organization.map(|name| first(LONGEST_NAME, name));
                let name = name
                    .filter(|name| !name.trim().is_empty())
                    .map_or_else(|| format!("AS{asn}"), str::to_owned);
                network("asn", &asn.to_string(), Scope::As(*asn), &name, &reason)
            }
        }
    }
}

/// The first characters of a text.
fn first(characters: usize, text: &str) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

fn suppression(statement: String, row: Suppression) -> Remedy {
    let rows = Additions { suppressions: vec![row], ..Additions::default() };
    Remedy { statement, rows, network: None }
}

fn network(column: &str, value: &str, scope: Scope, name: &str, note: &str) -> Remedy {
    Remedy {
        statement: format!(
            "INSERT INTO travel.networks ({column}, name, treatment, note) VALUES ({value}, {}, 'vpn', {note});",
            visible_string(name)
        ),
        rows: Additions::default(),
        network: Some(NamedNetwork {
            scope,
            name: name.into(),
            treatment: Treatment::Vpn,
            location: None,
            hosting: None,
            valid_from: None,
            valid_until: None,
            by_hand: true,
        }),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_first_characters_of_a_text() {
        assert_eq!(first(3, "éaéa"), "éaé");
        assert_eq!(first(3, "éaé"), "éaé");
        assert_eq!(first(0, "é"), "");
    }
}
