//! The rows that analysts entered in `known_places` and `known_transitions`. They overlay the learned baseline.

use super::place_key::{PlaceKey, Transition};
use super::settings::{Learn, Micros};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A row that an analyst entered, or that was entered when an alert was archived as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalystRow {
    /// The key of its row in the table of places or of transitions.
    pub id: i64,
    pub baseline_entity: Arc<str>,
    pub known: KnownItem,
    pub valid_from: Micros,
    /// `None`: without end.
    pub valid_until: Option<Micros>,
}

/// What a row makes known: a place or a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownItem {
    Place(PlaceKey),
    Transition(Transition),
}

/// The rows of analysts, indexed by baseline entity and by the place or transition that they make known.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    of: BTreeMap<Arc<str>, OfEntity>,
}

#[derive(Clone, Debug, Default)]
struct OfEntity {
    places: BTreeMap<PlaceKey, Vec<Validity>>,
    transitions: BTreeMap<Transition, Vec<Validity>>,
}

/// The time for which a row is valid: strictly after `from` and before `until`. A row that archiving an alert entered
/// takes the time of the alert's last leg, and must not cover that leg.
#[derive(Clone, Copy, Debug)]
struct Validity {
    /// The row that is valid.
    id: i64,
    from: Micros,
    until: Option<Micros>,
}

impl Overlay {
    pub fn new(rows: &[AnalystRow], learn: Learn) -> Self {
        let mut overlay = Self::default();
        for row in rows {
            let of_entity = overlay.of.entry(row.baseline_entity.clone()).or_default();
            let validities = match row.known.clone() {
                KnownItem::Place(place) => of_entity.places.entry(place.under(learn)).or_default(),
                KnownItem::Transition(transition) => {
                    of_entity.transitions.entry(transition.under(learn)).or_default()
                }
            };
            validities.push(Validity { id: row.id, from: row.valid_from, until: row.valid_until });
        }
        overlay
    }

    /// Returns whether a row makes this place known at this time.
    pub fn knows(&self, baseline_entity: &str, place: &PlaceKey, at: Micros) -> bool {
        self.place_rows(baseline_entity, place, at).next().is_some()
    }

    /// The ids of the rows that make this place known at this time.
    pub fn place_rows(
        &self,
        baseline_entity: &str,
        place: &PlaceKey,
        at: Micros,
    ) -> impl Iterator<Item = i64> {
        in_force(self.of.get(baseline_entity).and_then(|rows| rows.places.get(place)), at)
    }

    /// Returns whether a row makes this transition known at this time.
    pub fn knows_transition(&self, baseline_entity: &str, transition: &Transition, at: Micros) -> bool {
        self.transition_rows(baseline_entity, transition, at).next().is_some()
    }

    /// The ids of the rows that make this transition known at this time.
    pub fn transition_rows(
        &self,
        baseline_entity: &str,
        transition: &Transition,
        at: Micros,
    ) -> impl Iterator<Item = i64> {
        in_force(self.of.get(baseline_entity).and_then(|rows| rows.transitions.get(transition)), at)
    }

    /// Returns whether a row makes any place of this country known at this time.
    pub fn knows_country(&self, baseline_entity: &str, country_code: &Arc<str>, at: Micros) -> bool {
        let Some(rows) = self.of.get(baseline_entity) else { return false };
        rows.places
            .range(PlaceKey::first_of(country_code.clone())..)
            .take_while(|(place, _)| place.country_code == *country_code)
            .any(|(_, validities)| in_force(Some(validities), at).next().is_some())
    }
}

/// The ids of the rows that are in force at this time.
fn in_force(validities: Option<&Vec<Validity>>, at: Micros) -> impl Iterator<Item = i64> {
    validities
        .into_iter()
        .flatten()
        .filter(move |validity| validity.from < at && validity.until.is_none_or(|until| at < until))
        .map(|validity| validity.id)
}
