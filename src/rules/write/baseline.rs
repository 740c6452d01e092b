//! The rows of `travel.known_places` and `travel.known_transitions` that scans learn (origin `learnt`).

use super::Writer;
use crate::pg::errors::TravelError;
use crate::pg::spi::{self, Argument};
use std::sync::Arc;
use travel_core::rule::{BaselineState, LearnedPlace, LearnedTransition, PlaceKey, Transition};

/// A row that a baseline user has learned. A user has one for each key.
trait LearnedRow: PartialEq {
    type Key: Ord;

    fn key(&self) -> &Self::Key;

    /// The rows of a user, sorted by key.
    fn of(state: &BaselineState, name: &Arc<str>) -> impl Iterator<Item = Self>;
}

impl LearnedRow for LearnedPlace {
    type Key = PlaceKey;

    fn key(&self) -> &PlaceKey {
        &self.place
    }

    fn of(state: &BaselineState, name: &Arc<str>) -> impl Iterator<Item = Self> {
        state.learned_places(name)
    }
}

impl LearnedRow for LearnedTransition {
    type Key = Transition;

    fn key(&self) -> &Transition {
        &self.transition
    }

    fn of(state: &BaselineState, name: &Arc<str>) -> impl Iterator<Item = Self> {
        state.learned_transitions(name)
    }
}

/// How the learned rows of the evaluated users differ from those that are stored.
struct Changes<'w, R> {
    /// The users whose stored rows are not known, because they were evaluated again from an earlier checkpoint. All that
    /// is not among `written` is deleted.
    again: Vec<&'w str>,
    /// Rows that are new or have changed, and all rows of the users in `again`.
    written: Vec<R>,
    /// Rows that are stored and no longer learned.
    lost: Vec<R>,
}

impl<R> Default for Changes<'_, R> {
    fn default() -> Self {
        Self { again: Vec::new(), written: Vec::new(), lost: Vec::new() }
    }
}

impl<'w, R: LearnedRow> Changes<'w, R> {
    /// Adds the rows of a user who was evaluated again.
    fn add_again(&mut self, name: &'w Arc<str>, state: Option<&BaselineState>) {
        self.again.push(name);
        self.written.extend(state.into_iter().flat_map(|state| R::of(state, name)));
    }

    /// Adds the changes between two states of a user. The stored rows are those of the first state.
    fn add(&mut self, name: &Arc<str>, before: Option<&BaselineState>, state: Option<&BaselineState>) {
        let mut before = before.into_iter().flat_map(|state| R::of(state, name)).peekable();
        for row in state.into_iter().flat_map(|state| R::of(state, name)) {
            while let Some(lost) = before.next_if(|stored| stored.key() < row.key()) {
                self.lost.push(lost);
            }
            let stored = before.next_if(|stored| stored.key() == row.key());
            if stored.as_ref() != Some(&row) {
                self.written.push(row);
            }
        }
        self.lost.extend(before);
    }
}

impl Writer<'_> {
    /// Writes what the baseline users that were evaluated have learned.
    pub(super) fn write_baseline(&self) -> Result<(), TravelError> {
        let (mut places, mut transitions) = (Changes::default(), Changes::default());
        let mut members: Vec<_> = self.baselines.iter().collect();
        members.sort_unstable_by_key(|member| &member.name);
        for member in members {
            pgrx::check_for_interrupts!();
            let (name, state) = (&member.name, self.results.state.baselines.get(&member.name));
            if member.is_whole {
                places.add_again(name, state);
                transitions.add_again(name, state);
            } else {
                // The stored rows of a user who continues match the newest checkpoint: both are written together.
                let before = member.checkpoints.newest(&self.inputs.name)?;
                places.add(name, before.as_ref(), state);
                transitions.add(name, before.as_ref(), state);
            }
        }
        self.write_places(places);
        self.write_transitions(transitions);
        Ok(())
    }

    /// Writes the locations of the baseline users: known, on trial, or contested.
    fn write_places(&self, changes: Changes<LearnedPlace>) {
        let Changes { again, written, lost } = changes;
        let rule = Argument::text(&self.inputs.name);
        let keys = |rows: &[LearnedPlace]| {
            let text = |of: fn(&PlaceKey) -> Option<&Arc<str>>| {
                Argument::optional_texts(&rows.iter().map(|row| of(&row.place)).collect::<Vec<_>>())
            };
            let names: Vec<&Arc<str>> = rows.iter().map(|row| &row.baseline_entity).collect();
            [
                Argument::texts(&names),
                text(|place| Some(&place.country_code)),
                text(|place| place.subdivision.as_ref()),
                text(|place| place.city.as_ref()),
            ]
        };
        if !lost.is_empty() {
            let [names, countries, subdivisions, cities] = keys(&lost);
            spi::execute(DELETE_LOST_PLACES, &[rule, names, countries, subdivisions, cities]);
        }
        let [names, countries, subdivisions, cities] = keys(&written);
        if !again.is_empty() {
            let again = Argument::texts(&again);
            spi::execute(DELETE_OTHER_PLACES, &[rule, again, names, countries, subdivisions, cities]);
        }
        if !written.is_empty() {
            let states: Vec<&str> = written.iter().map(|row| row.state.into_str()).collect();
            let times =
                |of: fn(&LearnedPlace) -> i64| Argument::times(&written.iter().map(of).collect::<Vec<_>>());
            let (first, last) = (times(|row| row.first_seen), times(|row| row.last_seen));
            let states = Argument::texts(&states);
            spi::execute(PUT_PLACES, &[rule, names, countries, subdivisions, cities, states, first, last]);
        }
    }

    /// Writes the transitions that the baseline users have traveled.
    fn write_transitions(&self, changes: Changes<LearnedTransition>) {
        let Changes { again, written, lost } = changes;
        let rule = Argument::text(&self.inputs.name);
        let keys = |rows: &[LearnedTransition]| {
            let text = |of: fn(&Transition) -> Option<&Arc<str>>| {
                Argument::optional_texts(&rows.iter().map(|row| of(&row.transition)).collect::<Vec<_>>())
            };
            let names: Vec<&Arc<str>> = rows.iter().map(|row| &row.baseline_entity).collect();
            [
                Argument::texts(&names),
                text(|transition| Some(&transition.from.country_code)),
                text(|transition| transition.from.city.as_ref()),
                text(|transition| Some(&transition.to.country_code)),
                text(|transition| transition.to.city.as_ref()),
            ]
        };
        if !lost.is_empty() {
            let [names, from_countries, from_cities, to_countries, to_cities] = keys(&lost);
            spi::execute(
                DELETE_LOST_TRANSITIONS,
                &[rule, names, from_countries, from_cities, to_countries, to_cities],
            );
        }
        let [names, from_countries, from_cities, to_countries, to_cities] = keys(&written);
        if !again.is_empty() {
            let again = Argument::texts(&again);
            spi::execute(
                DELETE_OTHER_TRANSITIONS,
                &[rule, again, names, from_countries, from_cities, to_countries, to_cities],
            );
        }
        if !written.is_empty() {
            let times = |of: fn(&LearnedTransition) -> i64| {
                Argument::times(&written.iter().map(of).collect::<Vec<_>>())
            };
            let (first, last) = (times(|row| row.traveled.first_seen), times(|row| row.traveled.last_seen));
            spi::execute(
                PUT_TRANSITIONS,
                &[rule, names, from_countries, from_cities, to_countries, to_cities, first, last],
            );
        }
    }
}

/// The conditions on `origin` are those of the unique indexes, which find each row.
const DELETE_LOST_PLACES: &str = "
    DELETE FROM travel.known_places AS k
    USING (
        SELECT $1 AS rule, m.*
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
            AS m (baseline_entity, country_code, subdivision, city) OFFSET 0
    ) AS n
    WHERE k.rule = n.rule AND k.origin = 'learnt'
      AND (k.baseline_entity, k.country_code) = (n.baseline_entity, n.country_code)
      AND k.subdivision IS NOT DISTINCT FROM n.subdivision
      AND k.city IS NOT DISTINCT FROM n.city";

const DELETE_OTHER_PLACES: &str = "
    DELETE FROM travel.known_places
    WHERE place_id IN (
        SELECT k.place_id
        FROM unnest($2::text[]) AS m (name)
        CROSS JOIN LATERAL (
            SELECT * FROM travel.known_places
            WHERE rule = $1 AND baseline_entity = m.name AND origin = 'learnt' OFFSET 0
        ) AS k
        WHERE NOT EXISTS (
            SELECT
            FROM unnest($3::text[], $4::text[], $5::text[], $6::text[])
                AS n (baseline_entity, country_code, subdivision, city)
            WHERE (n.baseline_entity, n.country_code) = (k.baseline_entity, k.country_code)
              AND n.subdivision IS NOT DISTINCT FROM k.subdivision
              AND n.city IS NOT DISTINCT FROM k.city))";

const PUT_PLACES: &str = "
    INSERT INTO travel.known_places AS k
        (rule, baseline_entity, country_code, subdivision, city, state, origin, first_seen, last_seen)
    SELECT $1, n.baseline_entity, n.country_code, n.subdivision, n.city, n.state, 'learnt', n.first_seen, n.last_seen
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
        AS n (baseline_entity, country_code, subdivision, city, state, first_seen, last_seen)
    ON CONFLICT (rule, baseline_entity, country_code, subdivision, city) WHERE origin = 'learnt' DO UPDATE
    SET state = excluded.state, first_seen = excluded.first_seen, last_seen = excluded.last_seen
    WHERE (k.state, k.first_seen, k.last_seen)
        IS DISTINCT FROM (excluded.state, excluded.first_seen, excluded.last_seen)";

/// A rule that learns transitions does not distinguish subdivisions.
const DELETE_LOST_TRANSITIONS: &str = "
    DELETE FROM travel.known_transitions AS k
    USING (
        SELECT $1 AS rule, m.*
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
            AS m (baseline_entity, from_country_code, from_city, to_country_code, to_city) OFFSET 0
    ) AS n
    WHERE k.rule = n.rule AND k.origin = 'learnt'
      AND (k.baseline_entity, k.from_country_code, k.to_country_code)
          = (n.baseline_entity, n.from_country_code, n.to_country_code)
      AND k.from_city IS NOT DISTINCT FROM n.from_city
      AND k.to_city IS NOT DISTINCT FROM n.to_city";

const DELETE_OTHER_TRANSITIONS: &str = "
    DELETE FROM travel.known_transitions
    WHERE transition_id IN (
        SELECT k.transition_id
        FROM unnest($2::text[]) AS m (name)
        CROSS JOIN LATERAL (
            SELECT * FROM travel.known_transitions
            WHERE rule = $1 AND baseline_entity = m.name AND origin = 'learnt' OFFSET 0
        ) AS k
        WHERE NOT EXISTS (
            SELECT
            FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                AS n (baseline_entity, from_country_code, from_city, to_country_code, to_city)
            WHERE (n.baseline_entity, n.from_country_code, n.to_country_code)
                  = (k.baseline_entity, k.from_country_code, k.to_country_code)
              AND n.from_city IS NOT DISTINCT FROM k.from_city
              AND n.to_city IS NOT DISTINCT FROM k.to_city))";

const PUT_TRANSITIONS: &str = "
    INSERT INTO travel.known_transitions AS k
        (rule, baseline_entity, from_country_code, from_city, to_country_code, to_city, origin, first_seen, last_seen)
    SELECT $1, n.baseline_entity, n.from_country_code, n.from_city, n.to_country_code, n.to_city, 'learnt',
           n.first_seen, n.last_seen
    FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
        AS n (baseline_entity, from_country_code, from_city, to_country_code, to_city, first_seen, last_seen)
    ON CONFLICT (rule, baseline_entity, from_country_code, from_subdivision, from_city,
                 to_country_code, to_subdivision, to_city) WHERE origin = 'learnt' DO UPDATE
    SET first_seen = excluded.first_seen, last_seen = excluded.last_seen
    WHERE (k.first_seen, k.last_seen) IS DISTINCT FROM (excluded.first_seen, excluded.last_seen)";
